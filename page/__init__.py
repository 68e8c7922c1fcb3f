"""The user interface and the public API, in Gradio. `app.py` puts them together."""
