"""Defines every component of the page once, and which of them each task's tab has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import Dependency

from page import messages
from page.errors import plain_errors
from page.private_gradio import OpenRadio
from pipeline.models.registry import Models
from pipeline.models.spec import Direction, ModelSpec, Quality, Task
from pipeline.planning.request import (
    DEFAULT_SHOT_SECONDS,
    DEFAULT_STRENGTH,
    MAX_CLIP_SECONDS,
    MAX_GUIDANCE_SCALE,
    MAX_INFERENCE_STEPS,
    MAX_SHIFT,
    MAX_VARIATIONS,
    MIN_SHOT_SECONDS,
)
from pipeline.planning.rewriting import SHORT_WORDS
from pipeline.studio import Studio

ASSETS = Path(__file__).resolve().parent.parent / "assets"
EXAMPLES = ASSETS / "examples"
MAX_WATCHING = 32  # visitors who watch a job at the same time; the jobs themselves queue

TAB_LABELS: dict[Task, str] = {
    "text_to_video": "Text to video",
    "image_to_video": "Image to video",
    "extend_video": "Extend a clip",
}
TITLES: dict[Task, str] = {
    "text_to_video": "What do you want to make?",
    "image_to_video": "Move a picture",
    "extend_video": "Go on with a clip",
}
GENERATE_LABELS: dict[Task, str] = {
    "text_to_video": "Make the clip",
    "image_to_video": "Bring it to life",
    "extend_video": "Extend the clip",
}
DIRECTION_LABELS: dict[Direction, str] = {
    "forward": "at its end",
    "backward": "at its beginning",
    "loop": "make it loop",
    "bridge": "connect to another clip",
}
CHANGE_LABELS: dict[Task, str] = {
    "remix_video": "change it with new words",
    "retake_video": "make a part of it again",
    "cut_video": "cut it, or join clips",
}
QUALITY_LABELS: dict[Quality, str] = {
    "draft": "Draft",
    "standard": "Standard",
    "hd": "HD",
}
# The inputs of each tab above the settings, in page order, named after the request's fields.
FIELDS: dict[Task, tuple[str, ...]] = {
    "text_to_video": ("prompt", "aspect_ratio", "duration"),
    "image_to_video": ("image", "has_consent", "prompt", "aspect_ratio", "duration"),
    "extend_video": ("video", "has_consent", "prompt", "direction", "video_after", "duration"),
}
ADVANCED_SETTINGS = (
    *("seed", "num_inference_steps", "guidance_scale", "shift", "negative_prompt"),
    *("label", "shows_prompt", "loras"),
)
MODEL_SETTINGS = (
    *("enhance", "quality", "num_inference_steps", "guidance_scale", "shift", "negative_prompt"),
    "loras",
)
"""The settings that not every model has."""
SETTINGS = ("model", "enhance", "quality", *ADVANCED_SETTINGS)
Trigger = Callable[..., Any]
"""What `gr.on` takes: an event of a component, such as `part.change`."""
PROGRESS_BAR = '<progress max="1" value="${value}" aria-label="Progress"></progress>'
# Screen readers say these when they change.
_POLITE = '<div aria-live="polite">${value || ""}</div>'
_ALERT = '<div role="alert">${value || ""}</div>'
_LINE = '${value ? `<p>${value}</p>` : ""}'
_OWN_DEFAULT = "0 = model default"
# Every component of a tab; `info` and values that depend on the tab are added there.
PARTS: dict[str, partial[Component]] = {
    "prompt": partial(gr.Textbox, "", label="Prompt", lines=3, max_lines=8),
    "image": partial(gr.File, label="Picture", file_types=["image", ".heic", ".heif"], height=150),
    "video": partial(gr.Video, label="Clip", sources=["upload"], height=260),
    "has_consent": partial(gr.Checkbox, label="Everyone shown in this clip has agreed"),
    "video_after": partial(
        gr.Video, label="The clip to connect to", sources=["upload"], height=200, visible=False
    ),
    "aspect_ratio": partial(gr.Radio, label="Aspect ratio", elem_classes="kinora-shapes"),
    "camera": partial(gr.Dropdown, label="Camera", min_width=160),
    "direction": partial(
        gr.Radio,
        label="Extend it",
        choices=[(label, direction) for direction, label in DIRECTION_LABELS.items()],
        value="forward",
    ),
    "duration": partial(
        gr.Slider,
        MIN_SHOT_SECONDS,
        MAX_CLIP_SECONDS,
        DEFAULT_SHOT_SECONDS,
        step=0.5,
        label="Length (seconds)",
    ),
    "change": partial(
        gr.Radio,
        label="What to do",
        choices=[(label, task) for task, label in CHANGE_LABELS.items()],
        value="remix_video",
    ),
    "strength": partial(
        gr.Slider,
        *(0, 1, DEFAULT_STRENGTH),
        step=0.05,
        label="How much changes",
        info="0 = the clip itself, 1 = the words alone",
    ),
    "start": partial(gr.Number, 0, label="From (seconds)", minimum=0, min_width=120),
    "end": partial(
        gr.Number, 0, label="To (seconds)", minimum=0, min_width=120, info="0 = the end of a cut"
    ),
    "joined": partial(
        gr.File,
        label="Then these clips, in this order",
        file_types=["video"],
        file_count="multiple",
        allow_reordering=True,
        height=140,
    ),
    "spans": partial(
        gr.Textbox,
        "",
        label="Parts of them (seconds)",
        info="A line for each, such as 1 - 2.5; an empty line is all of it",
        lines=2,
    ),
    "own": partial(gr.Dropdown, label="Add one of your clips", choices=[]),
    "transition": partial(gr.Radio, ["cut", "dissolve"], value="cut", label="Where they meet"),
    "seed": partial(gr.Number, -1, label="Seed", info="-1 = random", min_width=120),
    "model": partial(gr.Dropdown, label="Model", min_width=160),
    "quality": partial(
        OpenRadio,
        label="Quality",
        choices=[(label, quality) for quality, label in QUALITY_LABELS.items()],
        value="standard",
    ),
    "enhance": partial(
        gr.Checkbox,
        True,
        label="Rewrite short prompts",
        info=f"With fewer than {SHORT_WORDS} words, as a paragraph: what this model was trained on",
    ),
    "num_inference_steps": partial(
        gr.Slider, 0, MAX_INFERENCE_STEPS, 0, step=1, label="Inference steps", info=_OWN_DEFAULT
    ),
    "guidance_scale": partial(
        gr.Slider, 0, MAX_GUIDANCE_SCALE, 0, step=0.5, label="Guidance scale", info=_OWN_DEFAULT
    ),
    "shift": partial(gr.Slider, 0, MAX_SHIFT, 0, step=0.5, label="Flow shift", info=_OWN_DEFAULT),
    "negative_prompt": partial(gr.Textbox, "", label="Negative prompt", info="What to avoid"),
    "label": partial(
        gr.Dropdown,
        label="Visible label",
        info="Writes into the picture that it is AI-generated",
        choices=[("none", ""), ("in the corner", "corner"), ("moving", "moving")],
        value="",
    ),
    "shows_prompt": partial(
        gr.Checkbox,
        label="Include my prompt in the file's credentials",
        info="Otherwise they carry only a fingerprint of it",
    ),
    "loras": partial(gr.Textbox, "", label="LoRAs", lines=2, max_lines=4),
    "knows": partial(gr.Markdown, elem_classes="kinora-note"),
    "told": partial(gr.HTML, html_template=_POLITE, elem_classes="kinora-said"),
    "offer": partial(gr.HTML, "", elem_classes="kinora-said"),
    "switch": partial(gr.Button, "Switch", size="sm", visible=False),
    "source": partial(gr.Markdown, elem_classes="kinora-note"),
    "crop": partial(gr.Image, label="Picture as it is used", height=200, buttons=[], visible=False),
    "plan": partial(gr.Markdown, elem_classes="kinora-note"),
    "ask": partial(gr.HTML, "", html_template=_ALERT, elem_classes="kinora-said"),
    "count": partial(
        gr.Radio,
        [(str(count), count) for count in range(1, MAX_VARIATIONS + 1)],
        value=1,
        label="Variations",
        elem_classes="kinora-shapes",
    ),
    "undo": partial(gr.Button, "Undo: bring the other variations back", size="sm", visible=False),
    "generate": partial(gr.Button, variant="primary"),
    "update": partial(gr.Button, visible=False),
    "pause": partial(gr.Button, "Pause", visible=False, min_width=80),
    "resume": partial(gr.Button, "Resume", visible=False, min_width=80),
    "stop": partial(gr.Button, "Stop", variant="stop", visible=False, min_width=80),
    # Not gr.Markdown, which draws changes one after the other and falls seconds behind a job.
    "status": partial(gr.HTML, "", html_template=_LINE, elem_classes="kinora-status"),
    "progress": partial(gr.HTML, 0, html_template=PROGRESS_BAR, visible=False),
    "preview": partial(gr.Image, label="Preview", height=340, buttons=[], visible=False),
    "clip": partial(gr.Video, label="Result", interactive=False, autoplay=True, visible=False),
    "words": partial(
        gr.Textbox, label="Prompt, before and after", max_lines=12, interactive=False, visible=False
    ),
    "seed_used": partial(gr.Textbox, label="Seed used", interactive=False, min_width=140),
    "hd": partial(gr.Button, "Make this in HD", size="sm", visible=False),
    "recipe": partial(gr.JSON, show_label=False),
}
# Options for the page's own events: not in the public API, no loading overlay on the outputs.
# With no component to show progress on, either: at each event Gradio looks in the tree of the page
# for every output of all earlier ones, which took half of the seconds until the page was there.
PRIVATE = {"api_visibility": "private", "show_progress": "hidden", "show_progress_on": []}


def create_part(tab: str, name: str, **changes: object) -> Component:
    """Create a component of `PARTS` for a tab, with the tab's changes."""
    return PARTS[name](elem_id=f"{tab}-{name}", **changes)


