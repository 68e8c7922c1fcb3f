"""What is heard of a clip whose model makes sound: shots and given clips on one time line.

They lie in a file on disk, so that memory does not grow with their length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipeline.engines.base import Sound, SoundEngine
from pipeline.errors import cannot_write
from pipeline.generation.context import GenerationContext
from pipeline.generation.shots import ShotLatents
from pipeline.generation.sources import OpenedSource
from pipeline.media.video_reader import iterate_sound

FADE_SECONDS = 0.05  # where one sound goes over into another
_EDGE_SECONDS = 0.005  # where sound begins or ends beside silence: no click, and nothing missed
_BYTES_PER_SAMPLE = 8  # two float32


class Track:
    """Sound on a time line, float32 and interleaved, in a file that grows."""

    def __init__(self, path: Path, rate: int) -> None:
        """Begin an empty one. Raises StorageError if the file cannot be written."""
        self.path = path
        self.rate = rate
        self._put(0, memoryview(b""))

    def lay(
        self, blocks: Iterable[Sound], at: float, fade: float, *, is_same: bool = False
    ) -> None:
        """Put sound on the line from `at` seconds on, in the place of what is there.

        In its first `fade` seconds it is mixed with that, at equal power; `is_same` says that both
        are the same sound, which then keeps its amplitude. What is before 0 is left out. Raises
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

    def finish(self, seconds: float) -> None:
        """Give it its exact length: what is missing is silent."""
        try:
            with self.path.open("r+b") as file:
                file.truncate(round(seconds * self.rate) * _BYTES_PER_SAMPLE)
        except OSError as exc:
            raise cannot_write() from exc

    def _mix(self, new: Sound, place: int, share: np.ndarray, is_same: bool) -> Sound:
        """Mix the samples at a place with what is there, by the share of the new."""
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
            raise cannot_write() from exc


class Soundtrack:
    """The sound of the finished clip, shot by shot."""

    def __init__(self, context: GenerationContext, path: Path) -> None:
        """Prepare a track in a new file. Raises StorageError if it cannot be written.

        The context's engine is one that makes sound.
        """
        self._engine: SoundEngine = context.engine
        self._plan = context.plan
        self._direction = context.request.direction
        self._source = context.clip
        self.track = Track(path, self._engine.sound_rate)
        self._added: set[str] = set()

    def add(self, shot_latents: ShotLatents) -> None:
        """Put what is heard of a shot in its place, once, and of the clip that it extends.

        Raises OutputError if the model's sound is no numbers, MediaError if that of the clip cannot
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
        fade = max(FADE_SECONDS, shot.num_dissolved / self._plan.fps) if shot_latents.index else 0.0
        # What goes on was heard before the join, too; after a cut the old sound lasts a little.
        begin = at - fade if shot.continues else at
        self._lay_shot(shot_latents, at, begin, fade, is_same=shot.continues)

    def finish(self, seconds: float) -> tuple[Path, int]:
        """Return the file of a track of exactly so many seconds, and its rate."""
        self.track.finish(seconds)
        return self.track.path, self.track.rate

    def _extend(self, source: OpenedSource, shot_latents: ShotLatents) -> None:
        """Put the new sound where the new frames are, and the clip's own where its own are."""
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
        # Its own first frame is as long after the clip's last as its rate says.
        start = join - 1 / fps + 1 / self._engine.model.spec.fps
        self._lay_shot(
            shot_latents, start, join - fade if is_heard else join, fade, is_same=is_heard
        )
        if source.after is not None:
            self._lay_clip(source.after, join + seconds)

    def _lay_shot(
        self,
        shot_latents: ShotLatents,
        start: float,
        at: float,
        fade: float,
        *,
        is_same: bool = False,
    ) -> None:
        """Put a shot that starts at `start` on the line, but nothing of it before `at`."""
        offset, blocks = self._engine.decode_sound(shot_latents.given, shot_latents.parts)
        begin = start + offset
        num_skipped = round((at - begin) * self.track.rate)
        self.track.lay(_skip(blocks, num_skipped), max(at, begin), fade, is_same=is_same)

    def _lay_clip(self, clip: OpenedSource, at: float) -> None:
        """Put a given clip's own sound on the line; where it has none, what is there ends."""
        seconds = clip.info.num_frames / clip.info.fps
        rate, count = self.track.rate, round(seconds * self.track.rate)
        fade = 0.0 if at == 0 else FADE_SECONDS if clip.info.has_audio else _EDGE_SECONDS
        heard = iterate_sound(clip.path, rate) if clip.info.has_audio else ()
        # Backwards the model's own sound goes over into the same; the frames of a bridge are spread
        # over its seconds, and its sound, which is not, may have to be cut.
        self.track.lay(_fit(heard, count), at, fade, is_same=self._direction == "backward")


def _skip(blocks: Iterable[Sound], count: int) -> Iterable[Sound]:
    """Leave out the first samples, if any are to be."""
    for block in blocks:
        yield block[max(0, count) :]
        count -= len(block)


def _fit(blocks: Iterable[Sound], count: int) -> Iterable[Sound]:
    """Yield exactly `count` samples, what is missing silent."""
    for block in blocks:
        yield block[:count]
        count = max(0, count - len(block))
    while count:
        silence = np.zeros((min(count, 48_000), 2), np.float32)
        yield silence
        count -= len(silence)
