"""Opens what a request starts from: a picture, or the ends of clips, at the model's size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.engines.base import SceneState
from pipeline.errors import InvalidRequestError, MediaError
from pipeline.geometry import Size
from pipeline.media import transitions
from pipeline.media.conditioning_picture import compress, soften
from pipeline.media.images import crop_to_size, open_picture
from pipeline.media.sound import read_sound
from pipeline.media.video_reader import (
    MAX_SOURCE_SECONDS,
    ClipInfo,
    iterate_frames,
    probe_clip,
    read_first_frames,
    read_frames,
    read_last_frames,
)
from pipeline.models.spec import GivenPicture, ModelSpec
from pipeline.planning.pieces import span_of
from pipeline.planning.plan import Source
from pipeline.planning.recipe import read_memories
from pipeline.planning.request import (
    MAX_CLIP_SECONDS,
    MIN_SHOT_SECONDS,
    GenerationRequest,
    Shot,
)

_SAME_SECONDS = 0.2  # that rates may move a clip's last frame, in which its scene is known
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

    def part(self, first_frame: int, num_frames: int) -> OpenedClip:
        """Return the same clip, of which only some frames are read."""
        info = self.info.part(first_frame, num_frames)
        return replace(self, info=info, facts=replace(self.facts, num_frames=num_frames))

    @property
    def is_one_scene(self) -> bool:
        """Say whether its recipe names one scene for all of the clip, without a cut."""
        first, last = self.memories.get("first"), self.memories.get("last")
        if first is None or last is None or last.get("resumes"):
            return False
        if first.get("staging") != last.get("staging"):
            return False
        num_frames = self.info.num_in_file or self.info.num_frames
        seconds = float((num_frames - 1) / self.info.fps)
        return abs(last["seconds"] - first["seconds"] - seconds) < _SAME_SECONDS

    def scene_at(self, index: int) -> SceneState | None:
        """Return the scene state at one of its frames, as far as its recipe tells."""
        index += self.info.first_frame
        num_frames = self.info.num_in_file or self.info.num_frames
        end = {num_frames - 1: "last", 0: "first"}.get(index)
        if end or not self.is_one_scene:
            return self.memories.get(end or "")
        first = self.memories["first"]
        return {**first, "seconds": first["seconds"] + float(index / self.info.fps)}

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
    source = open_clip(request.video)
    if request.task == "retake_video":
        return around(source, request.shots[0])
    if request.video_after is None:
        return source
    after = open_clip(request.video_after)
    refuse_other_shape(source.info, after.info, "a bridge needs two of the same shape")
    return replace(source, after=after)


def around(clip: OpenedClip, shot: Shot) -> OpenedClip:
    """Return what a clip shows before a retake, with what it shows after it.

    Raises InvalidRequestError if the retake's span is not inside the clip, or reaches its end.
    """
    first, count = _find_span(shot, clip.info)
    end = first + count
    if end == clip.info.num_frames:
        raise InvalidRequestError(
            f"The retake goes to the end of the clip, at {clip.info.duration:.6g} s, but both ends "
            "are kept; end it earlier, or cut the clip and extend it."
        )
    return replace(clip.part(0, first), after=clip.part(end, clip.info.num_frames - end))


def open_clip(path: Path) -> OpenedClip:
    """Open a clip. Raises MediaError if it cannot be used."""
    info = probe_clip(path)
    facts = Source(info.width, info.height, info.fps, info.num_frames)
    return OpenedClip(facts, path=path, info=info, memories=read_memories(path))


def refuse_other_shape(first: ClipInfo, second: ClipInfo, rule: str) -> None:
    """Raise MediaError with the rule for two clips that cannot be shown at one size."""
    ratio = (first.width * second.height) / (first.height * second.width)
    if abs(ratio - 1) > _MAX_SHAPE_DIFFERENCE:
        raise MediaError(
            f"The clips have {first.width}x{first.height} and {second.width}x{second.height} "
            f"pixels; {rule}."
        )


def check_sources(request: GenerationRequest, spec: ModelSpec | None) -> GenerationRequest:
    """Open all sources of a request; return it with the duration that they decide.

    Raises MediaError if one of them cannot be used, InvalidRequestError for a span outside a clip,
    or a clip that the model cannot remix.
    """
    if spec is not None:
        request = fit_to_source(request, spec, open_source(request))
    for shot in request.shots:
        if shot.image is not None:
            open_picture(shot.image)
    if request.task == "cut_video":
        open_pieces(request)
    return request


def fit_to_source(
    request: GenerationRequest, spec: ModelSpec, source: OpenedSource | None
) -> GenerationRequest:
    """Return a request that lasts as long as the clip that it remixes; others as they are.

    Raises InvalidRequestError for a clip that is too short or long, or that the model cannot remix.
    """
    if request.task != "remix_video" or not isinstance(source, OpenedClip):
        return request
    if spec.remixes == "scene" and not source.is_one_scene:
        raise InvalidRequestError(
            f"{spec.label} can remix only clips that it has made itself in one shot, whose scene "
            "is in their recipe; use such a clip, or a larger model."
        )
    seconds, most = source.info.duration, min(MAX_CLIP_SECONDS, spec.max_shot_seconds or math.inf)
    if not MIN_SHOT_SECONDS <= seconds <= most:
        raise InvalidRequestError(
            f"The clip lasts {seconds:.6g} s, but a remix takes {MIN_SHOT_SECONDS:g} to "
            f"{most:.4g} s with {spec.label}; cut it first."
        )
    return request.lasting(seconds)


def open_pieces(request: GenerationRequest) -> list[OpenedClip]:
    """Open the pieces that a clip is cut from. Raises as `check_sources` does."""
    pieces = []
    for number, shot in enumerate(request.shots, 1):
        assert shot.video is not None  # as validation has checked
        clip = open_clip(shot.video)
        try:
            pieces.append(clip.part(*_find_span(shot, clip.info)))
        except InvalidRequestError as exc:
            raise InvalidRequestError(f"Piece {number}: {exc}") from exc
        rule = "clips that are joined need the same shape"
        refuse_other_shape(pieces[0].info, clip.info, rule)
    seconds = sum(piece.info.duration for piece in pieces)
    if seconds > MAX_SOURCE_SECONDS:
        raise InvalidRequestError(
            f"The pieces last {seconds:g} seconds together, but the limit is "
            f"{MAX_SOURCE_SECONDS}; shorten or remove some."
        )
    return pieces


def _find_span(shot: Shot, info: ClipInfo) -> tuple[int, int]:
    """Return the first frame of a shot's span of a clip, and how many it has.

    Raises InvalidRequestError if it is not inside the clip.
    """
    first, count = span_of(shot, info.fps)
    if first + max(1, count) > info.num_frames:
        end = f"from {shot.start:g} to {shot.start + shot.duration:g} s"
        asked = end if shot.duration else f"from {shot.start:g} s on"
        raise InvalidRequestError(
            f"The clip lasts {info.duration:.6g} s, but the span is {asked}; choose one inside "
            "the clip."
        )
    return first, count or info.num_frames - first


def frames_at(clip: OpenedClip, fps: Fraction, size: Size) -> Iterator[np.ndarray]:
    """Yield the frames of a clip (H, W, 3) uint8 at another rate and size."""
    frames = (frame for chunk in iterate_frames(clip.path, clip.info) for frame in chunk)
    times = np.arange(num_frames_at(clip, fps)) / float(fps)
    indices = np.rint(times * float(clip.info.fps)).astype(int).clip(0, clip.info.num_frames - 1)
    for frame in transitions.pick(frames, indices):
        yield fit(frame, size)


def num_frames_at(clip: OpenedClip, fps: Fraction) -> int:
    """Count the frames of a clip at another rate, one at least."""
    return max(1, round(clip.info.num_frames * fps / clip.info.fps))


def fit(frame: np.ndarray, size: Size) -> np.ndarray:
    """Return a frame (H, W, 3) uint8 at a size: cut by an odd row or column, or resized."""
    height, width = frame.shape[:2]
    if height - size.height in (0, 1) and width - size.width in (0, 1):
        return frame[: size.height, : size.width]
    return transitions.resize(frame, size)


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


def window_frames(
    source: OpenedClip, first: int, last: int, *, fps: float, size: Size
) -> np.ndarray:
    """Return the frames `first` to `last` of a clip (F, H, W, 3) uint8, sampled at `fps`."""
    return read_frames(source.path, source.info, np.arange(first, last + 1) / fps, size)


def end_frames(
    source: OpenedClip, *, at_end: bool, count: int, fps: float, size: Size
) -> np.ndarray:
    """Return `count` frames at one end of the clip (F, H, W, 3) uint8, sampled at `fps`."""
    read = read_last_frames if at_end else read_first_frames
    return read(source.path, source.info, count, fps=fps, size=size)
