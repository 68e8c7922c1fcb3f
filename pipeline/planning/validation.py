"""Builds and validates requests: every request is made by `build_request`.

Each mistake raises InvalidRequestError with one sentence; other modules trust the result.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, get_args

from pipeline.errors import InvalidRequestError
from pipeline.geometry import ASPECT_RATIOS
from pipeline.media.video_reader import MAX_SOURCE_SECONDS
from pipeline.models.lora import MAX_REFERENCE_CHARACTERS, parse_loras
from pipeline.models.registry import SHIPPED, Models
from pipeline.models.spec import (
    DIRECTIONS,
    QUALITIES,
    TASK_SOURCES,
    TASKS_WITHOUT_MODEL,
    Camera,
    Direction,
    Task,
)
from pipeline.planning.abilities import check_ability, refuse_impossible
from pipeline.planning.characters import check_characters
from pipeline.planning.field_checks import (
    check_choice,
    check_file,
    check_flag,
    check_number,
    check_text,
    check_whole_number,
    show,
)
from pipeline.planning.pieces import check_pieces
from pipeline.planning.request import (
    DEFAULT_SHOT_SECONDS,
    DEFAULT_STRENGTH,
    MAX_CLIP_SECONDS,
    MAX_GUIDANCE_SCALE,
    MAX_INFERENCE_STEPS,
    MAX_PROMPT_CHARACTERS,
    MAX_SEED,
    MAX_SHIFT,
    MAX_TAKES,
    MIN_SHOT_SECONDS,
    GenerationRequest,
    Label,
    Shot,
    Transition,
)

_SOURCE_WORDS = {"image": "picture", "video": "clip", "video_after": "clip that follows"}


def _optional(check: Callable[[object], object]) -> Callable[[object], object]:
    return lambda value: None if value is None else check(value)


# The checks of fields that do not depend on others, in the order in which errors are reported.
_CHECKS: dict[str, Callable[[object], object]] = {
    "model": partial(check_text, "model", max_characters=MAX_REFERENCE_CHARACTERS),
    "seed": partial(
        check_whole_number,
        "seed",
        low=0,
        high=MAX_SEED,
        rule=f"from 0 to {MAX_SEED}, or -1 to draw one",
    ),
    "negative_prompt": partial(check_text, "negative prompt", max_characters=MAX_PROMPT_CHARACTERS),
    "num_inference_steps": _optional(
        partial(check_whole_number, "number of steps", low=1, high=MAX_INFERENCE_STEPS)
    ),
    "guidance_scale": _optional(
        partial(check_number, "guidance scale", low=1, high=MAX_GUIDANCE_SCALE)
    ),
    "label": partial(check_choice, "label", choices=get_args(Label)),
    "shows_prompt": partial(check_flag, "choice to show the prompt"),
    "has_consent": partial(check_flag, "consent"),
    "loras": parse_loras,
    "shift": _optional(partial(check_number, "flow shift", low=1, high=MAX_SHIFT)),
    "quality": partial(check_choice, "quality", choices=QUALITIES),
    "enhance": _optional(partial(check_flag, "choice to rewrite prompts")),
    "characters": check_characters,
}
# The fields that callers may pass; those of a shot make a single one.
_SHOT_FIELDS = {"prompt", "duration", "camera", "start"}
_FIELDS = {field.name for field in fields(GenerationRequest)} - {"task"} | _SHOT_FIELDS


def build_request(
    task: Task,
    *,
    models: Models | None = SHIPPED,
    **given: Any,  # noqa: ANN401
) -> GenerationRequest:
    """Build a request from its fields and check it; a seed of -1 (the default) is drawn here.

    Pass `model`, and either `shots` or the `prompt`, `duration` and `start` (seconds) and `camera`
    of one; `parse_loras` documents `loras`. Other fields have the defaults of `GenerationRequest`.
    If `models` is None, the model and the LoRAs are not looked up. Raises InvalidRequestError for
    the first mistake, and TypeError for an unknown field.
    """
    if unknown := given.keys() - _FIELDS:
        raise TypeError(f"a request has no field {', '.join(sorted(unknown))}")
    check_choice("task", task, TASK_SOURCES)
    needs_model = task not in TASKS_WITHOUT_MODEL
    spec = models.find(given.get("model")) if models is not None and needs_model else None
    if spec is not None:
        check_ability(spec, task)
    direction = check_choice("direction", given.get("direction", "forward"), DIRECTIONS)
    if task == "retake_video":
        direction = "bridge"
    values: dict[str, Any] = _check_sources(
        task, image=given.get("image"), video=given.get("video")
    )
    values["video_after"] = _check_end(task, direction, given.get("video_after"))
    shots = given.get("shots")
    if shots is None and needs_model:
        shot: dict[str, Any] = {"prompt": "", "duration": DEFAULT_SHOT_SECONDS}
        shots = [Shot(**shot | {name: given[name] for name in _SHOT_FIELDS & given.keys()})]
    values["shots"] = _check_shots(task, shots or ()) if needs_model else check_pieces(shots)
    given = {"seed": -1, "model": None} | given
    if not needs_model:
        given |= {"seed": 0, "model": _check_no_model(task, given["model"])}
    if given["seed"] == -1 and not isinstance(given["seed"], bool):
        given["seed"] = secrets.randbelow(MAX_SEED + 1)
    values |= {name: check(given[name]) for name, check in _CHECKS.items() if name in given}
    values["strength"] = _check_strength(task, given.get("strength"))
    values["aspect_ratio"] = _check_aspect_ratio(task, given.get("aspect_ratio", "16:9"))
    request = GenerationRequest(task=task, direction=direction, **values)
    if models is not None and spec is not None:
        refuse_impossible(request, spec)
        for lora in request.loras:
            models.find_lora(lora.lora)
    return request


def read_request(values: Mapping[str, object]) -> GenerationRequest:
    """Read what `GenerationRequest.to_json` wrote and check it again: files may have changed.

    The model's abilities are checked when the clip is made, so that a clip of a removed model can
    still be shown. Raises InvalidRequestError as `build_request` does.
    """
    saved = _saved(GenerationRequest, values, required={"task", "shots", "model"})
    shots = [
        Shot(**_saved(Shot, shot, required={"prompt", "duration"}))
        for shot in _list_of(saved.pop("shots"))
    ]
    return build_request(saved.pop("task"), shots=shots, models=None, **saved)


def check_shot(shot: Shot) -> Shot:
    """Return a shot with checked values. Raises InvalidRequestError for the first wrong one."""
    prompt = check_text("prompt", shot.prompt, MAX_PROMPT_CHARACTERS)
    if not prompt:
        raise InvalidRequestError("The prompt is empty; describe what the clip should show.")
    rule = f"from {MIN_SHOT_SECONDS:g} to {MAX_CLIP_SECONDS:g} seconds"
    if shot.video is not None:
        raise InvalidRequestError("A shot cannot be a clip; leave it out, or use cut_video.")
    return Shot(
        prompt=prompt,
        duration=check_number(
            "duration", shot.duration, MIN_SHOT_SECONDS, MAX_CLIP_SECONDS, rule=rule
        ),
        camera=check_choice("camera move", shot.camera, get_args(Camera)),
        transition=check_choice("transition", shot.transition, get_args(Transition)),
        image=None if shot.image is None else check_file("picture", shot.image),
        start=check_number("start", shot.start, 0, MAX_SOURCE_SECONDS),
        take=check_whole_number(
            "take", shot.take, low=1, high=MAX_TAKES, rule=f"from 1 to {MAX_TAKES}"
        ),
    )


def _check_shots(task: Task, shots: Sequence[Shot]) -> tuple[Shot, ...]:
    if not shots:
        raise InvalidRequestError("There are no shots; describe at least one.")
    if TASK_SOURCES[task] == "video" and len(shots) > 1:
        # Several shots would need another order when they lead up to the clip.
        raise InvalidRequestError(
            f"A clip is extended or changed by one shot at a time, not by {len(shots)}; begin with "
            "the first shot, then go on with the result."
        )
    checked = []
    for number, shot in enumerate(shots, 1):
        try:
            checked.append(check_shot(shot))
            _check_beginning(task, checked[-1], is_first=number == 1)
        except InvalidRequestError as exc:
            if len(shots) == 1:
                raise
            raise InvalidRequestError(f"Shot {number}: {exc}") from exc
    total = sum(shot.duration for shot in checked)
    if total > MAX_CLIP_SECONDS:
        raise InvalidRequestError(
            f"The shots last {total:g} seconds together, but the limit is {MAX_CLIP_SECONDS:g}; "
            "shorten or remove some."
        )
    return tuple(checked)


def _check_no_model(task: Task, model: object) -> str:
    if model:
        raise InvalidRequestError(f"{task} uses no model, not even {show(model)}; leave model out.")
    return ""


def _check_beginning(task: Task, shot: Shot, *, is_first: bool) -> None:
    """Refuse a shot that has a picture but cannot begin with one, or no time to begin at."""
    if bool(shot.start) != (task == "retake_video"):
        raise InvalidRequestError(
            "A retake begins after the start of its clip, which is kept; choose a later start."
            if task == "retake_video"
            else "Only a retake has a start; leave it out."
        )
    if shot.image is None:
        return
    if is_first and (source := TASK_SOURCES[task]):
        raise InvalidRequestError(
            f"The shot starts from the {_SOURCE_WORDS[source]}, so it cannot begin with another "
            "picture; leave one of them out."
        )
    if not is_first and shot.transition == "continue":
        raise InvalidRequestError(
            "A shot that continues the shot before cannot begin with a picture; remove the "
            "picture, or choose cut or dissolve."
        )


def _check_strength(task: Task, strength: object) -> float | None:
    if task == "remix_video":
        strength = DEFAULT_STRENGTH if strength is None else strength
        return check_number("strength", strength, 0, 1)
    if strength is not None:
        raise InvalidRequestError("Only a remix has a strength; leave it out.")
    return None


def _check_aspect_ratio(task: Task, aspect_ratio: str) -> str:
    if TASK_SOURCES[task] == "video":
        return "auto"
    choices = [*ASPECT_RATIOS, "auto"] if TASK_SOURCES[task] else ASPECT_RATIOS
    return check_choice("aspect ratio", aspect_ratio, choices)


def _check_sources(task: Task, **given: str | Path | None) -> dict[str, Path]:
    """Return the file that the task starts from, if there is one."""
    needed = TASK_SOURCES[task]
    surplus = [name for name, path in given.items() if path is not None and name != needed]
    if surplus:
        word = _SOURCE_WORDS[surplus[0]]
        raise InvalidRequestError(f"A {word} was given, but {task} does not use one; leave it out.")
    if needed is None:
        return {}
    path, word = given[needed], _SOURCE_WORDS[needed]
    if path is None or path == "":
        raise InvalidRequestError(f"There is no {word} to start from; add one.")
    return {needed: check_file(word, path)}


def _check_end(task: Task, direction: Direction, path: str | Path | None) -> Path | None:
    """Return the clip that a bridge leads to; only bridges have one."""
    is_bridge = task == "extend_video" and direction == "bridge"
    if path is None or path == "":
        if is_bridge:
            raise InvalidRequestError("A bridge needs a clip to lead to; add a second clip.")
        return None
    if not is_bridge:
        raise InvalidRequestError(
            "A second clip was given, but only a bridge uses one; leave it out, or choose the "
            "direction bridge."
        )
    return check_file("second clip", path)


def _saved(cls: type, values: object, *, required: set[str]) -> dict[str, Any]:
    """Return the fields of a saved `cls`. Raises InvalidRequestError if `values` is not one."""
    known = {field.name for field in fields(cls)}
    if not isinstance(values, Mapping) or not required <= set(values) <= known:
        raise InvalidRequestError("This is not a saved Kinora request; use an unchanged recipe.")
    return dict(values)


def _list_of(value: object) -> list[object]:
    if not isinstance(value, list):
        raise InvalidRequestError(f"The shots are {show(value)}, but they must be a list.")
    return value
