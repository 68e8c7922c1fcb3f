"""What helps with a prompt: what the model makes of it, a model that can draw more, and words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from page import messages
from page.components import ASSETS, PRIVATE, Trigger, create_part
from page.errors import plain_errors
from pipeline.errors import InvalidRequestError
from pipeline.jobs.history import visitor_key
from pipeline.models.registry import EMBEDDED
from pipeline.models.spec import ModelSpec, Task
from pipeline.models.vocabulary import read_vocabulary
from pipeline.planning.understanding import Understanding
from pipeline.studio import Studio

# Waits for a pause in typing, then takes what the box holds by then: what is typed meanwhile
# triggers nothing, because Gradio ignores events while this runs.
_DEBOUNCED = """async (model, prompt, ...others) => {{
  await new Promise((done) => setTimeout(done, 300));
  return [model, document.querySelector("#{tab}-prompt textarea")?.value ?? prompt, ...others];
}}"""
Words = tuple[list[str], float]
"""Prompts, and how many seconds they last together."""
_KINDS = {
    "subject": "Subject",
    "colour": "Colour",
    "place": "Place",
    "time": "Time",
    "weather": "Weather",
    "motion": "Motion",
    "camera": "Camera",
    "style": "Style",
}


class PromptHelp:
    """The lines under a prompt, and the words that can be written into it."""

    def __init__(
        self, studio: Studio, tab: str, task: Task, visitor: gr.BrowserState, box: str = ""
    ) -> None:
        """Create the components in the Blocks being built; the visitor's characters are known.

        `box` selects what the words are written into, if not the tab's prompt; of several boxes the
        one that had the focus last.
        """
        self._studio = studio
        self._task = task
        self._tab = tab
        self._visitor = visitor
        writes = escape(box or f"#{tab}-prompt textarea")
        spec = studio.offers.first_model(task)
        self._before = gr.State("")  # the model that "Back to" leads back to
        with gr.Column(elem_classes="kinora-help"):
            self.told = create_part(tab, "told", value=self._note(spec))
            self.offer, self.switch = create_part(tab, "offer"), create_part(tab, "switch")
        with gr.Accordion("Words to choose from", open=False, elem_id=f"{tab}-words-fold"):
            self._chips = gr.HTML(
                self._show_words(spec),
                elem_id=f"{tab}-chips",
                html_template=f'<div data-writes="{writes}">${{value}}</div>',
                js_on_load=(ASSETS / "chips.js").read_text(encoding="utf-8"),
            )

    def connect(self, prompt: Component, model: Component, duration: Component) -> None:
        """Follow the one prompt of a tab, as `follow` does, while it is typed."""
        js = _DEBOUNCED.format(tab=self._tab)
        self.follow([prompt.change], model, [prompt, duration], lambda x, y: ([x], y), js=js)

    def follow(
        self,
        typed: Sequence[Trigger],
        model: Component,
        inputs: Sequence[Component],
        read: Callable[..., Words],
        **options: str,
    ) -> None:
        """Follow what is typed and chosen, and switch the model when the button is pressed.

        `typed` are triggers, with their `options`; `read` returns the words of the values of
        `inputs`.
        """
        self._read = read
        following = {"queue": False, "trigger_mode": "always_last", **PRIVATE}
        given = [model, *inputs, self._visitor]
        for triggers, more in ((typed, options), ([model.change], {})):
            told = gr.on(triggers, self._tell, given, self.told, **following, **more)
            # After the words: a first look may wait for the Hub to say how large a model is.
            offered = [self.offer, self.switch]
            told.then(self._offer, [self._before, *given], offered, **following)
        self.switched = self.switch.click(
            self._switch, [model, self._before], [model, self._before], queue=False, **PRIVATE
        )
        model.change(
            lambda name: self._show_words(self._find(name)),
            model,
            self._chips,
            queue=False,
            **PRIVATE,
        )

    async def warn(self, prompt: str, model: str) -> str:
        """Return what to confirm first, as `warn_of_unknown` does; a picture is drawn anyway."""
        if self._note(self._find(model)):
            return ""
        return await warn_of_unknown(self._studio, [prompt], model)

    def _note(self, spec: ModelSpec) -> str:
        """Return what a model does with a picture, if that is all that it does."""
        return escape(spec.picture_note) if self._task == "image_to_video" else ""

    def _find(self, model: str) -> ModelSpec:
        with plain_errors():
            return self._studio.models.find(model)

    async def _tell(self, model: str, *values: Any) -> str:  # noqa: ANN401
        *typed, visitor = values
        note = self._note(self._find(model))
        prompts = _written(self._read(*typed)[0])
        if note or not prompts:
            return note
        said = await understand(self._studio, prompts, model, visitor)
        return messages.describe_understanding(said)

    async def _offer(self, before: str, model: str, *values: Any) -> tuple[str, gr.Button]:  # noqa: ANN401
        """Offer a larger model if there are words that this one does not know, or the way back."""
        *typed, visitor = values
        if before and before != model:
            label = self._find(before).label
            return "", gr.Button(f"Back to {label}", visible=True)
        prompts, seconds = self._read(*typed)
        said = await understand(self._studio, _written(prompts), model, visitor)
        larger = self._studio.offers.larger_model(self._task) if said.unknown else None
        if larger is None or larger.id == model:
            return "", gr.Button(visible=False)
        seconds = self._studio.offers.first_seconds(larger, seconds)
        fields = {"model": larger.id, "duration": seconds}
        fields["quality"] = self._studio.offers.first_quality(larger)
        try:
            estimate = await asyncio.to_thread(
                self._studio.estimate_request, "text_to_video", fields
            )
        except InvalidRequestError:  # a length that this model does not make
            return "", gr.Button(visible=False)
        text = messages.describe_offer(larger, estimate, seconds)
        return text, gr.Button(f"Switch to {larger.label}", visible=True)

    def _switch(self, model: str, before: str) -> tuple[str, str]:
        """Switch to the larger model, or back."""
        if before and before != model:
            return before, ""
        larger = self._studio.offers.larger_model(self._task)
        return (larger.id, model) if larger is not None else (model, "")

    def _show_words(self, spec: ModelSpec) -> str:
        """Return the chips of the embedded world, with the camera moves of the chosen model.

        They are plain English, so that other models read them too.
        """
        embedded = self._studio.models.get(EMBEDDED, spec)
        words = read_vocabulary(spec) or read_vocabulary(embedded)
        if not spec.reader:
            words["camera"] = tuple(move.rstrip(".") for move in spec.camera_words.values())
        groups = [
            f"<fieldset><legend>{label}</legend>{_buttons(kind, words[kind])}</fieldset>"
            for kind, label in _KINDS.items()
            if words.get(kind)
        ]
        surprise = '<button type="button" class="kinora-surprise">Surprise me</button>'
        return surprise + "".join(groups)


def _written(prompts: Sequence[str]) -> list[str]:
    return [prompt for prompt in prompts if prompt.strip()]


def _buttons(kind: str, phrases: Sequence[str]) -> str:
    return "".join(
        f'<button type="button" class="kinora-chip" data-kind="{kind}">{escape(phrase)}</button>'
        for phrase in phrases
    )


async def understand(
    studio: Studio, prompts: Sequence[str], model: str, visitor: str | None = None
) -> Understanding:
    """Say what a model makes of prompts, beside the event loop; a visitor has characters."""
    if not prompts:
        return Understanding()
    with plain_errors():
        spec = studio.models.find(model)
    called = None
    if visitor:
        owner = visitor_key(visitor)
        called = await asyncio.to_thread(studio.characters.called_in, owner, prompts)
    return await asyncio.to_thread(studio.readers.understand, prompts, spec, characters=called)


async def warn_of_unknown(studio: Studio, prompts: Sequence[str], model: str) -> str:
    """Return what to confirm before a clip is made: nothing, unless all words are unknown."""
    said = await understand(studio, _written(prompts), model)
    return messages.warn_of_nothing(said, studio.models.find(model)) if said.knows_nothing else ""
