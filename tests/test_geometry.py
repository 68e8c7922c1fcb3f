"""The arithmetic of shapes, sizes and frames, by table."""

from __future__ import annotations

import itertools
import math

import pytest

from pipeline.geometry import (
    ASPECT_RATIOS,
    Size,
    crop_box,
    frames_for_latents,
    latents_for_frames,
    nearest_aspect_ratio,
    snap_num_frames,
    snap_size,
)

EMBEDDED_SIZES = {
    "16:9": (512, 288),
    "9:16": (288, 512),
    "1:1": (384, 384),
    "4:3": (448, 320),
    "3:4": (320, 448),
    "21:9": (608, 256),
}


def ratio_of(name: str) -> float:
    columns, rows = ASPECT_RATIOS[name]
    return columns / rows


@pytest.mark.parametrize(("name", "size"), EMBEDDED_SIZES.items())
def test_every_aspect_ratio_has_its_size(name: str, size: tuple[int, int]) -> None:
    assert snap_size(ratio_of(name), num_pixels=147_456, multiple=32) == size


def test_the_table_of_sizes_names_every_aspect_ratio() -> None:
    assert set(EMBEDDED_SIZES) == set(ASPECT_RATIOS)


@pytest.mark.parametrize("num_pixels", [147_456, 337_920])
@pytest.mark.parametrize("ratio", [0.1, 9 / 21, 0.5, 0.8, 1.0, 1.3, 1.9, 21 / 9, 3.2, 10.0])
def test_no_other_legal_size_is_nearer(ratio: float, num_pixels: int) -> None:
    def error(size: tuple[int, int]) -> float:
        width, height = size
        ratio_error = math.log(width / height / ratio)
        return math.hypot(2 * ratio_error, math.log(width * height / num_pixels))

    lengths = range(32, 3200, 32)
    best = min(itertools.product(lengths, lengths), key=error)
    assert snap_size(ratio, num_pixels=num_pixels, multiple=32) == best


def test_turning_a_shape_turns_its_size() -> None:
    for ratio in (0.3, 0.71, 1.618, 2.4):
        upright = snap_size(1 / ratio, num_pixels=147_456, multiple=32)
        assert snap_size(ratio, num_pixels=147_456, multiple=32) == Size(*reversed(upright))


@pytest.mark.parametrize(
    ("width", "height", "name"),
    [
        (1920, 1080, "16:9"),
        (1080, 1920, "9:16"),
        (1170, 2532, "9:16"),
        (1, 1, "1:1"),
        (4032, 3024, "4:3"),
        (3, 4, "3:4"),
        (20_000, 10, "21:9"),
        (2560, 1080, "21:9"),
    ],
)
def test_a_picture_is_given_the_nearest_aspect_ratio(width: int, height: int, name: str) -> None:
    assert nearest_aspect_ratio(width, height) == name


@pytest.mark.parametrize(
    ("duration", "fps", "num_frames"),
    [
        (5.0, 16.0, 81),
        (81 / 16, 16.0, 81),
        (81.5 / 16, 16.0, 89),
        (0.5, 16.0, 9),
        (0.01, 16.0, 9),
        (249 / 25, 25.0, 249),
        (121 / 24, 24.0, 121),
        (5.0, 24.0, 121),
        (60.0, 16.0, 961),
    ],
)
def test_frames_last_at_least_as_long_as_asked(
    duration: float, fps: float, num_frames: int
) -> None:
    assert snap_num_frames(duration, fps=fps, temporal=8) == num_frames


def test_frame_counts_are_on_the_grid_and_never_too_short() -> None:
    for tenths in range(1, 600):
        num_frames = snap_num_frames(tenths / 10, fps=16.0, temporal=8)
        assert num_frames % 8 == 1
        assert num_frames / 16 >= tenths / 10


@pytest.mark.parametrize(("num_frames", "num_latents"), [(1, 1), (9, 2), (49, 7), (81, 11)])
def test_latents_and_frames_are_counted_back_and_forth(num_frames: int, num_latents: int) -> None:
    assert latents_for_frames(num_frames, temporal=8) == num_latents
    assert frames_for_latents(num_latents, temporal=8) == num_frames


@pytest.mark.parametrize(
    ("num_latents", "num_frames"), [(1, 1), (9, 33), (10, 34), (12, 42), (18, 66), (36, 132)]
)
def test_the_first_latent_of_every_chunk_stands_for_one_frame(
    num_latents: int, num_frames: int
) -> None:
    """Chunks of nine latents are 33 frames each (Helios)."""
    assert frames_for_latents(num_latents, temporal=4, chunk=9) == num_frames
    assert frames_for_latents(num_latents, temporal=4, follows_others=True, chunk=9) == num_frames
    assert latents_for_frames(num_frames, temporal=4, chunk=9) == num_latents


def test_chunks_are_made_as_long_as_asked_and_less_than_a_latent_longer() -> None:
    for num_asked in range(2, 200):
        num_frames = snap_num_frames(num_asked / 24, fps=24.0, temporal=4, chunk=9)
        assert 0 <= num_frames - num_asked < 4
        assert latents_for_frames(num_frames, temporal=4, chunk=9) > 0


def test_latents_that_follow_others_hold_eight_frames_each() -> None:
    assert frames_for_latents(10, temporal=8, follows_others=True) == 80


@pytest.mark.parametrize("num_frames", [0, 2, 8, 80])
def test_frames_off_the_grid_have_no_latents(num_frames: int) -> None:
    with pytest.raises(ValueError, match=f"{num_frames} frames"):
        latents_for_frames(num_frames, temporal=8)


@pytest.mark.parametrize(
    ("width", "height", "ratio", "box"),
    [
        (1920, 1080, 16 / 9, (0, 0, 1920, 1080)),
        (1000, 1000, 16 / 9, (0, 219, 1000, 781)),
        (1000, 1000, 9 / 16, (219, 0, 781, 1000)),
        (300, 100, 1.0, (100, 0, 200, 100)),
        (1, 1, 21 / 9, (0, 0, 1, 1)),
        (5000, 2, 9 / 16, (2499, 0, 2500, 2)),
    ],
)
def test_the_crop_is_centred_and_inside(
    width: int, height: int, ratio: float, box: tuple[int, int, int, int]
) -> None:
    assert crop_box(width, height, ratio) == box
