"""Colour arithmetic against figures of the standards, and against colours known in two spaces."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.media.color_science import (
    ADOBE_RGB,
    HDR_PEAK_NITS,
    HLG,
    PQ,
    PRIMARIES,
    SDR_WHITE_NITS,
    SRGB,
    ColorSpace,
    color_space,
    encode_srgb,
    hlg_to_nits,
    linearize,
    nits_to_pq,
    pq_to_nits,
    primaries_matrix,
    to_srgb,
    tone_map,
)


def srgb8(samples: object, space: ColorSpace) -> list[int]:
    return np.rint(to_srgb(np.array(samples), space) * 255).astype(int).tolist()


@pytest.mark.parametrize(
    ("sample", "nits"),
    [(0.0, 0.0), (0.5081, 100.0), (0.5807, 203.0), (0.7518, 1000.0), (1.0, 10_000.0)],
)
def test_pq_has_the_levels_of_its_standard(sample: float, nits: float) -> None:
    """ST 2084; BT.2408 names the sample of 203 nits."""
    assert pq_to_nits(np.float64(sample)) == pytest.approx(nits, rel=2e-3, abs=1e-6)
    assert nits_to_pq(np.float64(nits)) == pytest.approx(sample, abs=1e-4)


@pytest.mark.parametrize(("sample", "nits"), [(0.0, 0.0), (0.75, 203.0), (1.0, 1000.0)])
def test_hlg_has_the_levels_of_its_standard(sample: float, nits: float) -> None:
    """BT.2408: 75 % of HLG is paper white, 203 nits on a display of 1,000."""
    assert hlg_to_nits(np.full(3, sample)) == pytest.approx([nits] * 3, rel=2e-3, abs=1e-3)


def test_bt2020_becomes_bt709_by_the_matrix_of_bt2087() -> None:
    expected = [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
    assert primaries_matrix(PRIMARIES[9]) == pytest.approx(np.array(expected), abs=2e-4)


@pytest.mark.parametrize("code", PRIMARIES)
def test_white_stays_white_whatever_the_primaries_are(code: int) -> None:
    assert primaries_matrix(PRIMARIES[code]) @ np.ones(3) == pytest.approx(np.ones(3), abs=1e-3)


@pytest.mark.parametrize(
    ("sample", "space", "color"),
    [
        ((184, 56, 48), color_space(12, 13), [200, 40, 40]),  # Display P3
        ((164, 69, 49), color_space(9, 1), [200, 40, 40]),  # BT.2020 of SDR
        ((219, 0, 0), ColorSpace(ADOBE_RGB, gamma=563 / 256), [255, 0, 0]),
        ((144, 144, 144), ColorSpace(gamma=1.8), [161, 161, 161]),
        ((55, 55, 55), color_space(1, 8), [128, 128, 128]),  # linear light
        ((120, 80, 40), color_space(1, 1), [120, 80, 40]),  # BT.709 is shown as it is
        ((120, 80, 40), color_space(2, 2), [120, 80, 40]),  # nothing is said
        ((120, 80, 40), color_space(99, 99), [120, 80, 40]),  # reserved codes
    ],
)
def test_a_colour_is_the_same_in_srgb(
    sample: tuple[int, ...], space: ColorSpace, color: list[int]
) -> None:
    assert srgb8(np.array(sample) / 255, space) == pytest.approx(color, abs=2)


@pytest.mark.parametrize("transfer", [4, 5, 7, 8, 13, 16, 17, 18])
def test_every_transfer_rises_from_black(transfer: int) -> None:
    ramp = np.repeat(np.linspace(0, 1, 1025)[:, None], 3, axis=1)
    light = linearize(ramp, color_space(1, transfer))
    assert (np.diff(light[:, 0]) >= 0).all()
    assert light[0] == pytest.approx(np.zeros(3), abs=1e-4)
    shown = to_srgb(ramp, color_space(1, transfer))
    assert np.diff(shown[:, 0]).min() > -1e-6  # rounding
    assert shown[-1] == pytest.approx(np.ones(3), abs=0.01)


def test_srgb_that_is_linearised_and_encoded_is_the_same() -> None:
    ramp = np.linspace(0, 1, 256)
    assert encode_srgb(linearize(ramp, ColorSpace())) == pytest.approx(ramp, abs=1e-5)


def test_tone_mapping_leaves_dark_tones_bends_bright_ones_and_ends_at_white() -> None:
    nits = np.array([[0.0], [1.0], [50.0], [203.0], [600.0], [HDR_PEAK_NITS], [4000.0]])
    mapped = tone_map(np.repeat(nits, 3, axis=1) / SDR_WHITE_NITS)[:, 0]
    assert mapped[:3] == pytest.approx(nits[:3, 0] / SDR_WHITE_NITS, rel=1e-3)
    assert 0.6 < mapped[3] < 1
    assert mapped[3] < mapped[4] < mapped[5]
    assert mapped[5:] == pytest.approx([1, 1], abs=1e-3)


def test_tone_mapping_keeps_the_hue() -> None:
    light = np.array([4.0, 2.0, 0.5])
    assert tone_map(light) / tone_map(light).max() == pytest.approx(light / 4, rel=1e-4)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_is_told_from_what_is_not(transfer: int) -> None:
    assert color_space(9, transfer).is_hdr
    assert not color_space(9, transfer).is_like_srgb
    assert color_space(1, 1).is_like_srgb
    assert not color_space(9, 14).is_hdr
    assert not color_space(9, 14).is_like_srgb


def test_primaries_on_one_line_are_refused() -> None:
    with pytest.raises(ValueError, match="no colours"):
        primaries_matrix(((0.3, 0.3), (0.3, 0.3), (0.3, 0.3), SRGB[3]))
