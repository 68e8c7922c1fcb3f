"""Forms: what made a clip, as the values of its tab's components, from requests and recipes.

A form is JSON with the names of the request's fields, and `tab`. It is also what a draft in the
browser and a copied link contain, so that nothing in it is trusted.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from page.served_files import serving_folder
from pipeline.errors import InvalidRequestError
from pipeline.planning.request import MAX_PROMPT_CHARACTERS, GenerationRequest

FILM, REMIX = "film", "remix"
CHANGES = ("remix_video", "retake_video", "cut_video")
"""The tasks of the tab `REMIX`."""
Form = dict[str, Any]
_SPAN = re.compile(r"(\d+(?:\.\d*)?)?\s*(?:[-\u2013]\s*(\d+(?:\.\d*)?)?)?")
SHOT_FIELDS = ("prompt", "duration", "camera", "transition", "image", "take")
_FILE_PARTS = (gr.File, gr.Video, gr.Image)
# Of a request's fields: "0 = model default" is nothing, and a ticked "enhance" asks for nothing.
_NOTHING: dict[str, object] = {
    "num_inference_steps": 0,
    "guidance_scale": 0,
    "shift": 0,
    "enhance": True,
}


def form_of_request(request: GenerationRequest, tab: str = "") -> Form:
    """Return the form that makes a request; files are paths. `tab` is the one it was made in."""
    return _form(request.to_json(), tab)


def form_of_recipe(recipe: Mapping[str, Any]) -> Form:
    """Return the form that makes a clip with this recipe, which anyone can have written.

    It has no files, which recipes name by their hashes, and only prompts that the recipe contains.
    """
    form = _form(recipe, "")
    return {name: value for name, value in form.items() if not isinstance(value, Mapping)}


def to_lines(loras: object) -> str:
    """Return the LoRAs of a request or a recipe as the text of their field."""
    if isinstance(loras, str):
        return loras
    lines = []
    for lora in loras if isinstance(loras, list | tuple) else ():
        if isinstance(lora, Mapping) and isinstance(lora.get("lora"), str):
            expert = f"{lora['expert']}: " if lora.get("expert") else ""
            lines.append(f"{expert}{lora['lora']} {lora.get('weight', 1.0)}")
    return "\n".join(lines)


def fit(part: Component, value: object, choices: object = None) -> Any:  # noqa: ANN401
    """Return a form's value as a component takes it, or None if it does not.

    `choices` are those of a menu that does not have its first ones.
    """
    if isinstance(part, gr.File) and part.file_count == "multiple":
        files = value if isinstance(value, list) else []
        return [path for path in map(find_file, files) if path] or None
    if isinstance(part, _FILE_PARTS):
        return find_file(value)
    if isinstance(part, gr.Checkbox):
        return value if isinstance(value, bool) else None
    if isinstance(part, gr.Radio | gr.Dropdown):
        offered = part.choices if choices is None else choices
        assert isinstance(offered, Iterable)
        known = [x[1] if isinstance(x, tuple | list) else x for x in offered]
        return value if value in known else None
    if isinstance(part, gr.Number | gr.Slider):
        return _number(part, value)
    longest = MAX_PROMPT_CHARACTERS
    return value[:longest] if isinstance(value, str) else None


def find_file(value: object) -> str | None:
    """Return the path of a file in a form if Gradio still serves it, else None."""
    if isinstance(value, Mapping):
        value = value.get("path")
    if not isinstance(value, str):
        return None
    try:
        path, folder = Path(value).resolve(), serving_folder().resolve()
        return str(path) if folder in path.parents and path.is_file() else None
    except (OSError, ValueError):  # not a valid file name
        return None


def fill_parts(
    parts: Mapping[str, Component], form: Form, changes: Mapping[str, Mapping[str, Any]]
) -> dict[Component, Any]:
    """Return the updates that show a form on components.

    `changes` are those of the form's model, by name. What the form lacks, or what does not fit,
    gets its first value; consent is never filled in, because it is given for one request.
    """
    updates: dict[Component, Any] = {}
    for name, part in parts.items():
        change = dict(changes.get(name, {}))
        is_hidden = change.get("visible") is False
        value = fit(part, form.get(name), change.get("choices"))
        if name == "has_consent":
            value = False
        if value is None or is_hidden:
            value = change.get("value", part.value)
        updates[part] = gr.update(**change | {"value": value})
    return updates


def _form(values: Mapping[str, Any], tab: str) -> Form:
    shots = [shot for shot in values.get("shots") or () if isinstance(shot, Mapping)]
    form = {name: value for name, value in values.items() if name != "shots"}
    for name, nothing in _NOTHING.items():
        form[name] = nothing if values.get(name) is None else values[name]
    form["loras"] = to_lines(values.get("loras"))
    if values.get("task") in CHANGES:
        return form | _form_of_change(str(values["task"]), shots)
    is_film = tab == FILM or len(shots) > 1
    form["tab"] = FILM if is_film else values.get("task")
    if is_film:
        form["shots"] = [{name: _plain(shot.get(name)) for name in SHOT_FIELDS} for shot in shots]
    elif shots:
        form |= {name: _plain(shots[0].get(name)) for name in ("prompt", "duration", "camera")}
    return form


def _form_of_change(task: str, shots: Sequence[Mapping[str, Any]]) -> Form:
    """Return what the form of a change has beside the settings."""
    first = dict(shots[0]) if shots else {}
    form: Form = {"tab": REMIX, "change": task, "prompt": _plain(first.get("prompt"))}
    if task != "remix_video":
        form["start"], form["end"] = _span(first)
    if task == "cut_video":
        form |= {"video": first.get("video"), "joined": [x.get("video") for x in shots[1:]]}
        form["transition"] = shots[1].get("transition") if shots[1:] else None
        form["spans"] = write_spans([_span(x) for x in shots[1:]])
    return form


def write_spans(spans: Sequence[tuple[float, float | None]]) -> str:
    """Return spans as the lines of their field: "1 - 2.5" each, nothing for a whole clip."""
    lines = [f"{start:g} - {'' if end is None else f'{end:g}'}" for start, end in spans]
    return "\n".join("" if line == "0 - " else line.rstrip() for line in lines).rstrip()


def read_spans(text: str, count: int) -> list[tuple[float, float | None]]:
    """Return the spans of `count` clips. Raises InvalidRequestError, which names the line."""
    lines = [line.strip() for line in text.rstrip().splitlines()]
    if len(lines) > count:
        raise InvalidRequestError(
            f"There are {len(lines)} lines of parts, but {count} clips are joined; remove some."
        )
    return [_read_span(number, x) for number, x in enumerate([*lines, *[""] * count][:count], 1)]


def _read_span(number: int, line: str) -> tuple[float, float | None]:
    found = _SPAN.fullmatch(line)
    start, end = found.groups() if found else ("1", "0")
    first, last = float(start or 0), float(end) if end else None
    if last is not None and last <= first:
        raise InvalidRequestError(
            f"Line {number} of the parts is {line[:40]!r}, but it must be two times in seconds, "
            "the later one last, such as 1 - 2.5."
        )
    return first, last


def _span(shot: Mapping[str, Any]) -> tuple[float, float | None]:
    start, duration = (_seconds(shot.get(name)) for name in ("start", "duration"))
    return start, round(start + duration, 6) if duration else None


def _seconds(value: object) -> float:
    """Return the seconds of a shot; a recipe may hold anything."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else 0.0  # type: ignore[arg-type]


def _plain(value: object) -> object:
    """Return a value of a shot; nothing for the hash of a prompt or a picture."""
    return None if isinstance(value, Mapping) else value


def _number(part: gr.Number | gr.Slider, value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    low = -math.inf if part.minimum is None else part.minimum
    high = math.inf if part.maximum is None else part.maximum
    return value if low <= value <= high else None
