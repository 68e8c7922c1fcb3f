"""Pictures of every kind that people upload, made by Pillow (or by hand) for each test."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from pipeline.errors import MediaError
from pipeline.media.images import crop_to_size, open_picture, read_notes
from tests.pictures import ORANGE, WHITE, assert_color, assert_one_sentence, png


@pytest.mark.parametrize(
    "name", ["a.png", "a.jpg", "a.webp", "a.gif", "a.bmp", "a.tif", "a.jp2", "a.heic"]
)
def test_common_formats_are_opened(tmp_path: Path, name: str) -> None:
    path, image = tmp_path / name, Image.new("RGB", (64, 48), ORANGE)
    if name == "a.heic":
        pillow_heif.from_pillow(image).save(path)
    else:
        image.save(path)
    opened = open_picture(path)
    assert opened.size == (64, 48)
    assert_color(opened, ORANGE)


def test_the_heic_plugin_is_loaded_only_when_a_picture_is_opened() -> None:
    code = "import sys, pipeline.media.images; sys.exit('pillow_heif' in sys.modules)"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "PA", "CMYK"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    suffix = "tif" if mode in ("PA", "CMYK") else "png"
    path = tmp_path / f"mode.{suffix}"
    Image.new("RGB", (40, 30), WHITE).convert(mode).save(path)
    assert_color(open_picture(path), WHITE, within=1)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "PA"])
def test_what_is_transparent_becomes_white(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (40, 40), (0, 0, 0, 255))
    image.paste((0, 0, 0, 0), (0, 0, 20, 40))
    path = tmp_path / ("alpha.gif" if mode == "P" else "alpha.tif" if mode == "PA" else "alpha.png")
    (image if mode in ("P", "PA") else image.convert(mode)).save(path)
    opened = open_picture(path)
    assert opened.getpixel((10, 20)) == WHITE
    assert opened.getpixel((30, 20)) == (0, 0, 0)


def test_half_transparent_colour_is_mixed_with_white(tmp_path: Path) -> None:
    path = tmp_path / "half.png"
    Image.new("RGBA", (32, 32), (0, 0, 0, 51)).save(path)
    assert_color(open_picture(path), (204, 204, 204), within=1)


def test_a_palette_with_a_transparent_colour_shows_white(tmp_path: Path) -> None:
    path = tmp_path / "palette.png"
    image = Image.new("P", (32, 32), 1)
    image.putpalette([0, 0, 0, *ORANGE])
    image.paste(0, (0, 0, 16, 32))
    image.save(path, transparency=0)
    opened = open_picture(path)
    assert opened.getpixel((4, 4)) == WHITE
    assert opened.getpixel((28, 4)) == ORANGE


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_of_grey_are_scaled_and_not_clipped(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"grey.{suffix}"
    ramp = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (32, 1))
    Image.fromarray(ramp).save(path)
    assert np.asarray(open_picture(path))[0, :, 0].tolist() == list(range(256))


def test_sixteen_bits_of_each_colour_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    pixel = struct.pack(">HHH", *(value * 257 for value in ORANGE))
    path.write_bytes(png(32, 32, bit_depth=16, rows=(b"\0" + pixel * 32) * 32))
    assert_color(open_picture(path), ORANGE, within=1)


def test_a_cmyk_photo_has_the_colours_it_was_made_of(tmp_path: Path) -> None:
    """Adobe's CMYK JPEG files hold inverted inks; taken literally they show the negative."""
    path = tmp_path / "cmyk.jpg"
    Image.new("RGB", (64, 64), ORANGE).convert("CMYK").save(path, quality=95)
    assert b"Adobe" in path.read_bytes()
    assert_color(open_picture(path), ORANGE, within=4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    """The red corner of an upright photo is at the top left, however the telephone was held."""
    path = tmp_path / "photo.jpg"
    upright = Image.new("RGB", (96, 48), "blue")
    upright.paste((255, 0, 0), (0, 0, 32, 16))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(path, exif=exif, quality=95)
    opened = open_picture(path)
    assert opened.size == (96, 48)
    assert_color(opened.crop((4, 4, 28, 12)), (255, 0, 0), within=4)
    assert_color(opened.crop((40, 24, 90, 44)), (0, 0, 255), within=4)


def test_broken_exif_does_not_cost_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "exif.jpg"
    Image.new("RGB", (64, 48), ORANGE).save(path, exif=b"Exif\0\0garbage")
    assert_color(open_picture(path), ORANGE)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_an_animation_gives_its_first_frame(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"animated.{suffix}"
    first, *others = (Image.new("RGB", (48, 48), color) for color in (ORANGE, "blue", "green"))
    first.save(path, save_all=True, append_images=others, duration=100)
    assert_color(open_picture(path), ORANGE)


# What is refused, each with a sentence


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"This is not a picture.\n" * 50,
        b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"></svg>',
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n%%EOF\n",
        np.random.default_rng(0).bytes(20_000),
    ],
    ids=["empty", "text", "svg", "eps", "junk"],
)
def test_a_file_that_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    with pytest.raises(MediaError) as error:
        open_picture(path)
    assert_one_sentence(error, "not a picture that can be read", "PNG")