def clear_consent(triggers: list[Trigger], parts: Mapping[str, Component]) -> None:
    """Clear the tick of consent when a picture or clip is new: it was given for the last one."""
    if triggers:
        gr.on(triggers, None, None, parts["has_consent"], js="() => false", **PRIVATE)


def to_fields(names: Iterable[str], values: Iterable[Any]) -> dict[str, Any]:
    """Return the values of components as the fields of a request.

    A ticked "Rewrite short prompts" leaves the choice to the model's default.
    """
    fields = dict(zip(names, values, strict=False))
    return fields | {"enhance": None} if fields.get("enhance") is True else fields


def offer_settings(
    spec: ModelSpec, models: Models, quality: Quality = "standard"
) -> dict[str, dict[str, object]]:
    """Return changes that show a model's settings, and hide and reset the ones it lacks.

    `quality` is chosen, or the one to begin with if a model does not offer that.
    """
    has = {
        "enhance": spec.prompt_words is not None,
        "num_inference_steps": spec.can_choose_steps,
        "guidance_scale": spec.default_guidance_scale is not None,
        "shift": spec.default_shift is not None,
        "negative_prompt": spec.uses_negative_prompt,
        "loras": spec.takes_loras and (models.is_open or bool(models.loras)),
    }
    # A ticked "enhance" asks for nothing; see `to_fields`.
    empty: dict[str, object] = {"enhance": True, "negative_prompt": "", "loras": ""}
    changes: dict[str, dict[str, object]] = {
        name: {"visible": True} if is_shown else {"visible": False, "value": empty.get(name, 0)}
        for name, is_shown in has.items()
    }
    changes["negative_prompt"]["info"] = messages.describe_negative_prompt(spec)
    qualities = [(QUALITY_LABELS[quality], quality) for quality in spec.qualities]
    changes["quality"] = {
        "visible": len(qualities) > 1,
        "choices": qualities,
        "value": quality,
        "info": messages.describe_qualities(spec) or None,
    }
    return changes


