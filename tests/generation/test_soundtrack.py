"""What is heard of a clip: as long as its pictures, in its place, without a click."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline.errors import GenerationCancelledError
from pipeline.generation.generate import Clip, generate
from pipeline.generation.progress import Progress
from pipeline.generation.soundtrack import FADE_SECONDS, Track
from pipeline.media.probe import read_header
from pipeline.media.sound import read_sound
from pipeline.media.video_reader import probe_clip
from pipeline.models.registry import MODELS
from pipeline.models.spec import ModelSpec
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from tests.sources import BEEP, H264, ffmpeg, first_and_last_sound, make_clip
from tests.tiny import CPU
from tests.tiny_ltx2 import LTX2, save_tiny_ltx2

RATE = 48_000
# What AAC may shift or smear a sound by.
CLOSE = 0.03


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    folder = tmp_path_factory.mktemp(LTX2)
    save_tiny_ltx2(folder)
    small = {"num_pixels": 64 * 64, "window_frames": 33, "max_sequence_length": 32}
    return replace(MODELS[LTX2], repository=str(folder), revision=None, **small)


@pytest.fixture(scope="module")
def model_cache(row: ModelSpec) -> ModelCache:
    return ModelCache(CPU, {LTX2: row})


def make(
    model_cache: ModelCache,
    request: GenerationRequest,
    output: Path,
    keep: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Clip:
    return generate(
        request,
        model_cache=model_cache,
        output=output,
        on_progress=on_progress,
        is_cancelled=is_cancelled,
        keep=keep,
    )


def words(**fields: object) -> GenerationRequest:
    fields = {"prompt": "a red car", "seed": 3, "aspect_ratio": "1:1", "model": LTX2} | fields
    return build_request("text_to_video", **fields)


def extension(video: Path, direction: str, seconds: float, **fields: object) -> GenerationRequest:
    fields = {"prompt": "a red car", "seed": 3, "model": LTX2} | fields
    return build_request(
        "extend_video", video=video, direction=direction, duration=seconds, **fields
    )


def samples_of(path: Path) -> np.ndarray:
    """Decode a file's sound, (N, 2), as long as the file says that it is."""
    data = ffmpeg("-i", path, "-map", "0:a", "-ac", "2", "-ar", RATE, "-f", "f32le", "pipe:1")
    return np.frombuffer(data, np.float32).reshape(-1, 2)


def assert_lasts(path: Path, num_frames: int, fps: float) -> np.ndarray:
    """Check that a clip is heard as long as it is seen, but for what AAC rounds up to."""
    assert probe_clip(path).num_frames == num_frames
    samples = samples_of(path)
    assert 0 <= len(samples) - round(num_frames / fps * RATE) < 1024 + 48
    assert read_header(path).audio.codec == "aac"
    return samples


def loudness(samples: np.ndarray, start: float, end: float) -> float:
    stretch = samples[round(start * RATE) : round(end * RATE)]
    return float(np.sqrt((stretch**2).mean()))


def step_at(samples: np.ndarray, seconds: float) -> float:
    """Compare the largest step around a time with the largest one elsewhere."""
    steps = np.abs(np.diff(samples, axis=0)).max(axis=1)
    place, width = round(seconds * RATE), round((FADE_SECONDS + 0.01) * RATE)
    near = slice(max(0, place - width), place + width)
    return steps[near].max() / np.delete(steps, near).max()


def test_a_clip_of_several_windows_is_heard_as_long_as_it_is_seen(
    model_cache: ModelCache, tmp_path: Path
) -> None:
    clip = make(model_cache, words(duration=4.0), tmp_path / "clip.mp4")
    assert len(clip.recipe["windows"]) > 2
    samples = assert_lasts(clip.path, 97, 24)
    assert min(loudness(samples, s / 4, (s + 1) / 4) for s in range(16)) > 0.01
    made = np.cumsum([window["latents"] for window in clip.recipe["windows"]])[:-1]
    for end in made * 8 / 24:
        assert step_at(samples, end) < 1.5
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_a_silent_clip_is_extended_with_sound_over_the_new_frames_only(
    model_cache: ModelCache, tmp_path: Path, direction: str
) -> None:
    source = make_clip(tmp_path / "source.mp4", num_frames=40, fps="20")
    made = make(model_cache, extension(source, direction, 1.5), tmp_path / "clip.mp4")
    samples = assert_lasts(made.path, 70, 20)
    new, own = ((2.0, 3.5), (0, 2.0)) if direction == "forward" else ((0, 1.5), (1.5, 3.5))
    assert loudness(samples, *new) > 0.02
    edge = CLOSE if direction == "forward" else -CLOSE
    silent = (own[0], own[1] - edge) if direction == "forward" else (own[0] - edge, own[1])
    assert loudness(samples, *silent) < 1e-3
    first, last = first_and_last_sound(made.path)
    assert first == pytest.approx(new[0], abs=CLOSE)
    assert last == pytest.approx(new[1], abs=CLOSE)


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("fps", ["24", "30"])
def test_a_clip_with_sound_keeps_it_and_the_new_frames_have_theirs(
    model_cache: ModelCache, tmp_path: Path, direction: str, fps: str
) -> None:
    """The beep is from 0.5 s to 1 s, and two seconds of sound go with two of pictures."""
    options = {"num_frames": 2 * int(fps), "fps": fps, "sound": BEEP}
    source = make_clip(tmp_path / "source.mp4", *H264, "-shortest", **options)
    made = make(model_cache, extension(source, direction, 2.0), tmp_path / "clip.mp4")
    samples = assert_lasts(made.path, 4 * int(fps), int(fps))
    shift = 2.0 if direction == "backward" else 0.0
    own = samples[round(shift * RATE) :][: 2 * RATE]
    assert loudness(own, 0.55, 0.95) == pytest.approx(0.8 / 2**0.5, rel=0.05)
    inner = (FADE_SECONDS + CLOSE, 2 - FADE_SECONDS - CLOSE)
    loud = np.flatnonzero(np.abs(own[: round(inner[1] * RATE), 0]) > 0.03)
    loud = loud[loud > inner[0] * RATE] / RATE
    assert (loud[0], loud[-1]) == pytest.approx((0.5, 1), abs=CLOSE)
    assert loudness(samples, 2 - shift, 4 - shift) > 0.02
    assert step_at(samples, 2.0) < 1.5


