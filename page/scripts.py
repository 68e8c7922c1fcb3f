"""The page's own scripts, as one that runs when the page is loaded."""

from __future__ import annotations

import json

from page.components import ASSETS
from page.form_values import SHOT_FIELDS

NAMES = ("cards.js", "forms.js", "queue.js", "access.js")


def read_scripts() -> str:
    """Return the scripts as one, for the head of the page; each is a function itself."""
    texts = [(ASSETS / name).read_text(encoding="utf-8").rstrip().rstrip(";") for name in NAMES]
    known = f"window.kinoraShotFields = {json.dumps(SHOT_FIELDS)};\n"
    return known + "".join(f"(\n{text}\n)();\n" for text in texts)
