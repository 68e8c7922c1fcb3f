"""Turns the parameters of a call into what `Studio.submit` takes; refuses what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from http_api.bodies import Body, Upload
from http_api.errors import ApiError, wrong
from http_api.videos.choices import (
    DEFAULT_SECONDS,
    DEFAULT_SIZE,
    ModelNames,
    Shape,
    nearest_seconds,
    nearest_shape,
    read_seconds,
    read_size,
)
from pipeline.errors import shown
from pipeline.models.spec import QUALITIES, Camera, ModelSpec, Quality, Task
from pipeline.planning.characters import Character, mark_shots
from pipeline.planning.field_checks import check_choice
from pipeline.planning.request import Shot
from pipeline.planning.storyboard import parse_storyboard
from pipeline.studio import Studio

# Kinora's own settings, which clients send as `extra_body`.
SETTINGS = (
    *("seed", "negative_prompt", "num_inference_steps", "guidance_scale", "shift", "loras"),
    *("label", "shows_prompt", "has_consent", "enhance"),
)
_CREATE = {
    *("prompt", "model", "seconds", "size", "input_reference", "characters"),
    *("storyboard", "aspect_ratio", "quality", "camera", *SETTINGS),
}
_EXTEND = {*("prompt", "model", "seconds", "video", "direction", "quality", "camera", *SETTINGS)}
_REMIX = {"prompt", "model", "strength", "quality", *SETTINGS}
_NO_FILES = (
    "Kinora has no stored files and fetches no addresses; send the picture itself, as a file of a "
    "form or as a data: address of at most 2 MB."
)


@dataclass(frozen=True)
class Draft:
    """A request that is not checked yet: the task, and the fields that `Studio.submit` takes."""

    task: Task
    fields: dict[str, Any]


@dataclass(frozen=True)
class SourceClip:
    """A clip that a call starts from, and the model that made it, if it was made here."""

    path: Path
    model: str | None = None


@dataclass(frozen=True)
class Drafter:
    """Reads the parameters of calls, for the models of a studio."""

    studio: Studio
    names: ModelNames

    def read_create(self, body: Body, characters: Sequence[Character] = ()) -> Draft:
        """Read the parameters of a new clip. Raises ApiError or InvalidRequestError.

        `characters` are those that it names; the prompt may have their names without an @.
        """
        values = body.values
        refuse_unknown(values, _CREATE)
        picture = _read_reference(body)
        has_storyboard = values.get("storyboard") is not None
        task: Task = "text_to_video" if has_storyboard or not picture else "image_to_video"
        spec = self.names.find(self.studio, task, values.get("model"))
        fields = _settings(values) | {"model": spec.id}
        if has_storyboard:
            shots = _read_shots(values["storyboard"], picture)
        else:
            shots = [_read_shot(values, spec)]
            fields |= {"image": picture} if picture else {}
        fields["shots"] = mark_shots(shots, characters)
        fields["characters"] = [*characters]
        fields |= self._read_shape(values, spec, task)._asdict()
        return Draft(task, fields)

    def read_extension(self, values: Mapping[str, Any], source: SourceClip) -> Draft:
        """Read the parameters of an extension. Raises ApiError or InvalidRequestError.

        Unless another one is named, the model that made the clip is used, if it can extend.
        """
        refuse_unknown(values, _EXTEND)
        if values.get("seconds") in (None, ""):
            raise wrong("seconds", "The seconds are missing; say how much is to be added.")
        direction = values.get("direction", "forward")
        spec = self._spec_of(
            values, source, "extend_video", lambda made_by: direction in made_by.directions
        )
        fields = _settings(values) | {
            "model": spec.id,
            "video": source.path,
            "shots": [_read_shot(values, spec)],
        }
        for name in ("direction", "quality"):
            fields |= {name: values[name]} if values.get(name) is not None else {}
        return Draft("extend_video", fields)

    def read_remix(
        self, values: Mapping[str, Any], source: SourceClip, known: Collection[str] = ()
    ) -> Draft:
        """Read the parameters of a remix: those of its own and the `known` ones of the call.

        The model is found as for an extension. Raises ApiError or InvalidRequestError.
        """
        refuse_unknown(values, _REMIX | {*known})
        spec = self._spec_of(
            values, source, "remix_video", lambda made_by: "remix_video" in made_by.tasks
        )
        fields = _settings(values) | {"prompt": read_prompt(values)}
        for name in ("strength", "quality"):
            fields |= {name: values[name]} if values.get(name) is not None else {}
        return Draft("remix_video", fields | {"model": spec.id, "video": source.path})

    def _spec_of(
        self,
        values: Mapping[str, Any],
        source: SourceClip,
        task: Task,
        can: Callable[[ModelSpec], bool],
    ) -> ModelSpec:
        """Return the model that a call names, else the one that made its clip if it can."""
        name, made_by = values.get("model"), self.studio.models.get(source.model or "")
        if name in (None, "") and made_by is not None:
            name = made_by.id if can(made_by) else None
        return self.names.find(self.studio, task, name)

    def _read_shape(self, values: Mapping[str, Any], spec: ModelSpec, task: Task) -> Shape:
        """Return what is made for the size, aspect ratio and quality of a call."""
        size = read_size(values.get("size"))
        ratio, quality = values.get("aspect_ratio"), values.get("quality")
        offered: Sequence[Quality] = ("standard",)
        if quality is not None:
            offered = [check_choice("quality", quality, QUALITIES)]
        elif size is not None:
            offered = self.studio.offers.fitting_qualities(spec)
        shape = nearest_shape(size or DEFAULT_SIZE, spec, task, offered)
        if ratio is None and task == "image_to_video" and size is None:
            ratio = "auto"
        return shape if ratio is None else shape._replace(aspect_ratio=ratio)


def read_source(values: Mapping[str, Any]) -> Upload | str:
    """Return the clip that a call starts from: a file, or the id of a video. Raises ApiError."""
    value = values.get("video")
    if isinstance(value, Mapping) and set(value) == {"id"}:
        value = value["id"]
    if isinstance(value, Upload) or (isinstance(value, str) and value):
        return value
    raise wrong("video", 'The video is missing; send a file, or {"id": ...} of a video made here.')


def read_characters(values: Mapping[str, Any]) -> list[object]:
    """Return the ids of the characters of a call. Raises ApiError."""
    given = values.get("characters") or []
    if not isinstance(given, list) or not all(
        isinstance(x, Mapping) and {*x} == {"id"} for x in given
    ):
        raise wrong("characters", 'The characters must be a list of {"id": ...}.')
    return [x["id"] for x in given]


def read_prompt(values: Mapping[str, Any]) -> str:
    """Return the prompt of a call. Raises ApiError if there is none."""
    prompt = values.get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise wrong("prompt", f"The prompt is {_say(prompt)}; describe what the clip should show.")
    return prompt


def _read_shot(values: Mapping[str, Any], spec: ModelSpec) -> Shot:
    seconds = values.get("seconds")
    duration = DEFAULT_SECONDS if seconds in (None, "") else read_seconds(seconds)
    camera = check_choice("camera move", values.get("camera") or "", get_args(Camera))
    return Shot(read_prompt(values), nearest_seconds(duration, spec), camera)


def _read_shots(storyboard: object, picture: Path | None) -> list[Shot]:
    """Read a storyboard; its first shot begins with the picture, unless another one does."""
    if not isinstance(storyboard, str | list):
        raise wrong("storyboard", "The storyboard must be a list of shots, or lines of text.")
    shots = [*parse_storyboard(storyboard, [picture] if picture else [])]
    if picture and all(shot.image is None for shot in shots):
        shots[0] = replace(shots[0], image=picture)
    return shots


def _read_reference(body: Body) -> Path | None:
    """Return the picture that a clip begins with, or None. Raises ApiError."""
    value = body.values.get("input_reference")
    if value in (None, "", {}):
        return None
    if isinstance(value, Mapping) and set(value) == {"image_url"}:
        value = value["image_url"]
    if isinstance(value, str) and value.startswith("data:"):
        value = body.keep_data(value)
    if not isinstance(value, Upload):
        raise wrong("input_reference", _NO_FILES)
    return value.path


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in SETTINGS if values.get(name) is not None}


def refuse_unknown(values: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise ApiError for a parameter that a call does not take."""
    for name in values:
        if name not in known:
            raise ApiError(
                400,
                f"There is no parameter {shown(name)}; this call takes {', '.join(sorted(known))}.",
                code="unknown_parameter",
                param=name if name.isidentifier() and name.isascii() else "",
            )


def _say(value: object) -> str:
    return "missing" if value is None else shown(value)