@pytest.mark.parametrize("sound", ["d=1", "d=3"])
def test_the_sound_of_a_clip_is_cut_or_filled_up_to_its_pictures(
    model_cache: ModelCache, tmp_path: Path, sound: str
) -> None:
    tone = f"aevalsrc='0.8*sin(2*PI*880*t)':{sound}:s=44100"
    source = make_clip(tmp_path / "source.mp4", sound=tone)
    made = make(model_cache, extension(source, "forward", 1.0), tmp_path / "clip.mp4")
    samples = assert_lasts(made.path, 72, 24)
    assert loudness(samples, 0.1, 0.9) == pytest.approx(0.8 / 2**0.5, rel=0.05)
    kept = loudness(samples, 1.1, 1.9)
    assert kept < 1e-3 if sound == "d=1" else kept > 0.5
    # The tone does not go on over the new frames.
    spectrum = np.abs(np.fft.rfft(samples[round(2.1 * RATE) : round(2.9 * RATE), 0]))
    assert spectrum[round(880 * 0.8)] < 0.5 * spectrum.max()


@pytest.mark.parametrize("direction", ["bridge", "loop"])
def test_between_two_ends_both_clips_keep_their_sound(
    model_cache: ModelCache, tmp_path: Path, direction: str
) -> None:
    source = make_clip(tmp_path / "source.mp4", *H264, "-shortest", sound=BEEP)
    after = source if direction == "bridge" else None
    made = make(
        model_cache, extension(source, direction, 1.0, video_after=after), tmp_path / "a.mp4"
    )
    samples = assert_lasts(made.path, 120 if after else 72, 24)
    for start in (0.0, 3.0) if after else (0.0,):
        assert loudness(samples, start + 0.55, start + 0.95) == pytest.approx(0.8 / 2**0.5, rel=0.1)
        assert loudness(samples, start + 0.1, start + 0.45) < 1e-3
    assert loudness(samples, 2.1, 2.9) > 0.02
    assert step_at(samples, 2.0) < 1.5


def test_shots_go_over_into_one_another_without_a_click(
    model_cache: ModelCache, tmp_path: Path
) -> None:
    shots = [
        Shot("a red car", 1.0),
        Shot("a boat", 1.0),
        Shot("a cat", 1.0, transition="dissolve"),
        Shot("a cat", 1.0, transition="continue"),
    ]
    clip = make(model_cache, words(prompt="", shots=shots), tmp_path / "clip.mp4")
    samples = assert_lasts(clip.path, 25 + 25 + (41 - 12) + 24, 24)
    for join in (25, 50 - 12, 50, 79):
        assert step_at(samples, join / 24) < 1.5
        assert loudness(samples, join / 24 - 0.1, join / 24 + 0.1) > 0.01


def test_a_shot_that_continues_is_heard_where_the_one_before_ends(
    model_cache: ModelCache, tmp_path: Path
) -> None:
    """Both have the same sound before the join: mixed in its place, it stays what it was."""
    alone, both = (
        samples_of(
            make(model_cache, words(prompt="", shots=shots), tmp_path / f"{len(shots)}.mp4").path
        )
        for shots in (
            [Shot("a car", 1.0)],
            [Shot("a car", 1.0), Shot("a boat", 1.0, transition="continue")],
        )
    )
    join = 25 / 24
    zone = slice(round((join - FADE_SECONDS) * RATE), round((join - 0.02) * RATE))
    difference = float(np.sqrt(((alone[zone] - both[zone]) ** 2).mean()))
    assert difference < 0.25 * loudness(alone, 0.5, 1.0)


