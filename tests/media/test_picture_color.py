"""Pictures of other colour spaces, each said in the structure of its format, come out in sRGB."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import ExifTags, Image, ImageCms

from pipeline.media.images import open_picture
from tests.pictures import ORANGE, WHITE, assert_color, plain_png, swapped_profile

RED = (200, 40, 40)
RED_IN_P3 = (184 / 255, 56 / 255, 48 / 255)
RED_IN_BT2020 = (164 / 255, 69 / 255, 49 / 255)
RED_IN_PQ = (0.4794, 0.3146, 0.2628)  # 117, 4 and 4 nits, white having 203
RED_IN_HLG = (0.5401, 0.2183, 0.1548)
GREY_OF_100_NITS = (0.5081,) * 3
P3_SDR, P3_PQ, BT2020_PQ = bytes([12, 13, 0, 1]), bytes([12, 16, 0, 1]), bytes([9, 16, 0, 1])
BT2020_HLG, BT2020_SDR = bytes([9, 18, 0, 1]), bytes([9, 14, 0, 1])
ADOBE = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)  # white first, as in PNG


def gamma(value: float) -> bytes:
    return struct.pack(">I", round(value * 100_000))


def chromaticities(values: tuple[float, ...]) -> bytes:
    return struct.pack(">8I", *(round(value * 100_000) for value in values))


@pytest.mark.parametrize(
    ("samples", "chunks", "color"),
    [
        (RED_IN_P3, {b"cICP": P3_SDR}, RED),
        (RED_IN_BT2020, {b"cICP": BT2020_SDR}, RED),
        (RED_IN_PQ, {b"cICP": BT2020_PQ}, RED),
        (RED_IN_HLG, {b"cICP": BT2020_HLG}, (168, 32, 32)),
        (GREY_OF_100_NITS, {b"cICP": BT2020_PQ}, (185, 185, 185)),
        (GREY_OF_100_NITS, {b"cICP": P3_PQ}, (185, 185, 185)),
        ((1.0, 1.0, 1.0), {b"cICP": BT2020_PQ}, WHITE),
        ((0.5, 0.5, 0.5), {b"cICP": bytes([2, 2, 0, 1])}, (128, 128, 128)),
        # cICP counts before gAMA, and sRGB too.
        (RED_IN_P3, {b"gAMA": gamma(1.0), b"cICP": P3_SDR}, RED),
        ((0.5, 0.5, 0.5), {b"sRGB": b"\0", b"gAMA": gamma(1.0)}, (128, 128, 128)),
        # Linear light, an old Macintosh's gamma, and the one that means sRGB.
        ((0.5776, 0.0212, 0.0212), {b"gAMA": gamma(1.0)}, RED),
        ((0.5, 0.5, 0.5), {b"gAMA": gamma(1 / 1.8)}, (145, 145, 145)),
        ((0.5, 0.5, 0.5), {b"gAMA": gamma(0.45455)}, (128, 128, 128)),
        ((0.5, 0.5, 0.5), {b"gAMA": gamma(0)}, (128, 128, 128)),
        ((0.8588, 0, 0), {b"gAMA": gamma(0.45455), b"cHRM": chromaticities(ADOBE)}, (253, 0, 0)),
        ((0.8588, 0, 0), {b"cHRM": chromaticities(ADOBE)}, (253, 0, 0)),
        ((0.5, 0.5, 0.5), {b"cHRM": chromaticities((0.3,) * 8)}, (128, 128, 128)),
        ((0.5, 0.5, 0.5), {b"cHRM": chromaticities((0.0,) * 8)}, (128, 128, 128)),
        ((0.5,), {b"gAMA": gamma(1.0)}, (188, 188, 188)),  # grey
    ],
)
@pytest.mark.parametrize("bit_depth", [8, 16])
def test_the_chunks_of_a_png_say_what_its_colours_are(
    tmp_path: Path,
    bit_depth: int,
    samples: tuple[float, ...],
    chunks: dict[bytes, bytes],
    color: tuple[int, ...],
) -> None:
    """Display P3 came out washed out, linear light dark, and PQ grey; nothing said so."""
    path = tmp_path / "picture.png"
    path.write_bytes(plain_png(samples, bit_depth=bit_depth, chunks=chunks))
    assert_color(open_picture(path), color, within=3 if bit_depth == 8 else 2)


def test_the_dark_tones_of_linear_light_are_told_apart_with_16_bits(tmp_path: Path) -> None:
    """With 8 bits all light below 1/255 would be one of two tones."""
    path = tmp_path / "dark.png"
    for value in (1, 3, 5, 8, 12):
        light = value / 255 / 12.92
        path.write_bytes(plain_png((light,) * 3, bit_depth=16, chunks={b"gAMA": gamma(1.0)}))
        assert_color(open_picture(path), (value,) * 3, within=1)


def test_other_colours_and_transparency_go_together(tmp_path: Path) -> None:
    path = tmp_path / "alpha.png"
    for bit_depth in (8, 16):
        half = plain_png((*RED_IN_PQ, 0.5), bit_depth=bit_depth, chunks={b"cICP": BT2020_PQ})
        path.write_bytes(half)
        assert_color(open_picture(path), (228, 148, 148), within=3)


def with_codes(path: Path, primaries: int, transfer: int) -> None:
    """Write other CICP codes into the nclx box of a file."""
    data = bytearray(path.read_bytes())
    at = data.index(b"nclx") + 4
    data[at : at + 4] = struct.pack(">HH", primaries, transfer)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("samples", "codes", "color"),
    [
        (RED_IN_P3, (12, 13), RED),
        (RED_IN_P3, (12, 2), RED),
        (RED_IN_BT2020, (9, 1), RED),
        (RED_IN_PQ, (9, 16), RED),
        (RED_IN_HLG, (9, 18), (168, 32, 32)),
        ((0.5, 0.5, 0.5), (1, 8), (188, 188, 188)),
        ((0.5, 0.5, 0.5), (2, 2), (128, 128, 128)),
    ],
)
@pytest.mark.parametrize("suffix", ["avif", "heic"])
def test_the_nclx_box_of_heif_and_avif_says_what_its_colours_are(
    tmp_path: Path,
    suffix: str,
    samples: tuple[float, ...],
    codes: tuple[int, int],
    color: tuple[int, ...],
) -> None:
    path = tmp_path / f"picture.{suffix}"
    image = Image.new("RGB", (64, 64), tuple(round(255 * x) for x in samples))
    if suffix == "heic":
        pillow_heif.from_pillow(image).save(path, quality=-1, save_nclx_profile=True)
    else:
        image.save(path, quality=100)
    with_codes(path, *codes)
    assert_color(open_picture(path), color, within=4)


def test_ten_bits_of_hdr_are_read_as_ten(tmp_path: Path) -> None:
    """A step of 8 bits of PQ is up to three tones of sRGB."""
    samples = np.tile(np.linspace(0.3, 0.4, 256), (64, 1))
    deep = np.repeat((samples * 65535).astype(np.uint16)[..., None], 3, axis=2)
    path = tmp_path / "ramp.heic"
    ramp = pillow_heif.from_bytes(mode="RGB;16", size=(256, 64), data=deep.tobytes())
    ramp.save(path, quality=-1, chroma=444)
    with_codes(path, 9, 16)
    tones = np.unique(np.asarray(open_picture(path))[32, :, 1])
    assert len(tones) > 40  # 8 bits have 26


def test_an_icc_profile_of_a_heic_counts_before_its_box(tmp_path: Path) -> None:
    path = tmp_path / "picture.heic"
    image = Image.new("RGB", (64, 64), ORANGE)
    image.info["icc_profile"] = swapped_profile()
    pillow_heif.from_pillow(image).save(path, quality=-1)
    assert_color(open_picture(path), ORANGE[::-1], within=4)


def test_adobe_rgb_is_known_by_the_tags_that_cameras_write(tmp_path: Path) -> None:
    path = tmp_path / "camera.jpg"
    exif = Image.Exif()
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.ColorSpace: 65535, ExifTags.IFD.Interop: {1: "R03"}}
    Image.new("RGB", (64, 64), (100, 180, 100)).save(path, exif=exif, quality=100)
    assert_color(open_picture(path), (0, 181, 95), within=4)


def test_the_primaries_of_a_tiff_are_used(tmp_path: Path) -> None:
    path = tmp_path / "primaries.tif"
    samples = tuple(round(255 * x) for x in RED_IN_P3)
    tags = {318: (0.3127, 0.329), 319: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)}
    Image.new("RGB", (64, 64), samples).save(path, tiffinfo=tags)
    assert_color(open_picture(path), RED, within=2)


def test_a_profile_that_names_hdr_by_its_codes_is_tone_mapped(tmp_path: Path) -> None:
    """By its curve alone white would be 10,000 nits, and the picture black."""
    path = tmp_path / "hdr.jpg"
    entry = b"cicp" + struct.pack(">II", 144, 12)
    profile = bytes(128) + struct.pack(">I", 1) + entry + b"cicp" + bytes(4) + BT2020_PQ
    samples = tuple(round(255 * x) for x in RED_IN_PQ)
    Image.new("RGB", (64, 64), samples).save(path, icc_profile=profile, quality=100)
    assert_color(open_picture(path), RED, within=5)


def test_a_grey_picture_with_a_profile_for_colours_is_converted(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("L", (32, 32), 90).save(path, icc_profile=profile)
    assert_color(open_picture(path), (90, 90, 90), within=1)


def test_a_colour_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    """A profile whose red and blue are exchanged shows at once whether it was used."""
    path = tmp_path / "profile.png"
    Image.new("RGB", (32, 32), ORANGE).save(path, icc_profile=swapped_profile())
    assert_color(open_picture(path), ORANGE[::-1], within=3)


def test_a_colour_profile_and_transparency_go_together(tmp_path: Path) -> None:
    path = tmp_path / "profile.png"
    image = Image.new("RGBA", (32, 32), (*ORANGE, 255))
    image.paste((0, 0, 0, 0), (0, 0, 16, 32))
    image.save(path, icc_profile=swapped_profile())
    opened = open_picture(path)
    assert opened.getpixel((4, 4)) == WHITE
    assert_color(opened.crop((16, 0, 32, 32)), ORANGE[::-1], within=3)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_colour_profile_that_does_not_fit_is_left_alone(tmp_path: Path, mode: str) -> None:
    path, grey = tmp_path / "profile.png", (90, 90, 90)
    Image.new("RGB", (32, 32), grey).convert(mode).save(path, icc_profile=b"no profile at all")
    assert_color(open_picture(path), grey, within=0)
