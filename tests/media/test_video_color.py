"""Colours of clips: HDR, wide gamuts and transparency become what a plain screen shows."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import MediaError
from pipeline.media.color_science import (
    PRIMARIES,
    encode_srgb,
    linearize,
    nits_to_pq,
    primaries_matrix,
)
from pipeline.media.color_science import SRGB_SPACE as SRGB
from pipeline.media.video_color import ColorTags, lut_of
from pipeline.media.video_reader import probe_clip, read_first_frames
from tests.sources import H264, ffmpeg, read_all

QUARTERS = np.array([[(200, 40, 40), (40, 180, 60)], [(40, 60, 200), (200, 200, 200)]])
SIDE = 32
HDR_MP4 = ("-c:v", "libx265", "-x265-params", "log-level=0:qp=4")


def in_primaries(code: int) -> np.ndarray:
    """Return the light of the four quarters (2, 2, 3) in other primaries."""
    light = linearize(QUARTERS / 255, SRGB)
    return light @ primaries_matrix(PRIMARIES[1], PRIMARIES[code]).T


def write(path: Path, samples: np.ndarray, *options: str, tags: str = "", matrix: str = "") -> Path:
    """Write ten frames of four quarters, coded samples (2, 2, 3) or (2, 2, 4) from 0 to 1."""
    frame = np.repeat(np.repeat(samples, SIDE, 0), SIDE, 1)
    data = (frame.clip(0, 1) * 65535).round().astype("<u2").tobytes() * 10
    layout = "rgba64le" if samples.shape[-1] == 4 else "rgb48le"
    source = ("-f", "rawvideo", "-pix_fmt", layout, "-s", f"{2 * SIDE}x{2 * SIDE}", "-r", "25")
    convert = f"scale=out_color_matrix={matrix}:out_range=tv:flags=accurate_rnd" if matrix else ""
    filters = ",".join(x for x in (convert, tags and f"format=yuv420p10le,setparams={tags}") if x)
    ffmpeg(
        *source, "-i", "pipe:0", *(("-vf", filters) if filters else ()), *options, path, stdin=data
    )
    return path


def read_quarters(path: Path, index: int = 0) -> np.ndarray:
    """Return the colours of a clip's four quarters, (2, 2, 3)."""
    frame = read_all(path, probe_clip(path))[index].astype(float)
    height, width = (x // 2 for x in frame.shape[:2])
    parts = frame[: 2 * height, : 2 * width].reshape(2, height, 2, width, 3)
    return parts[:, 6:-6, :, 6:-6].mean((1, 3))


def wide(primaries: str, transfer: str, matrix: str) -> str:
    return f"colorspace={matrix}:color_primaries={primaries}:color_trc={transfer}:range=tv"


@pytest.mark.parametrize("name", ["pq.mp4", "pq.mov", "pq.mkv"])
def test_pq_with_white_at_203_nits_keeps_the_colours_of_the_picture(
    tmp_path: Path, name: str
) -> None:
    """It came out as (123, 81, 67), washed out, and nothing said so."""
    tags = wide("bt2020", "smpte2084", "bt2020nc")
    coded = nits_to_pq(in_primaries(9) * 203)
    path = write(tmp_path / name, coded, *HDR_MP4, tags=tags, matrix="bt2020")
    found = read_quarters(path)
    assert np.abs(found - QUARTERS).max() <= 7
    red = found[0, 0]
    assert (red >= (147, 27, 26)).all()
    assert (red <= (202, 41, 41)).all()
    assert "HDR becomes standard range" in probe_clip(path).notes


def test_hlg_is_tone_mapped(tmp_path: Path) -> None:
    scene = in_primaries(9) * 203 / 1000
    luminance = scene @ np.array([0.2627, 0.678, 0.0593])
    scene = scene * luminance[..., None] ** (1 / 1.2 - 1)  # the display's gamma undone: BT.2100
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    bright = a * np.log(np.maximum(12 * scene - b, 1e-6)) + c
    coded = np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)
    tags = wide("bt2020", "arib-std-b67", "bt2020nc")
    path = write(tmp_path / "hlg.mp4", coded, *HDR_MP4, tags=tags, matrix="bt2020")
    assert np.abs(read_quarters(path) - QUARTERS).max() <= 7


@pytest.mark.parametrize("nits", [1000.0, 4000.0])
def test_highlights_of_hdr_are_white_and_darker_ones_are_not(tmp_path: Path, nits: float) -> None:
    light = np.array([[nits, 400.0], [100.0, 1.0]])[..., None].repeat(3, -1)
    tags = wide("bt2020", "smpte2084", "bt2020nc")
    path = write(tmp_path / "bright.mp4", nits_to_pq(light), *HDR_MP4, tags=tags, matrix="bt2020")
    (peak, bright), (dark, black) = read_quarters(path).mean(-1)
    assert peak >= 253
    assert 235 <= bright <= 252
    assert 175 <= dark <= 190
    assert black <= 20


@pytest.mark.parametrize(
    ("code", "tags", "matrix"),
    [
        (9, wide("bt2020", "bt2020-10", "bt2020nc"), "bt2020"),
        (9, wide("unknown", "unknown", "bt2020nc"), "bt2020"),
        (12, wide("smpte432", "bt709", "bt709"), "bt709"),
        (12, wide("smpte432", "iec61966-2-1", "bt709"), "bt709"),
        (5, wide("bt470bg", "smpte170m", "bt470bg"), "bt601"),
        (6, wide("smpte170m", "smpte170m", "smpte170m"), "bt601"),
    ],
)
def test_colours_of_other_gamuts_become_those_of_srgb(
    tmp_path: Path, code: int, tags: str, matrix: str
) -> None:
    coded = encode_srgb(in_primaries(code))
    options = ("-c:v", "libx264", "-qp", "2")
    path = write(tmp_path / "wide.mkv", coded, *options, tags=tags, matrix=matrix)
    assert probe_clip(path).video.colors.kind == "wide"
    assert np.abs(read_quarters(path) - QUARTERS).max() <= 4


