"""What people do with a clip, wherever it is shown: use a frame, extend it, share it, keep it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from page.components import PRIVATE
from page.errors import plain_errors
from page.form_values import REMIX, form_of_request
from page.forms import connect_link
from page.inspection import inspect
from page.served_files import refuse_unserved, serve, serve_picture
from pipeline.errors import InvalidRequestError
from pipeline.jobs.posters import find_gif, find_poster, find_webm
from pipeline.planning.request import SOURCE_FIELDS
from pipeline.studio import Studio

BUTTONS = {
    "use_frame": "Use this frame",
    "extend": "Extend this",
    "remix": "Remix",
    "gif": "GIF",
    "webm": "WebM",
    "poster": "Poster",
    "link": "Copy link",
}
# The browser asks for the file by itself, under its name.
_DOWNLOAD = """(path) => {
  if (!path) return;
  const link = document.createElement("a");
  link.href = "gradio_api/file=" + path;
  link.download = path.split("/").pop();
  link.click();
}"""

Updates = dict[Any, Any]


class ClipActions:
    """The buttons under a clip, in the Blocks being built. `parts` are updated with `show`."""

    def __init__(self, studio: Studio, name: str, job_id: gr.State, clip: Component) -> None:
        """Create the buttons of the clip that the component `name`-clip shows."""
        self._studio, self._name, self._job_id, self._clip = studio, name, job_id, clip
        self.parts: dict[str, Any] = {}
        for part, label in BUTTONS.items():
            self.parts[part] = gr.Button(
                label, size="sm", min_width=80, interactive=False, elem_id=f"{name}-{part}"
            )
        self.parts["form"] = gr.JSON(visible=False)
        self.parts["next_prompt"] = gr.Textbox(visible=False)
        self._second = gr.Number(visible=False)
        self._file = gr.Textbox(visible=False)

    def show(self, job_id: str | None) -> dict[str, Any]:
        """Return the changes of `parts` for a job's clip; without one, nothing can be pressed."""
        has_clip = job_id is not None and self._studio.worker.result(job_id) is not None
        updates: dict[str, Any] = {name: gr.Button(interactive=has_clip) for name in BUTTONS}
        updates |= {"form": None, "next_prompt": ""}
        if job_id is not None:
            facts = self._studio.worker.store.facts(job_id)
            updates["form"] = _shareable(form_of_request(facts.request, facts.tab))
            updates["link"] = gr.Button(interactive=True)
            # Those of the recipe may be rewritten, as the clip was made.
            made: Any = self._studio.worker.recipe(job_id) or facts.request.to_json()
            updates["next_prompt"] = made["shots"][-1]["prompt"]
        return updates

    def connect(self, tabs: gr.Tabs, forms: Mapping[str, Mapping[str, Component]]) -> None:
        """Connect the buttons, with the forms of the tabs that take a picture or a clip."""
        image = forms["image_to_video"]
        at_now = f"document.querySelector('#{self._name}-clip video')?.currentTime ?? null"
        self.parts["use_frame"].click(
            self._use_frame,
            [self._second, self._clip, self.parts["next_prompt"]],
            [tabs, image["image"], image["prompt"]],
            js=f"(second, ...rest) => [{at_now}, ...rest]",
            **PRIVATE,
        )
        for name, tab in {"extend": "extend_video", "remix": REMIX}.items():
            self.parts[name].click(
                partial(self._use_clip, tab),
                [self._clip, self.parts["next_prompt"]],
                [tabs, forms[tab]["video"], forms[tab]["prompt"]],
                api_name="_use_clip",
                **PRIVATE,
            )
        for name, find in {"gif": self._find_gif, "webm": self._find_webm}.items():
            self._connect_download(name, partial(self._serve_export, find))
        self._connect_download("poster", self._serve_poster)
        connect_link(self.parts["link"], self.parts["form"])

    def _connect_download(self, name: str, work: Callable[..., Awaitable[str]]) -> None:
        self.parts[name].click(work, self._job_id, self._file, **PRIVATE).then(
            None, self._file, None, js=_DOWNLOAD, **PRIVATE
        )

    async def _use_frame(
        self, second: float | None, clip: str, prompt: str
    ) -> tuple[gr.Tabs, str, str]:
        """Take the frame that the player shows to the tab that starts from a picture."""

        def serve_frame() -> Path:
            moment = {} if second is None else {"seconds": float(second)}
            return serve_picture(self._studio.frame(clip, **moment), "frame.png")

        with plain_errors():
            refuse_unserved(clip)
            picture = await inspect(self._studio, serve_frame)
            return gr.Tabs(selected="image_to_video"), str(picture), prompt

    def _use_clip(self, tab: str, clip: str, prompt: str) -> tuple[gr.Tabs, str, str]:
        with plain_errors():
            refuse_unserved(clip)
            return gr.Tabs(selected=tab), clip, prompt

    async def _serve_export(self, find: Callable[..., Path], job_id: str | None) -> str:
        with plain_errors():
            return str(await inspect(self._studio, find, job_id))

    async def _serve_poster(self, job_id: str | None) -> str:
        with plain_errors():
            return str(await asyncio.to_thread(self._find_poster, job_id))

    def _find_gif(self, job_id: str | None) -> Path:
        clip = self._result(job_id)
        recipe = self._studio.worker.recipe(clip.parent.name) or {}
        gif = find_gif(clip, float(recipe.get("fps") or 16))  # type: ignore[arg-type]
        return self._serve(gif, ".gif")

    def _find_webm(self, job_id: str | None) -> Path:
        return self._serve(find_webm(self._result(job_id)), ".webm")

    def _find_poster(self, job_id: str | None) -> Path:
        poster = find_poster(self._result(job_id))
        if poster is None:
            raise InvalidRequestError("This clip has no picture; make it again.")
        return self._serve(poster, ".webp")

    def _result(self, job_id: str | None) -> Path:
        clip = job_id and self._studio.worker.result(job_id)
        if not clip:
            raise InvalidRequestError("There is no clip yet; make one first.")
        return clip

    def _serve(self, path: Path, suffix: str) -> Path:
        job_id = path.parent.name
        seed = self._studio.worker.store.facts(job_id).request.seed
        return serve(path, job_id, f"kinora-{seed}{suffix}")


def _is_place(name: str) -> bool:
    """Return whether a model or a LoRA is named by its place on this computer."""
    name = name.removeprefix("high: ").removeprefix("low: ")
    return name.startswith(("~", ".", "/", "\\")) or name[1:2] == ":"


def _shareable(form: dict[str, Any]) -> dict[str, Any]:
    """Return a form without files, their places, and what is said for one request alone."""
    private = {*SOURCE_FIELDS, "joined", "characters", "has_consent"}
    if _is_place(form["model"]):
        private.add("model")
    form = form | {"loras": "\n".join(x for x in form["loras"].splitlines() if not _is_place(x))}
    shared = {name: value for name, value in form.items() if name not in private}
    if "shots" in shared:
        shared["shots"] = [
            {name: value for name, value in shot.items() if name != "image"}
            for shot in shared["shots"]
        ]
    return shared
