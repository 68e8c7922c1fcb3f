"""What visitors see and clients call, in Gradio; `app.py` puts it together."""
