"""Assembles the finished frames: decodes shots as a stream and joins them to the given material.

A given picture is the first frame; a given clip keeps all of its frames, and new frames get its
size and rate. Only the frames of one decoded chunk, and those next to a seam, are in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from pipeline.engines.base import Engine
from pipeline.errors import OutputError
from pipeline.generation.context import GenerationContext
from pipeline.generation.latent_cache import content_key
from pipeline.generation.shots import ShotLatents
from pipeline.generation.sources import (
    OpenedClip,
    OpenedSource,
    frames_at,
    num_frames_at,
    open_picture_of,
    picture_frame,
)
from pipeline.media import transitions
from pipeline.media.seam_blending import NUM_LOOKED_AT, Seam, blend_after, blend_before, mean_step
from pipeline.media.video_reader import iterate_frames, read_first_frames, read_last_frames
from pipeline.planning.plan import Plan

# Raise this when the same latents give other frames or another encoding: segments encoded earlier
# no longer match then.
_VERSION = 4
_DARKEST = 6  # new footage with no value above this is black


@dataclass(frozen=True)
class Segment:
    """The frames of the finished clip that come from one shot and from what it dissolves out of.

    `name` is a key for everything that determines them. A segment joined to a given clip also has
    frames that are not `new`, the clip's own; it is not kept, but made again each time.
    """

    name: str
    num_frames: int
    num_windows: int  # windows of the clip up to the end of this segment
    shot_latents: ShotLatents
    frames: Iterator[np.ndarray]  # (H, W, 3) uint8 each, decoded when iterated
    new: range
    is_kept: bool = True


def assemble_segments(
    context: GenerationContext, shots: Iterable[ShotLatents]
) -> Iterator[Segment]:
    """Yield the finished clip segment by segment, at the plan's size and rate.

    Frames are available while shots are still being made. Raises OutputError if all new frames of a
    shot are black.
    """
    plan, source = context.plan, context.clip
    if source is None:
        yield from _shot_segments(context, shots)
        return
    (shot_latents,) = shots
    if not context.request.extends:
        yield _remixed(context, source, shot_latents)
        return
    first = 0 if shot_latents.is_backward else source.info.num_frames
    yield Segment(
        name=content_key(
            {"look": _VERSION, "take": shot_latents.name, "size": plan.size, "fps": float(plan.fps)}
        ),
        num_frames=num_finished_frames(plan, source),
        num_windows=plan.num_windows,
        shot_latents=shot_latents,
        frames=_joined(context, source, shot_latents),
        new=range(first, first + plan.num_frames),
        is_kept=False,
    )


def _shot_segments(context: GenerationContext, shots: Iterable[ShotLatents]) -> Iterator[Segment]:
    """Yield a segment for each shot."""
    plan = context.plan
    names: list[str | None] = [None]  # keys of the shots alone, without their dissolves
    newest: list[ShotLatents] = []

    def frames_of_shots() -> Iterator[transitions.Frames]:
        for shot_latents in shots:
            picture = open_picture_of(context.request, context.source, shot_latents.index)
            given = None if picture is None else picture_frame(picture, plan.model_size)[0]
            given = given if given is None else transitions.resize(given, plan.size)
            names.append(content_key({"take": shot_latents.name, "picture": given}))
            newest[:] = [shot_latents]
            yield partial(_shot_frames, context, shot_latents, given)

    num_dissolved = [shot.num_dissolved for shot in plan.shots]
    num_held = [*num_dissolved[1:], 0]
    num_windows = 0
    stretches = transitions.cut(frames_of_shots(), num_dissolved)
    for stretch, shot, num_waiting in zip(stretches, plan.shots, num_held, strict=True):
        num_windows += len(shot.windows)
        num_frames = shot.num_frames - num_waiting
        facts = {
            "look": _VERSION,
            "shot": names[-1],
            "before": names[-2] if shot.num_dissolved else None,
            "mixed and held": (shot.num_dissolved, num_waiting),
            "num_frames": num_frames,
            "size": plan.size,
            "fps": float(plan.fps),
        }
        yield Segment(
            name=content_key(facts),
            num_frames=num_frames,
            num_windows=num_windows,
            shot_latents=newest[0],
            frames=stretch.frames(),
            new=range(num_frames),  # includes a picture that the shot starts from
        )


def _remixed(context: GenerationContext, source: OpenedClip, shot_latents: ShotLatents) -> Segment:
    """Return the whole clip made anew; where nothing changes, it is the clip itself."""
    plan = context.plan
    if plan.strength:
        times = np.arange(plan.num_frames) / float(plan.fps)
        nearest = np.rint(times * plan.model_fps).astype(int)
        picked = transitions.pick(
            _decode(context.engine, shot_latents), nearest.clip(0, shot_latents.num_frames - 1)
        )
        frames = transitions.resize_each(_not_black(picked), plan.size)
    else:
        frames = _source_frames(plan, source)
    facts = {"look": _VERSION, "take": shot_latents.name, "size": plan.size, "fps": float(plan.fps)}
    return Segment(
        name=content_key(facts),
        num_frames=plan.num_frames,
        num_windows=plan.num_windows,
        shot_latents=shot_latents,
        frames=frames,
        new=range(plan.num_frames if plan.strength else 0),
        is_kept=False,
    )


def _joined(
    context: GenerationContext, source: OpenedClip, shot_latents: ShotLatents
) -> Iterator[np.ndarray]:
    """Yield the frames of a given clip and the new ones, in display order."""
    plan = context.plan
    if shot_latents.is_backward:
        yield from _frames_before(context, source, shot_latents)
        yield from _source_frames(plan, source)
    else:
        yield from _source_frames(plan, source)
        yield from _frames_after(context, source, shot_latents)
        if source.after is not None:
            yield from frames_at(source.after, plan.fps, plan.size)


def num_finished_frames(plan: Plan, source: OpenedSource | None) -> int:
    """Count the frames of the finished clip."""
    if plan.is_remix:
        return plan.num_frames
    num_given = source.info.num_frames if source and source.info else 0
    if source and source.after:
        num_given += num_frames_at(source.after, plan.fps)
    return plan.num_frames + num_given


def _shot_frames(
    context: GenerationContext, shot_latents: ShotLatents, given: np.ndarray | None
) -> Iterator[np.ndarray]:
    """Yield the frames of a shot; a given picture replaces its own reconstruction."""
    new = transitions.resize_each(_decode(context.engine, shot_latents), context.plan.size)
    if given is None:
        yield from _not_black(new)
        return
    # Blend the following frames, so that detail does not jump.
    seam = Seam(given, next(new))
    yield given
    yield from blend_after(seam, _not_black(new), context.plan.fps)


def _decode(engine: Engine, shot_latents: ShotLatents) -> Iterator[np.ndarray]:
    """Decode a shot, frame by frame (H, W, 3) at the model's rate."""
    for chunk in engine.decode_shot(shot_latents.given, shot_latents.parts, shot_latents.prompt):
        yield from chunk