def test_an_ordinary_clip_is_not_converted(tmp_path: Path) -> None:
    tags = wide("bt709", "bt709", "bt709")
    path = write(tmp_path / "plain.mp4", QUARTERS / 255, *H264, tags=tags, matrix="bt709")
    assert probe_clip(path).video.colors.kind == "standard"
    assert probe_clip(path).notes == ()
    assert np.abs(read_quarters(path) - QUARTERS).max() <= 2


def test_full_range_is_not_taken_for_that_of_television(tmp_path: Path) -> None:
    convert = "scale=out_color_matrix=bt709:out_range=pc,format=yuvj420p"
    path = write(
        tmp_path / "full.mp4", QUARTERS / 255, "-vf", convert, "-c:v", "libx264", "-qp", "2"
    )
    assert np.abs(read_quarters(path) - QUARTERS).max() <= 3


def test_frames_of_hdr_can_be_read_at_another_size_and_from_the_end(tmp_path: Path) -> None:
    tags = wide("bt2020", "smpte2084", "bt2020nc")
    coded = nits_to_pq(in_primaries(9) * 203)
    path = write(tmp_path / "pq.mp4", coded, *HDR_MP4, tags=tags, matrix="bt2020")
    (small,) = read_first_frames(path, probe_clip(path), 1, size=(16, 16))
    assert np.abs(small[2:6, 2:6].mean((0, 1)) - QUARTERS[0, 0]).max() <= 4


def test_the_table_of_colours_is_true_to_the_formula() -> None:
    tags = ColorTags(primaries=9, transfer=16, matrix=9)
    rows = np.loadtxt(io.BytesIO(lut_of(tags)), skiprows=1)
    side = round(len(rows) ** (1 / 3))
    red = nits_to_pq(in_primaries(9)[0, 0] * 203) * (side - 1)
    nearest = np.rint(red).astype(int)
    found = rows[nearest[0] + side * (nearest[1] + side * nearest[2])] * 255
    assert np.abs(found - QUARTERS[0, 0]).max() <= 12  # the next knot, not the colour itself


# Transparency

HIDDEN = np.array([[(200, 40, 40, 255), (0, 255, 0, 0)], [(40, 60, 200, 128), (255, 0, 255, 0)]])
ON_WHITE = np.array([[(200, 40, 40), (255, 255, 255)], [(147, 157, 227), (255, 255, 255)]])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("prores.mov", ("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le")),
        ("vp9.webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-crf", "4", "-b:v", "0")),
        (
            "vp8.webm",
            (
                "-c:v",
                "libvpx",
                "-auto-alt-ref",
                "0",
                "-pix_fmt",
                "yuva420p",
                "-crf",
                "4",
                "-b:v",
                "4M",
            ),
        ),
        ("animation.mov", ("-c:v", "qtrle", "-pix_fmt", "argb")),
        ("png.mov", ("-c:v", "png", "-pix_fmt", "rgba")),
        ("animated.apng", ("-c:v", "apng", "-pix_fmt", "rgba")),
        ("ffv1.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuva444p")),
    ],
)
def test_white_lies_behind_what_is_transparent(
    tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    """Hidden colours came out: green and magenta here."""
    path = write(tmp_path / name, HIDDEN / 255, *options)
    assert np.abs(read_quarters(path) - ON_WHITE).max() <= 5
    assert np.abs(read_quarters(path, -1) - ON_WHITE).max() <= 5
    assert "white lies behind what is transparent" in probe_clip(path).notes


@pytest.mark.parametrize("name", ["animated.gif", "animated.webp", "animated.png"])
def test_white_lies_behind_animated_pictures(tmp_path: Path, name: str) -> None:
    image = Image.fromarray(np.repeat(np.repeat(HIDDEN, SIDE, 0), SIDE, 1).astype(np.uint8))
    frames = [image.rotate(angle) for angle in (0, 180)]
    options = {"lossless": True} if name.endswith("webp") else {}
    frames[0].save(
        tmp_path / name,
        save_all=True,
        append_images=frames[1:],
        duration=100,
        disposal=2,
        **options,
    )
    path = tmp_path / name
    if name.endswith("png"):
        path = path.rename(tmp_path / "animated.apng")
    expected = ON_WHITE.copy()
    if name.endswith("gif"):  # one bit of transparency
        expected[1, 0] = 40, 60, 200
    found = read_quarters(path)
    assert np.abs(found - expected).max() <= 6
    assert np.abs(read_quarters(path, -1) - expected[::-1, ::-1]).max() <= 6


def test_hidden_colours_do_not_bleed_when_frames_are_scaled(tmp_path: Path) -> None:
    samples = np.zeros((2, 2, 4))
    samples[:, 0] = 1, 1, 1, 1  # white beside what is hidden and black
    path = write(tmp_path / "edge.mov", samples, "-c:v", "qtrle", "-pix_fmt", "argb")
    (small,) = read_first_frames(path, probe_clip(path), 1, size=(22, 22))
    assert small.min() >= 254


def test_a_still_webp_is_no_clip(tmp_path: Path) -> None:
    path = tmp_path / "still.webp"
    Image.new("RGB", (64, 64)).save(path)
    with pytest.raises(MediaError, match="not a video that can be read"):
        probe_clip(path)
