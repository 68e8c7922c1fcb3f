"""What a model makes of the sizes, seconds and model names that clients of Sora ask for."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from http_api.errors import wrong
from pipeline.errors import KinoraError, shown
from pipeline.geometry import Size
from pipeline.models.registry import clip_sizes
from pipeline.models.spec import ModelSpec, Quality, Task
from pipeline.planning.request import MAX_CLIP_SECONDS, MIN_SHOT_SECONDS
from pipeline.settings import read_variable
from pipeline.studio import Studio

DEFAULT_SECONDS, DEFAULT_SIZE = 4.0, Size(720, 1280)  # Sora's: its clients rely on them
_SORA = re.compile(r"sora(-[a-z0-9.-]{1,40})?")
_SIZE = re.compile(r"([1-9][0-9]{1,4})[xX]([1-9][0-9]{1,4})")
_SECONDS = re.compile(r"[0-9]{1,4}(\.[0-9]{1,6})?")
_RATIO_WEIGHT = 2.0  # a wrong shape is easier to notice than fewer pixels


class Shape(NamedTuple):
    """What is made for a size: an aspect ratio in a quality."""

    aspect_ratio: str
    quality: Quality


@dataclass(frozen=True)
class ModelNames:
    """Which model a client's name means: `named` has the owner's names, and ids for them.

    Sora's names mean the default model, unless the owner says otherwise.
    """

    named: Mapping[str, str] = field(default_factory=dict)

    def find(self, studio: Studio, task: Task, name: object) -> ModelSpec:
        """Return the row of a model; None or "" is the default. Raises InvalidRequestError."""
        if isinstance(name, str) and name in self.named:
            return studio.models.find(self.named[name])
        if name in (None, "") or (isinstance(name, str) and _SORA.fullmatch(name)):
            return studio.offers.first_model(task)
        if not isinstance(name, str):
            raise wrong("model", f"The model is {shown(name)}, but it must be text.")
        return studio.models.find(name)


def read_model_names() -> ModelNames:
    """Read KINORA_API_MODELS, `name=id` separated by commas. Raises KinoraError."""
    pairs = [x for x in read_variable("KINORA_API_MODELS").split(",") if x.strip()]
    named = {}
    for pair in pairs:
        name, _, model_id = (x.strip() for x in pair.partition("="))
        if not name or not model_id:
            raise KinoraError(
                f"KINORA_API_MODELS has {shown(pair)}, but it must be names with ids of models, as "
                "in sora-2=ltx-video-2b,sora-2-pro=ltx-2.3."
            )
        named[name] = model_id
    return ModelNames(named)


def nearest_shape(size: Size, spec: ModelSpec, task: Task, qualities: Sequence[Quality]) -> Shape:
    """Return the aspect ratio and quality whose clips are nearest to a size.

    The nearest has the least squares of the relative errors of the ratio (counted twice) and of the
    number of pixels.
    """
    offered = {
        Shape(name, quality): made
        for quality in qualities
        for name, made in clip_sizes(spec, task, quality).items()
    }

    def error(shape: Shape) -> float:
        made = offered[shape]
        ratio_error = math.log(made.width / made.height * size.height / size.width)
        pixel_error = math.log(made.width * made.height / (size.width * size.height))
        return math.hypot(_RATIO_WEIGHT * ratio_error, pixel_error)

    return min(offered, key=error)


def read_size(value: object) -> Size | None:
    """Read a size as "WxH", or nothing. Raises ApiError."""
    if value in (None, ""):
        return None
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise wrong(
            "size",
            f"The size is {shown(value)}, but it must be a width and a height as in 1280x720.",
        )
    return Size(int(match[1]), int(match[2]))


def read_seconds(value: object) -> float:
    """Read seconds, which clients send as text. Raises ApiError."""
    text = value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e4:
        text = f"{value:.6g}"
    match = _SECONDS.fullmatch(text.strip()) if isinstance(text, str) else None
    seconds = float(match[0]) if match else math.nan
    if not MIN_SHOT_SECONDS <= seconds <= MAX_CLIP_SECONDS:
        raise wrong(
            "seconds",
            f"The seconds are {shown(value)}, but they must be a number from {MIN_SHOT_SECONDS:g} "
            f"to {MAX_CLIP_SECONDS:g}.",
        )
    return seconds


def nearest_seconds(seconds: float, spec: ModelSpec) -> float:
    """Return the nearest length of a shot that a model makes."""
    return min(seconds, spec.max_shot_seconds or math.inf)
