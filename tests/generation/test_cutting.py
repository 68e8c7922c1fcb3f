"""Spans of clips, and several behind one another: the very frames, their sound and their recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import GenerationCancelledError, InvalidRequestError
from pipeline.generation.cutting import cut_clips
from pipeline.generation.generate import generate
from pipeline.media.video_reader import probe_clip
from pipeline.planning.pieces import parse_pieces
from pipeline.planning.recipe import read_memories, read_recipe
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from tests.sources import BEEP, H264, first_and_last_sound, make_clip, read_all, read_numbers
from tests.tiny import MINI

ALL = list(range(48))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two seconds with a beep from 0.5 s to 1 s and a keyframe every 8 frames; 1.5 s without."""
    folder = tmp_path_factory.mktemp("clips")
    keyframes = ("-force_key_frames", "expr:eq(mod(n,8),0)", "-x264-params", "scenecut=0")
    first = make_clip(folder / "first.mp4", *H264, *keyframes, "-c:a", "aac", sound=BEEP)
    return [first, make_clip(folder / "second.mp4", num_frames=30, fps="20")]


def cut(output: Path, clips: list[Path], *pieces: dict[str, Any]) -> dict[str, Any]:
    request = build_request("cut_video", shots=parse_pieces([*pieces], clips))
    return cut_clips(request, output, lambda _: None, lambda: False)


def numbers_of(path: Path) -> list[int]:
    return read_numbers(read_all(path, probe_clip(path)))


@pytest.mark.parametrize(
    ("pieces", "numbers", "is_lossless"),
    [
        ([{"start": 1 / 3, "end": 1.0}], ALL[8:24], True),
        ([{"start": 0.25, "end": 1.0}], ALL[6:24], False),
        ([{"start": 1 / 3, "end": 0.75}], ALL[8:18], False),
        ([{"start": 4 / 3}, {"end": 1 / 3}], ALL[32:] + ALL[:8], True),
        ([], ALL, True),
    ],
)
def test_a_piece_has_exactly_its_frames_and_is_copied_if_they_begin_and_end_at_keyframes(
    clips: list[Path],
    tmp_path: Path,
    pieces: list[dict[str, Any]],
    numbers: list[int],
    is_lossless: bool,
) -> None:
    recipe = cut(tmp_path / "clip.mp4", clips[:1], *pieces)
    assert numbers_of(tmp_path / "clip.mp4") == numbers
    assert probe_clip(tmp_path / "clip.mp4").fps == 24
    assert recipe["is_lossless"] == is_lossless
    if is_lossless and len(pieces) < 2:
        first = numbers[0]
        shown, given = (read_all(x, probe_clip(x)) for x in (tmp_path / "clip.mp4", clips[0]))
        np.testing.assert_array_equal(shown, given[first : first + len(numbers)])


@pytest.mark.parametrize(
    ("start", "end", "heard"), [(1 / 3, 1.0, (1 / 6, 2 / 3)), (0.25, 0.9, (0.25, 0.65))]
)
def test_the_sound_of_a_piece_stays_with_its_pictures(
    clips: list[Path], tmp_path: Path, start: float, end: float, heard: tuple[float, float]
) -> None:
    cut(tmp_path / "clip.mp4", clips[:1], {"start": start, "end": end})
    assert first_and_last_sound(tmp_path / "clip.mp4") == pytest.approx(heard, abs=0.03)


def test_clips_are_joined_at_the_size_and_rate_of_the_first_and_mixed_in_a_dissolve(
    clips: list[Path], tmp_path: Path
) -> None:
    pieces = {"clip": 2}, {"clip": 1, "end": 1.5, "transition": "dissolve"}
    recipe = cut(tmp_path / "clip.mp4", clips, *pieces)
    info = probe_clip(tmp_path / "clip.mp4")
    # 1.5 s and 1.5 s, half a second of them at once.
    assert (info.fps, info.num_frames) == (20, 30 + 30 - 10)
    numbers = numbers_of(tmp_path / "clip.mp4")
    assert numbers[:20] == ALL[:20]
    assert numbers[30:] == [round(24 * frame / 20) for frame in range(10, 30)]
    assert first_and_last_sound(tmp_path / "clip.mp4")[1] == pytest.approx(2.0, abs=0.03)
    assert [(x["clip"], x["first_frame"], x["num_frames"]) for x in recipe["kept"]] == [
        (0, 0, 30),
        (1, 20, 30),
    ]
    assert read_recipe(tmp_path / "clip.mp4")["kept"] == recipe["kept"]


def test_a_cut_that_is_stopped_leaves_no_clip(clips: list[Path], tmp_path: Path) -> None:
    request = build_request("cut_video", shots=parse_pieces([{"start": 0.25}], clips[:1]))
    seen: list[float] = []
    with pytest.raises(GenerationCancelledError):
        cut_clips(
            request, tmp_path / "clip.mp4", lambda x: seen.append(x.fraction), lambda: bool(seen)
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        ({"start": 1, "end": 2.5}, "lasts 2 s, but the span is from 1 to 2.5 s"),
        ({"start": 2}, "lasts 2 s, but the span is from 2 s on"),
        ({"start": 1, "end": 1}, "must be after the start"),
        ({"clip": 2}, "must be the number of a clip, from 1 to 1"),
        ({"end": "soon"}, "must be a number"),
        ({"transition": "continue"}, "must be one of cut, dissolve"),
        ({"speed": 2}, "no other keys than clip, start, end, transition"),
    ],
)
def test_a_piece_that_cannot_be_cut_is_refused_with_one_sentence(
    clips: list[Path], tmp_path: Path, piece: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        cut(tmp_path / "clip.mp4", clips[:1], piece)


def test_a_cut_needs_no_model_and_takes_none(clips: list[Path]) -> None:
    with pytest.raises(InvalidRequestError, match="uses no model"):
        build_request("cut_video", shots=parse_pieces([], clips), model=MINI)
    with pytest.raises(InvalidRequestError, match="no clip to cut"):
        build_request("cut_video")


def test_a_clip_that_was_cut_can_be_continued_in_its_scene(
    model_caches: dict[str, ModelCache], tmp_path: Path
) -> None:
    """Its recipe says where the scene is at both ends, so an extension goes on from there."""
    how = {"prompt": "a red boat", "duration": 2.0, "seed": 3, "model": MINI, "models": None}
    options: dict[str, Any] = {"on_progress": lambda _: None, "is_cancelled": lambda: False}
    model_cache = model_caches[MINI]
    request = build_request("text_to_video", **how)
    generate(request, model_cache=model_cache, output=tmp_path / "clip.mp4", **options)
    whole = read_memories(tmp_path / "clip.mp4")
    cut(tmp_path / "part.mp4", [tmp_path / "clip.mp4"], {"start": 0.5, "end": 1.5})
    part = read_memories(tmp_path / "part.mp4")
    assert part["first"]["staging"] == part["last"]["staging"] == whole["first"]["staging"]
    assert part["first"]["seconds"] == pytest.approx(whole["first"]["seconds"] + 0.5)
    assert part["last"]["seconds"] == pytest.approx(whole["first"]["seconds"] + 1.5 - 1 / 16)
