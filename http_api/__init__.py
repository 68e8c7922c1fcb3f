"""HTTP APIs beside the page, each with its own keys: knows Starlette, not Gradio."""
