"""Shows clips of the server in the fields for uploads of a tab."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from page.components import PRIVATE
from page.form_values import Form, find_file

# In the browser, as an upload is: Gradio converts the clips that a server shows with the system's
# ffmpeg, whatever they contain.
_SHOW = """(paths) => {names}.map((name) => paths?.[name] ? {{
  path: paths[name],
  url: new URL("gradio_api/file=" + paths[name], location.origin + location.pathname).href,
  orig_name: paths[name].split("/").pop(),
  meta: {{ _type: "gradio.FileData" }},
}} : null)"""


class ShownClips:
    """The clips that a form fills in, in the Blocks being built."""

    def __init__(self) -> None:
        """Create what holds their places, by the names of their fields."""
        self.paths = gr.JSON(visible="hidden")

    def connect(self, parts: Mapping[str, Component]) -> None:
        """Show in each of `parts` the clip of its name."""
        self._names = [*parts]
        names = json.dumps(self._names)
        js = _SHOW.format(names=names)
        self.paths.change(None, self.paths, [*parts.values()], js=js, **PRIVATE)

    def fill(self, form: Form) -> dict[Component, Any]:
        """Return the update that shows a form's clips, also if they are the same again."""
        clips = {name: find_file(form.get(name)) for name in self._names}
        return {self.paths: clips | {"is_new": secrets.token_hex(4)}}