def offer_cameras(spec: ModelSpec, chosen: str = "") -> dict[str, Any]:
    """Return the changes that offer a model's camera moves, and keep the chosen one if so."""
    moves = ["", *spec.camera_words]
    choices = [(move or "As in my text", move) for move in moves]
    return {"choices": choices, "value": chosen if chosen in moves else ""}


def offer_shapes(spec: ModelSpec, task: Task, chosen: str | None = None) -> dict[str, Any]:
    """Return the changes that offer the aspect ratios of a task, and keep the chosen one if so."""
    names = [*spec.sizes_for(task)]
    if task == "image_to_video":
        names.insert(0, "auto")
    return {"choices": names, "value": chosen if chosen in names else names[0]}


def keep_settings(
    spec: ModelSpec, studio: Studio, quality: Quality | None
) -> dict[str, dict[str, object]]:
    """Return the changes of `offer_settings`, which leave a chosen quality if the model has it."""
    changes = offer_settings(spec, studio.models, studio.offers.first_quality(spec))
    if quality in spec.qualities:
        del changes["quality"]["value"]
    return changes


def connect_beginnings(
    parts: Mapping[str, Component], studio: Studio, switched: Dependency
) -> None:
    """Choose the quality and the length to begin with when a user chooses or switches the model."""
    offered = [parts[name] for name in ("quality", "duration") if name in parts]

    def begin(model: str, *durations: float) -> list[object]:
        with plain_errors():
            spec = studio.models.find(model)
        return [
            studio.offers.first_quality(spec),
            *(studio.offers.first_seconds(spec, x) for x in durations),
        ]

    how = {"fn": begin, "inputs": [parts["model"], *offered[1:]], "outputs": offered}
    parts["model"].input(**how, queue=False, **PRIVATE)
    switched.then(**how, queue=False, **PRIVATE)


