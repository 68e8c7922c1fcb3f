"""Builds the soundtrack of a clip whose model makes sound, from shots and given clips.

The samples are in a file on disk, so that memory does not grow with the length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import cast

import numpy as np

from pipeline.engines.base import Sound, SoundEngine
from pipeline.errors import cannot_write
from pipeline.generation.context import GenerationContext
from pipeline.generation.shots import ShotLatents
from pipeline.generation.sources import OpenedClip
from pipeline.media.sound import iterate_sound

FADE_SECONDS = 0.05  # cross-fade between two sounds
_EDGE_SECONDS = 0.005  # fade next to silence: avoids a click without losing anything audible
_BYTES_PER_SAMPLE = 8  # two float32
Seconds = float | Fraction


class Track:
    """A timeline of stereo sound: interleaved float32 samples in a file that grows."""

    def __init__(self, path: Path, rate: int) -> None:
        """Start an empty track. Raises StorageError if the file cannot be written."""
        self.path = path
        self.rate = rate
        self._put(0, memoryview(b""))

    def lay(
        self, blocks: Iterable[Sound], at: Seconds, fade: Seconds, *, is_same: bool = False
    ) -> None:
        """Write blocks of samples (N, 2) from `at` seconds on, replacing what is there.

        The first `fade` seconds are cross-faded at equal power. With `is_same` both are the same
        sound, and the cross-fade keeps its amplitude. Samples before time 0 are dropped. Raises
        StorageError if the disk is full.
        """
        position = begin = round(at * self.rate)
        num_faded = round(fade * self.rate)
        for block in blocks:
            skipped = max(0, -position)
            new = block[skipped:]
            place = position + skipped
            position += len(block)
            num_left = min(len(new), max(0, num_faded - (place - begin)))
            if num_left:
                share = (np.arange(num_left) + place - begin + 0.5) / num_faded
                mixed = self._mix(new[:num_left], place, share, is_same)
                new = np.concatenate([mixed, new[num_left:]])
            self._put(place * _BYTES_PER_SAMPLE, np.ascontiguousarray(new, np.float32).data)

    def finish(self, seconds: Seconds) -> None:
        """Cut the track to its exact length, or pad it with silence. Raises StorageError."""
        try:
            with self.path.open("r+b") as file:
                file.truncate(round(seconds * self.rate) * _BYTES_PER_SAMPLE)
        except OSError as exc:
            raise cannot_write(exc) from exc

    def _mix(self, new: Sound, place: int, share: np.ndarray, is_same: bool) -> Sound:
        """Mix new samples (N, 2) with those at a place; `share` (N,) is that of the new ones."""
        old = np.zeros_like(new)
        with self.path.open("rb") as file:
            file.seek(place * _BYTES_PER_SAMPLE)
            data = np.frombuffer(file.read(len(new) * _BYTES_PER_SAMPLE), np.float32).reshape(-1, 2)
        old[: len(data)] = data
        angle = share.clip(0, 1)[:, None] * (math.pi / 2)
        weight, weight_of_old = np.sin(angle), np.cos(angle)
        if is_same:
            weight, weight_of_old = weight**2, weight_of_old**2
        return weight * new + weight_of_old * old

    def _put(self, place: int, data: memoryview) -> None:
        try:
            with self.path.open("r+b" if self.path.exists() else "w+b") as file:
                file.seek(place)
                file.write(data)
        except OSError as exc:
            raise cannot_write(exc) from exc


class Soundtrack:
    """The sound of the finished clip, shot by shot."""

    def __init__(self, context: GenerationContext, path: Path) -> None:
        """Start a track in a new file. Raises StorageError if it cannot be written.

        The context's engine must be a `SoundEngine`.
        """
        self._engine = cast("SoundEngine", context.engine)
        self._plan = context.plan
        self._direction = context.request.direction
        self._source = context.clip
        self.track = Track(path, self._engine.sound_rate)
        self._added: set[str] = set()

    def add(self, shot_latents: ShotLatents) -> None:
        """Add the sound of a shot, and of the clip that it extends; a shot is added only once.

        Raises OutputError if the model's sound is not finite, MediaError if the clip's sound cannot
        be read, StorageError if the disk is full.
        """
        if shot_latents.name in self._added:
            return
        self._added.add(shot_latents.name)
        if self._source is not None:
            self._extend(self._source, shot_latents)
            return
        shot = self._plan.shots[shot_latents.index]
        earlier = self._plan.shots[: shot_latents.index]
        num_before = sum(each.num_frames - each.num_dissolved for each in earlier)
        at = (num_before - shot.num_dissolved) / self._plan.fps
        fade: Seconds = 0.0
        if shot_latents.index:
            dissolved = shot.num_dissolved / self._plan.fps
            fade = dissolved if dissolved > FADE_SECONDS else FADE_SECONDS
        # A shot that continues was heard before the join too; after a cut the old sound fades out.
        begin: Seconds = at - fade if shot.continues else at
        self._lay_shot(shot_latents, at, begin, fade, is_same=shot.continues)

    def finish(self, seconds: Seconds) -> tuple[Path, int]:
        """Set the track's length in seconds; return its file and sample rate in Hz."""
        self.track.finish(seconds)
        return self.track.path, self.track.rate

    def _extend(self, source: OpenedClip, shot_latents: ShotLatents) -> None:
        """Add the new sound at the new frames, and the clip's own sound at its own frames."""
        fps, seconds = self._plan.fps, self._plan.seconds
        if self._direction == "backward":
            # The shot ends with the frame before the clip's first one.
            start = seconds - shot_latents.num_frames / self._engine.model.spec.fps
            self._lay_shot(shot_latents, start, 0.0, 0.0)
            self._lay_clip(source, seconds)
            return
        join = source.info.num_frames / fps
        self._lay_clip(source, 0.0)
        is_heard = source.info.has_audio
        fade = FADE_SECONDS if is_heard else _EDGE_SECONDS
        # The shot's first frame comes one frame of the model after the clip's last one.
        start = join - 1 / fps + 1 / self._engine.model.spec.fps
        self._lay_shot(
            shot_latents, start, join - fade if is_heard else join, fade, is_same=is_heard
        )
        if source.after is not None:
            self._lay_clip(source.after, join + seconds)

    def _lay_shot(
        self,
        shot_latents: ShotLatents,
        start: Seconds,
        at: Seconds,
        fade: Seconds,
        *,
        is_same: bool = False,
    ) -> None:
        """Add a shot that starts at `start` seconds, without anything before `at` seconds."""
        offset, blocks = self._engine.decode_sound(shot_latents.given, shot_latents.parts)
        begin = start + offset
        num_skipped = round((at - begin) * self.track.rate)
        self.track.lay(_skip(blocks, num_skipped), max(at, begin), fade, is_same=is_same)

    def _lay_clip(self, clip: OpenedClip, at: Seconds) -> None:
        """Add a given clip's own sound; a clip without sound is silent."""
        seconds = clip.info.num_frames / clip.info.fps
        rate, count = self.track.rate, round(seconds * self.track.rate)
        fade = 0.0 if at == 0 else FADE_SECONDS if clip.info.has_audio else _EDGE_SECONDS
        heard = iterate_sound(clip.path, clip.info, rate) if clip.info.has_audio else ()
        # Backward, the model's sound continues as the clip's own: the same sound. The frames of a
        # bridge are stretched to its duration; its sound is not, and may have to be cut.
        self.track.lay(exactly(heard, count), at, fade, is_same=self._direction == "backward")


def _skip(blocks: Iterable[Sound], count: int) -> Iterable[Sound]:
    """Drop the first `count` samples; none if it is negative."""
    for block in blocks:
        yield block[max(0, count) :]
        count -= len(block)


def exactly(blocks: Iterable[Sound], count: int) -> Iterable[Sound]:
    """Yield exactly `count` samples, padded with silence."""
    for block in blocks:
        yield block[:count]
        count = max(0, count - len(block))
    while count:
        silence = np.zeros((min(count, 48_000), 2), np.float32)
        yield silence
        count -= len(silence)