@pytest.mark.parametrize("name", ["missing.png", ""], ids=["missing", "folder"])
def test_a_picture_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaError) as error:
        open_picture(tmp_path / name)
    assert_one_sentence(error, "upload it again")


def test_a_picture_whose_header_claims_to_be_endless_is_refused(tmp_path: Path) -> None:
    """A JPEG 2000 of 100 bytes had Pillow ask for all memory."""
    path = tmp_path / "picture.jp2"
    Image.new("RGB", (64, 64)).save(path)
    data = bytearray(path.read_bytes())
    at = data.index(b"jp2h")
    data[at - 4 : at] = (1).to_bytes(4, "big")  # the length follows, in eight bytes
    data[at + 4 : at + 12] = (2**62).to_bytes(8, "big")
    path.write_bytes(data)
    with pytest.raises(MediaError) as error:
        open_picture(path)
    assert_one_sentence(error, "damaged")
    assert read_notes(path) == {}


@pytest.mark.parametrize("name", ["cut.png", "cut.jpg", "cut.gif", "cut.webp", "cut.heic"])
def test_a_picture_cut_off_is_refused(tmp_path: Path, name: str) -> None:
    path, image = tmp_path / name, Image.effect_noise((128, 96), 80).convert("RGB")
    if name == "cut.heic":
        pillow_heif.from_pillow(image).save(path)
    else:
        image.save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaError) as error:
        open_picture(path)
    assert_one_sentence(error, "picture")


# Cutting


@pytest.mark.parametrize("size", [(512, 288), (288, 512), (384, 384), (608, 256)])
@pytest.mark.parametrize("picture", [(640, 480), (100, 700), (1000, 30)])
def test_a_picture_is_cut_to_exactly_the_size(
    picture: tuple[int, int], size: tuple[int, int]
) -> None:
    image, (left, top, right, bottom) = crop_to_size(Image.new("RGB", picture, ORANGE), *size)
    assert image.size == size
    assert_color(image, ORANGE, within=0)
    assert left == pytest.approx(picture[0] - right, abs=1)
    assert top == pytest.approx(picture[1] - bottom, abs=1)
    assert (left, top) == (0, 0) or 0 in (left, top)
    assert (right - left) / (bottom - top) == pytest.approx(size[0] / size[1], rel=0.05)


def test_the_middle_of_a_picture_is_kept() -> None:
    image = Image.new("RGB", (300, 100), "blue")
    image.paste(ORANGE, (100, 0, 200, 100))
    cropped, box = crop_to_size(image, 64, 64)
    assert box == (100, 0, 200, 100)
    assert_color(cropped, ORANGE, within=1)


def test_a_picture_of_the_right_size_is_left_as_it_is() -> None:
    noise = Image.effect_noise((64, 48), 90).convert("RGB")
    cropped, box = crop_to_size(noise, 64, 48)
    assert box == (0, 0, 64, 48)
    assert np.array_equal(np.asarray(cropped), np.asarray(noise))