def find_offered(studio: Studio, task: Task, model: object) -> ModelSpec:
    """Return the row of a model if it is offered for a task, else, with a notice, the first one."""
    offered = {spec.id: spec for spec in studio.offers.for_task(task)}.get(str(model))
    if offered is None:
        offered = studio.offers.first_model(task)
        if model:
            gr.Info(f"The model of this form is not offered here; {offered.label} is chosen.")
    return offered


def create_settings(tab: str, task: Task, studio: Studio) -> dict[str, Component]:
    """Create the settings of a tab, with a model selected that can do its task.

    If requests may name models that are not offered, the menu accepts typed values.
    """
    models, first = studio.models, studio.offers.first_model(task)
    changes: dict[str, dict[str, object]] = {
        **offer_settings(first, models, studio.offers.first_quality(first)),
        "model": {
            "choices": [(spec.label, spec.id) for spec in studio.offers.for_task(task)],
            "value": first.id,
            "allow_custom_value": models.is_open,
            "info": messages.describe_choice(models),
        },
    }
    changes["loras"] |= {
        "info": messages.describe_loras(models),
        "placeholder": "owner/name/file.safetensors 0.8" if models.is_open else None,
    }
    with gr.Row(elem_classes="kinora-actions"):
        parts = {"model": create_part(tab, "model", **changes["model"])}
        if tab == task:  # a film has a camera on each card
            parts["camera"] = create_part(tab, "camera", **offer_cameras(first))
    for name in ("enhance", "quality"):
        parts[name] = create_part(tab, name, **changes[name])
    with gr.Accordion("Advanced", open=False, elem_id=f"{tab}-advanced"):
        return parts | {
            name: create_part(tab, name, **changes.get(name, {})) for name in ADVANCED_SETTINGS
        }
