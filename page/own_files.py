"""Serves the page's own files: type, icons and example clips, from assets/page."""

from __future__ import annotations

from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from page.components import ASSETS

# Beside Gradio's own /assets and /static. The page needs them before the login too.
PATH = "/kinora"
FOLDER = ASSETS / "page"


def create_route() -> Mount:
    """Return the route of the page's own files; browsers keep them, and ask if they changed."""
    return Mount(PATH, StaticFiles(directory=FOLDER), name="kinora")
