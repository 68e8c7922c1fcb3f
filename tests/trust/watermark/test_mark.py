"""The invisible mark: read after what happens to clips, and never where there is none."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import KinoraError
from pipeline.media.video_writer import ClipWriter
from pipeline.trust.watermark.detection import LEAST_CODE_SCORE, LEAST_SCORE, find_marks
from pipeline.trust.watermark.mark import KEY_FILE, Marker, load_or_make_key, open_marker
from pipeline.trust.watermark.pattern import Tile
from pipeline.trust.watermark.payload import read_id, symbols_of
from tests.footage import HEIGHT, WIDTH, read_marks, scene
from tests.sources import ffmpeg

KEY = bytes(range(32))
ID = "00ff10203040"
PATTERN = [0.70927, 0.47045, -0.94789, -1.66318]  # of both: its sixth row at 160x160


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return scene()


@pytest.fixture(scope="module")
def marked(frames: np.ndarray) -> np.ndarray:
    return mark(frames)


@pytest.fixture(scope="module")
def delivered(marked: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("marked") / "clip.mp4"
    write(marked, path)
    return path


def mark(frames: np.ndarray, mark_id: str = ID) -> np.ndarray:
    marker = Marker(KEY)
    return np.stack([marker.embed(frame, mark_id) for frame in frames])


def write(frames: np.ndarray, path: Path) -> None:
    height, width = frames.shape[1:3]
    with ClipWriter(path, width=width, height=height, fps=24) as writer:
        writer.write(frames)


def ids(frames: np.ndarray | list[np.ndarray], key: bytes = KEY) -> list[str | None]:
    return [window.mark_id for window in find_marks(frames, key)]


def test_the_id_is_read_from_the_delivered_file(delivered: Path) -> None:
    (window,) = read_marks(delivered, KEY)
    assert window.mark_id == ID
    assert window.is_marked
    assert (window.first_frame, window.num_frames) == (0, 24)


@pytest.mark.parametrize(
    ("filters", "crf"),
    [
        ("null", 23),
        ("scale=iw/2:ih/2,scale=384:216", 18),
        ("crop=346:194", 18),
        ("crop=346:194,scale=384:216", 18),
        ("fps=15", 18),
        ("hflip", 18),
    ],
)
def test_the_id_is_read_after_the_file_was_changed(
    delivered: Path, tmp_path: Path, filters: str, crf: int
) -> None:
    path = tmp_path / "changed.mp4"
    ffmpeg("-i", delivered, "-vf", filters, "-crf", str(crf), "-pix_fmt", "yuv420p", path)
    assert [window.mark_id for window in read_marks(path, KEY)] == [ID]


def test_the_id_is_read_from_one_picture(marked: np.ndarray) -> None:
    assert ids(marked[5:6]) == [ID]
    _, data = cv2.imencode(".jpg", marked[5], [cv2.IMWRITE_JPEG_QUALITY, 75])
    assert ids(cv2.imdecode(data, cv2.IMREAD_COLOR)[None]) == [ID]


@pytest.mark.parametrize("shape", [(288, 512), (512, 288), (480, 832)])
def test_pictures_of_every_size_bear_it(shape: tuple[int, int]) -> None:
    assert ids(mark(scene(2, *shape))) == [ID]


def test_there_is_no_mark_in_a_clip_without_one(frames: np.ndarray, tmp_path: Path) -> None:
    write(frames, tmp_path / "plain.mp4")
    (window,) = read_marks(tmp_path / "plain.mp4", KEY)
    assert window.mark_id is None
    assert not window.is_marked


@pytest.mark.parametrize("value", [0, 128, 255])
def test_there_is_no_mark_where_there_is_nothing(value: int) -> None:
    (window,) = find_marks(np.full((2, HEIGHT, WIDTH, 3), value, np.uint8), KEY)
    assert window.score < LEAST_SCORE


def test_another_key_finds_nothing(marked: np.ndarray) -> None:
    (window,) = find_marks(marked, bytes(32))
    assert window.mark_id is None
    assert window.score < LEAST_SCORE


def test_windows_say_where_one_mark_ends_and_another_begins(frames: np.ndarray) -> None:
    other = "0123456789ab"
    still = np.repeat(frames[:1], 48, axis=0)
    stream = np.concatenate([still, mark(still), mark(still, other)])
    windows = list(find_marks(stream, KEY))
    assert [window.mark_id for window in windows] == [None, ID, other]
    assert [window.first_frame for window in windows] == [0, 48, 96]


def test_it_is_not_seen(frames: np.ndarray, marked: np.ndarray) -> None:
    difference = marked.astype(float) - frames
    assert 10 * np.log10(255**2 / (difference**2).mean()) > 40
    assert np.abs(difference).max() <= 7
    sky = difference[:, :40]
    assert np.abs(sky).max() <= 1  # where it is flat it would be seen first


def strength(frame: np.ndarray, marker: Marker) -> float:
    """Return the root of the mean square of what a mark changes of a frame, in levels."""
    change = marker.embed(frame, ID).astype(float) - frame
    return float(np.sqrt((change**2).mean()))


def test_a_frame_bears_more_the_less_its_mark_would_be_and_none_too_much() -> None:
    """At crf 28 a flat sky had lost its mark, and noise had kept it."""
    marker = Marker(KEY)
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 1), np.uint8)
    noise = np.repeat(noise, 3, axis=2) // 2 + 64  # far from what can be cut
    flat = np.full_like(noise, 128)
    part = np.where(np.arange(WIDTH)[:, None] < WIDTH // 8, noise, flat)
    assert 2.3 < strength(noise, marker) < 2.5
    assert 0.45 < strength(flat, marker) < 0.55  # unlifted 0.3
    change = marker.embed(part, ID).astype(float) - part
    assert 2.5 < np.sqrt((change[:, : WIDTH // 16] ** 2).mean()) < 2.7
    assert np.abs(change).max() <= 7


def test_a_mark_follows_from_its_frame_alone(frames: np.ndarray) -> None:
    """A job that goes on where it stopped makes the same bits as one that never did."""
    marker = Marker(KEY)
    marker.embed(np.zeros_like(frames[0]), ID)
    marker.embed(frames[3], ID)
    np.testing.assert_array_equal(marker.embed(frames[4], ID), Marker(KEY).embed(frames[4], ID))


def test_marks_in_files_from_before_are_still_found() -> None:
    """Their pattern is what a key made then; only how strong it is has changed since."""
    pattern = Tile(KEY).draw(symbols_of(ID), 160, 160)
    np.testing.assert_allclose(pattern[5, :4], PATTERN, atol=1e-4)
    marker = Marker(KEY, 1 / 1.4)  # no stronger than the flat parts of the first marks
    frames = scene(24)
    assert ids(np.stack([marker.embed(frame, ID) for frame in frames])) == [ID]


def test_marking_leaves_the_frame_it_is_given(frames: np.ndarray) -> None:
    frame = frames[0].copy()
    assert (Marker(KEY).embed(frame, ID) != frame).any()
    np.testing.assert_array_equal(frame, frames[0])


def test_the_same_key_and_id_give_the_same_bits_and_others_do_not(frames: np.ndarray) -> None:
    first = Marker(KEY).embed(frames[0], ID)
    np.testing.assert_array_equal(Marker(KEY).embed(frames[0], ID), first)
    assert (Marker(bytes(32)).embed(frames[0], ID) != first).any()
    assert (Marker(KEY).embed(frames[0], "0123456789ab") != first).any()
    assert len({Marker(KEY).name, Marker(bytes(32)).name, Marker(KEY, 0.5).name}) == 3


def test_ids_follow_from_names_and_the_key() -> None:
    marker = Marker(KEY)
    assert marker.id_of("a") == marker.id_of("a")
    assert len({marker.id_of("a"), marker.id_of("b"), Marker(bytes(32)).id_of("a")}) == 3
    assert KEY.hex() not in marker.name


def seen(rng: np.random.Generator, score: float) -> np.ndarray:
    """Return scores (10, 256) as of a mark with an id, in noise."""
    scores = rng.standard_normal((10, 256))
    scores[np.arange(10), symbols_of(ID)] += score
    return scores


@pytest.mark.parametrize("num_wrong", range(5))
def test_misread_symbols_are_repaired_whichever_four_they_are(num_wrong: int) -> None:
    for places in combinations(range(10), num_wrong):
        scores = np.zeros((10, 256))
        scores[np.arange(10), symbols_of(ID)] = 5.0
        scores[list(places), 17] = 6.0
        assert read_id(scores)[0] == ID


def test_an_id_is_read_from_symbols_of_which_half_are_misread() -> None:
    rng = np.random.default_rng(0)
    scores = [seen(rng, 3.6) for _ in range(100)]
    num_wrong = [(each.argmax(1) != symbols_of(ID)).sum() for each in scores]
    assert np.mean(num_wrong) > 2
    assert np.mean([read_id(each)[0] == ID for each in scores]) > 0.9


def test_noise_says_no_id_that_is_believed() -> None:
    rng = np.random.default_rng(0)
    means = [read_id(rng.standard_normal((10, 256)))[1] for _ in range(500)]
    assert max(means) < LEAST_CODE_SCORE


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "identity"
    folder.write_text("a file is where the folder should be")
    return folder


def test_the_key_is_made_once_and_for_its_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "identity"
    key = load_or_make_key(folder)
    assert len(key) == 32
    assert load_or_make_key(folder) == key
    assert [path.name for path in folder.iterdir()] == [KEY_FILE]
    if sys.platform != "win32":
        assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert load_or_make_key(tmp_path / "other") != key


def test_all_who_make_the_key_at_once_have_the_same_one(tmp_path: Path) -> None:
    with ThreadPoolExecutor(max_workers=8) as executor:
        keys = list(executor.map(lambda _: load_or_make_key(tmp_path / "identity"), range(32)))
    assert len(set(keys)) == 1


def test_a_damaged_key_is_said_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(KinoraError, match=r"5 bytes, but a key has 32; remove it"):
        load_or_make_key(tmp_path)
    assert open_marker(tmp_path) is None


def test_without_a_key_there_is_no_marker_and_the_log_says_so(
    locked: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert open_marker(locked) is None
    assert "no invisible mark" in caplog.text
