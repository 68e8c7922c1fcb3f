"""HTTP APIs beside the page, for programs and agents with keys: knows Starlette, not Gradio."""
