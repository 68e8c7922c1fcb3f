"""Pictures of floats, of 16 bits and of more: they come out as the picture, whatever 1 is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipeline.errors import MediaError
from pipeline.media.images import open_picture
from tests.pictures import (
    ORANGE,
    WHITE,
    assert_color,
    assert_one_sentence,
    plain_png,
    swapped_profile,
)

COLORS = np.full((40, 48, 3), np.array(ORANGE) / 255)
GREY = np.full((40, 48), 200 / 255)


def write(path: Path, samples: np.ndarray, dtype: type, one: float = 1.0, **tags: object) -> None:
    photometric = "rgb" if samples.ndim == 3 else "minisblack"
    values = (samples * one).astype(dtype)
    tifffile.imwrite(path, values, **{"photometric": photometric, **tags})


@pytest.mark.parametrize(
    ("dtype", "one"),
    [
        (np.float32, 1.0),
        (np.float64, 1.0),
        (np.float32, 255.0),
        (np.float32, 65535.0),
        (np.uint16, 65535),
        (np.int32, 255),
        (np.uint32, 65535),
        (np.uint32, 2**32 - 1),
    ],
)
@pytest.mark.parametrize("samples", [COLORS, GREY], ids=["colours", "grey"])
def test_a_tiff_of_any_type_is_the_picture(
    tmp_path: Path, dtype: type, one: float, samples: np.ndarray
) -> None:
    """Floats from 0 to 1 came out black when grey, and were not read at all in colour."""
    path = tmp_path / "picture.tif"
    write(path, samples, dtype, one)
    color = ORANGE if samples.ndim == 3 else (200, 200, 200)
    assert_color(open_picture(path), color, within=1)


@pytest.mark.parametrize(
    "tags",
    [
        {"compression": "zlib"},
        {"tile": (16, 16)},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"rowsperstrip": 7},
    ],
    ids=str,
)
def test_however_floats_are_stored(tmp_path: Path, tags: dict[str, object]) -> None:
    path = tmp_path / "picture.tif"
    write(path, COLORS, np.float32, **tags)
    assert_color(open_picture(path), ORANGE, within=1)


def test_a_float_picture_as_pillow_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "picture.tif"
    ramp = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (32, 1))
    Image.fromarray(ramp).save(path, compression="tiff_lzw")
    assert np.asarray(open_picture(path))[0, :, 0].tolist() == list(range(256))


def test_highlights_above_white_are_white_and_leave_the_rest_as_it_is(tmp_path: Path) -> None:
    samples = COLORS.copy()
    samples[:4] = 3.5
    samples[4] = np.nan, -1.0, np.inf
    write(tmp_path / "picture.tif", samples, np.float32)
    image = open_picture(tmp_path / "picture.tif")
    assert image.getpixel((9, 2)) == WHITE
    assert image.getpixel((9, 4)) == (0, 0, 255)
    assert_color(image.crop((0, 5, 48, 40)), ORANGE, within=1)


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_alpha_of_floats_shows_white(tmp_path: Path, kind: str) -> None:
    alpha = np.full((40, 48, 1), 0.25)
    colors = COLORS * alpha if kind == "assocalpha" else COLORS
    path = tmp_path / "picture.tif"
    write(path, np.concatenate([colors, alpha], 2), np.float32, extrasamples=[kind])
    assert_color(open_picture(path), tuple(255 - (255 - x) // 4 for x in ORANGE), within=1)


def test_one_transparent_value_of_16_bits_of_grey_shows_white(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    path.write_bytes(plain_png((200 / 255,), bit_depth=16, chunks={b"tRNS": b"\xc8\xc8"}))
    assert_color(open_picture(path), WHITE, within=0)
    path.write_bytes(plain_png((200 / 255,), bit_depth=16, chunks={b"tRNS": b"\xc8\xc9"}))
    assert_color(open_picture(path), (200, 200, 200), within=0)


@pytest.mark.parametrize("value", [(51400, 30840, 10280), (51400, 30840, 10281)])
def test_one_transparent_colour_of_16_bits(tmp_path: Path, value: tuple[int, ...]) -> None:
    path = tmp_path / "colour.png"
    key = b"".join(x.to_bytes(2, "big") for x in value)
    samples = tuple(x / 255 for x in ORANGE)
    path.write_bytes(plain_png(samples, bit_depth=16, chunks={b"tRNS": key}))
    assert_color(open_picture(path), WHITE if value[2] == 10280 else ORANGE, within=1)


@pytest.mark.parametrize(("dtype", "one"), [(np.uint16, 65535), (np.float32, 1.0)])
def test_grey_whose_white_is_zero(tmp_path: Path, dtype: type, one: float) -> None:
    path = tmp_path / "picture.tif"
    write(path, 1 - GREY, dtype, one, photometric="miniswhite")
    assert_color(open_picture(path), (200, 200, 200), within=1)


def test_signed_numbers_of_16_bits_have_their_own_white(tmp_path: Path) -> None:
    write(tmp_path / "picture.tif", GREY, np.int16, 32767)
    assert_color(open_picture(tmp_path / "picture.tif"), (200, 200, 200), within=1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("samples", [COLORS, GREY], ids=["colours", "grey"])
def test_a_deep_tiff_is_turned_as_a_plain_one_is(
    tmp_path: Path, orientation: int, samples: np.ndarray
) -> None:
    samples = samples.copy()
    samples[:10, :20] = 0
    turned = {"extratags": [(274, "H", 1, orientation, True)]}
    opened = []
    for dtype, one in ((np.float32, 1.0), (np.uint16, 65535), (np.uint8, 255)):
        write(tmp_path / "picture.tif", samples, dtype, one, **turned)
        opened.append(np.asarray(open_picture(tmp_path / "picture.tif"), int))
    assert len({image.shape for image in opened}) == 1
    assert np.abs(opened[0] - opened[2]).max() <= 1
    assert np.abs(opened[1] - opened[2]).max() <= 1


def test_the_profile_of_a_deep_tiff_is_used(tmp_path: Path) -> None:
    write(tmp_path / "picture.tif", COLORS, np.float32, iccprofile=swapped_profile())
    assert_color(open_picture(tmp_path / "picture.tif"), ORANGE[::-1], within=3)


def test_what_is_stored_in_a_way_that_is_not_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "picture.tif"
    for samples, dtype, tags in (
        (COLORS, np.float16, {}),
        (COLORS.transpose(2, 0, 1), np.float32, {"planarconfig": "separate"}),
        (np.zeros((40, 48, 7)), np.float32, {"extrasamples": [0] * 4}),
    ):
        write(path, samples, dtype, **tags)
        with pytest.raises(MediaError) as error:
            open_picture(path)
        assert_one_sentence(error, "The TIFF stores its samples")


def test_a_deep_tiff_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "picture.tif"
    write(path, COLORS, np.float32)
    data = path.read_bytes()
    for length in (10, 100, len(data) // 2):
        path.write_bytes(data[:length])
        with pytest.raises(MediaError) as error:
            open_picture(path)
        assert_one_sentence(error, "picture")