def _source_frames(plan: Plan, source: OpenedClip) -> Iterator[np.ndarray]:
    """Yield the clip's own frames, without an odd row or column, which H.264 cannot encode."""
    width, height = plan.size
    for chunk in iterate_frames(source.path, source.info):
        yield from chunk[:, :height, :width]


def _frames_after(
    context: GenerationContext, source: OpenedClip, shot_latents: ShotLatents
) -> Iterator[np.ndarray]:
    """Yield the new frames after the clip; those of a bridge or loop also lead up to a clip."""
    engine, plan = context.engine, context.plan
    num_given = min(NUM_LOOKED_AT + 1, source.info.num_frames)
    given = read_last_frames(source.path, source.info, num_given)[::-1]
    last = engine.decode_last_given(shot_latents.given, shot_latents.parts, shot_latents.prompt)
    seam = _seam(plan, given, last)
    if shot_latents.given.is_bridge:
        indices = transitions.even_indices(plan.num_frames, shot_latents.num_frames)
    else:
        indices = transitions.frame_indices(
            plan.num_frames, plan.fps, shot_latents.num_frames, plan.model_fps
        )
    picked = _not_black(transitions.pick(_decode(engine, shot_latents), indices))
    resized = transitions.resize_each(picked, plan.size)
    frames = blend_after(seam, resized, plan.fps)
    if shot_latents.given.is_bridge:
        frames = blend_before(_seam_of_first(context, source, shot_latents), frames, plan.fps)
    yield from frames


def _frames_before(
    context: GenerationContext, source: OpenedClip, shot_latents: ShotLatents
) -> Iterator[np.ndarray]:
    """Yield the new frames before the clip."""
    plan = context.plan
    seam = _seam_of_first(context, source, shot_latents)
    # As after a clip, but counted backward from the seam.
    indices = transitions.frame_indices(
        plan.num_frames, plan.fps, shot_latents.num_frames, plan.model_fps
    )
    indices = shot_latents.num_frames - 1 - indices[::-1]
    picked = _not_black(transitions.pick(_decode(context.engine, shot_latents), indices))
    resized = transitions.resize_each(picked, plan.size)
    yield from blend_before(seam, resized, plan.fps)


def _seam_of_first(
    context: GenerationContext, source: OpenedClip, shot_latents: ShotLatents
) -> Seam:
    """Return the seam at the first frame that a shot leads up to."""
    plan, clip = context.plan, source.leads_to
    num_given = min(NUM_LOOKED_AT + 1, num_frames_at(clip, plan.fps))
    given = read_first_frames(clip.path, clip.info, num_given, fps=plan.fps)
    first = context.engine.decode_first_following(
        shot_latents.given, shot_latents.parts, shot_latents.prompt
    )
    return _seam(plan, given, first)


def _seam(plan: Plan, given: np.ndarray, decoded: np.ndarray) -> Seam:
    """Return a seam at the finished clip's size.

    `given` (F, H, W, 3) are the given frames, nearest to the seam first; `decoded` (H, W, 3) is the
    model's reconstruction of the nearest one.
    """
    width, height = plan.size
    if given.shape[1] - height not in (0, 1) or given.shape[2] - width not in (0, 1):
        # The second clip of a bridge.
        given = np.stack([transitions.resize(frame, plan.size) for frame in given])
    given = given[:, :height, :width]
    step = mean_step(given)
    if step is not None:  # new frames repeat where the clip has a higher rate than the model
        step *= max(1.0, plan.fps / plan.model_fps)
    return Seam(given[0], transitions.resize(decoded, plan.size), step)


def _not_black(new: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Pass new frames through, before blending; raise OutputError if all of them are black."""
    brightest = 0
    for frame in new:
        brightest = max(brightest, int(frame.max()))
        yield frame
    if brightest <= _DARKEST:
        raise OutputError("The clip came out black; try another seed or the default settings.")