def test_a_job_that_was_killed_ends_with_the_same_pictures_and_sound(
    model_cache: ModelCache, tmp_path: Path
) -> None:
    """To the bit, of both: the windows on disk and what is encoded of them."""
    request = words(duration=3.0)
    whole = make(model_cache, request, tmp_path / "whole.mp4", tmp_path / "one")
    seen: list[int] = []

    def note(progress: Progress) -> None:
        seen.append(progress.window)

    with pytest.raises(GenerationCancelledError):
        make(
            model_cache,
            request,
            tmp_path / "resumed.mp4",
            tmp_path / "two",
            note,
            lambda: bool(seen) and seen[-1] == 2,
        )
    assert len(list((tmp_path / "two" / "windows").glob("*.safetensors"))) == 1
    resumed = make(model_cache, request, tmp_path / "resumed.mp4", tmp_path / "two")
    windows = [sorted((tmp_path / name / "windows").iterdir()) for name in ("one", "two")]
    assert len(windows[0]) > 1
    for a, b in zip(*windows, strict=True):
        assert a.name == b.name
        assert torch.equal(load_file(a)["latents"], load_file(b)["latents"])
    for stream in ("0:v", "0:a"):
        copy = ("-map", stream, "-c", "copy", "-f", "md5", "pipe:1")
        assert ffmpeg("-i", whole.path, *copy) == ffmpeg("-i", resumed.path, *copy)


def test_a_clip_stopped_after_a_shot_has_the_sound_of_that_shot(
    model_cache: ModelCache, tmp_path: Path
) -> None:
    shots, seen = [Shot("a car", 1.0), Shot("a boat", 1.0)], []

    def note(progress: Progress) -> None:
        seen.append(progress.window)

    with pytest.raises(GenerationCancelledError):
        make(
            model_cache,
            words(prompt="", shots=shots),
            tmp_path / "clip.mp4",
            on_progress=note,
            is_cancelled=lambda: bool(seen) and seen[-1] == 2,
        )
    samples = assert_lasts(tmp_path / "clip.mp4", 25, 24)
    assert loudness(samples, 0.5, 1.0) > 0.01


def test_a_fade_keeps_the_power_of_different_sounds_and_the_amplitude_of_the_same(
    tmp_path: Path,
) -> None:
    noise = np.random.default_rng(0)
    first, second = (noise.normal(0, 0.2, (RATE, 2)).astype(np.float32) for _ in range(2))
    for is_same, later in ((False, second), (True, first)):
        track = Track(tmp_path / f"{is_same}.part", RATE)
        track.lay([first], 0.0, 0.0)
        track.lay(np.array_split(later[: RATE // 2], 7), 0.0, 0.5, is_same=is_same)
        track.finish(1.0)
        laid = np.fromfile(track.path, np.float32).reshape(-1, 2)
        assert len(laid) == RATE
        assert loudness(laid, 0.2, 0.3) == pytest.approx(0.2, rel=0.05)
        if is_same:
            np.testing.assert_allclose(laid, first, atol=1e-6)


def test_two_tones_go_over_into_one_another_without_a_click(tmp_path: Path) -> None:
    t = np.arange(RATE) / RATE
    low, high = (np.sin(2 * np.pi * f * t + 1)[:, None].repeat(2, axis=1) for f in (220, 330))
    track = Track(tmp_path / "sound.part", RATE)
    track.lay([low], 0.0, 0.0)
    track.lay(np.array_split(high, 50), 0.4, FADE_SECONDS)
    track.finish(1.4)
    steps = np.abs(np.diff(np.fromfile(track.path, np.float32).reshape(-1, 2), axis=0))
    most = np.abs(np.diff(high, axis=0)).max()
    assert steps[: -RATE // 100].max() < 1.3 * most  # a cut there would be a step of 20


def test_what_would_be_heard_before_the_clip_is_left_out(tmp_path: Path) -> None:
    track = Track(tmp_path / "sound.part", 100)
    ramp = np.arange(100, dtype=np.float32)[:, None].repeat(2, axis=1)
    track.lay(np.array_split(ramp, 9), -0.25, 0.0)
    track.finish(1.0)
    laid = np.fromfile(track.path, np.float32).reshape(-1, 2)
    np.testing.assert_array_equal(laid[:75], ramp[25:])
    assert not laid[75:].any()


def test_sound_is_read_from_the_first_frame_on(tmp_path: Path, clip: Path) -> None:
    """The beep is 0.5 s into the sound but 0.1 s after the first frame."""
    late = tmp_path / "late.mkv"
    inputs = ("-i", clip, "-itsoffset", "0.4", "-i", clip)
    ffmpeg(*inputs, "-map", "0:a", "-map", "1:v", "-c", "copy", late)
    for path, start in ((clip, 0.5), (late, 0.1)):
        heard = read_sound(path, probe_clip(path), 16_000, -1.0, 5.0)
        assert heard.shape == (80_000, 2)
        loud = np.flatnonzero(np.abs(heard[:, 0]) > 0.03) / 16_000 - 1
        assert (loud[0], loud[-1]) == pytest.approx((start, start + 0.5), abs=CLOSE)
        # One channel: both ears hear all of it.
        assert np.abs(heard).max(axis=0) == pytest.approx(0.8, rel=0.1)
