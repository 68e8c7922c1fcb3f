"""Opens what a request starts from: a picture, or the ends of clips, at the model's size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.engines.base import SceneState
from pipeline.errors import MediaError
from pipeline.geometry import Size
from pipeline.media.conditioning_picture import compress, soften
from pipeline.media.images import crop_to_size, open_picture
from pipeline.media.sound import read_sound
from pipeline.media.video_reader import (
    ClipInfo,
    probe_clip,
    read_first_frames,
    read_last_frames,
)
from pipeline.models.spec import GivenPicture
from pipeline.planning.plan import Source
from pipeline.planning.recipe import read_memories
from pipeline.planning.request import GenerationRequest

_MAX_SHAPE_DIFFERENCE = 0.03  # relative difference of aspect ratios that rounding may cause


@dataclass(frozen=True)
class OpenedSource:
    """A source that was opened successfully: either a picture or an `OpenedClip`."""

    facts: Source
    picture: Image.Image | None = field(default=None, repr=False)
    path: Path | None = None
    info: ClipInfo | None = field(default=None, repr=False)
    memories: Mapping[str, SceneState] = field(default_factory=dict, repr=False)
    after: OpenedClip | None = field(default=None, repr=False)  # the clip a bridge leads to


@dataclass(frozen=True)
class OpenedClip(OpenedSource):
    """A clip that was opened successfully."""

    path: Path = field(kw_only=True)
    info: ClipInfo = field(kw_only=True, repr=False)

    @property
    def leads_to(self) -> OpenedClip:
        """Return the clip whose start the new footage leads up to; for a loop, the clip itself."""
        return self.after or self


def open_source(request: GenerationRequest) -> OpenedSource | None:
    """Open the request's picture or clip, if it has one. Raises MediaError if it cannot be used.

    Pictures of single shots are opened later, by `open_picture_of`.
    """
    if request.image is not None:
        picture = open_picture(request.image)
        return OpenedSource(Source(picture.width, picture.height), picture=picture)
    if request.video is None:
        return None
    source = _open_clip(request.video)
    if request.video_after is None:
        return source
    after = _open_clip(request.video_after)
    _refuse_other_shape(source.info, after.info)
    return replace(source, after=after)


def _open_clip(path: Path) -> OpenedClip:
    info = probe_clip(path)
    facts = Source(info.width, info.height, info.fps, info.num_frames)
    return OpenedClip(facts, path=path, info=info, memories=read_memories(path))


def _refuse_other_shape(first: ClipInfo, second: ClipInfo) -> None:
    ratio = (first.width * second.height) / (first.height * second.width)
    if abs(ratio - 1) > _MAX_SHAPE_DIFFERENCE:
        raise MediaError(
            f"The clips have {first.width}x{first.height} and {second.width}x{second.height} "
            "pixels; a bridge needs two of the same shape."
        )


def check_sources(request: GenerationRequest) -> None:
    """Open all sources of a request. Raises MediaError if one of them cannot be used."""
    open_source(request)
    for shot in request.shots:
        if shot.image is not None:
            open_picture(shot.image)


def open_picture_of(
    request: GenerationRequest, source: OpenedSource | None, index: int
) -> Image.Image | None:
    """Return the picture that a shot starts from, or None.

    Raises MediaError if it cannot be used.
    """
    if index == 0 and source is not None and source.picture is not None:
        return source.picture
    path = request.shots[index].image
    return None if path is None else open_picture(path)


def picture_frame(picture: Image.Image, size: Size) -> np.ndarray:
    """Return a picture, cropped and resized, as one frame (1, H, W, 3) uint8."""
    image, _ = crop_to_size(picture, *size)
    return np.array(image)[np.newaxis]  # a copy, because torch needs a writable array


def conditioning_frame(picture: Image.Image, size: Size, how: GivenPicture) -> np.ndarray:
    """Return a picture as the model is shown it, one frame (1, H, W, 3) uint8."""
    frame = picture_frame(picture, size)[0]
    if how.blur:
        frame = soften(frame, how.blur)
    if how.crf:
        frame = compress(frame, how.crf)
    return frame[np.newaxis]


def first_sound(source: OpenedClip, rate: int, seconds: float) -> np.ndarray | None:
    """Return the sound of a clip's first seconds (N, 2) float32, or None if it has no sound.

    `rate` is in Hz.
    """
    if not source.info.has_audio:
        return None
    return read_sound(source.path, source.info, rate, 0.0, seconds)


def last_sound(
    source: OpenedClip, rate: int, seconds: float, last_frame: float
) -> np.ndarray | None:
    """Return the sound of a clip's last seconds (N, 2) float32, or None if it has no sound.

    `rate` is in Hz; `last_frame` is the duration of the last frame in seconds.
    """
    if not source.info.has_audio:
        return None
    end = (source.info.num_frames - 1) / source.info.fps + last_frame
    return read_sound(source.path, source.info, rate, end - seconds, seconds)


def end_frames(
    source: OpenedClip, *, at_end: bool, count: int, fps: float, size: Size
) -> np.ndarray:
    """Return `count` frames at one end of the clip (F, H, W, 3) uint8, sampled at `fps`."""
    read = read_last_frames if at_end else read_first_frames
    return read(source.path, source.info, count, fps=fps, size=size)
