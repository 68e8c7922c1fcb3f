"""Colour arithmetic for pictures and video: transfer functions, primaries, tone mapping to sRGB.

Numpy only; samples are floats from 0 to 1 with colours last, (..., 3). Codes are those of CICP
(ITU-T H.273), which video streams, HEIF, AVIF and PNG share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Primaries = tuple[tuple[float, float], ...]  # x, y of red, green, blue and white

PQ, HLG, SRGB_TRANSFER = 16, 18, 13
SDR_WHITE_NITS = 203.0  # paper white of an HDR picture (BT.2408), which becomes white of sRGB
HDR_PEAK_NITS = 1000.0  # brighter than this is white: what HDR is mastered for, and HLG's display

_D65, _C, _E = (0.3127, 0.3290), (0.310, 0.316), (1 / 3, 1 / 3)
_BT601_525 = ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65)
_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
SRGB: Primaries = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65)
ADOBE_RGB: Primaries = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060), _D65)
PRIMARIES: dict[int, Primaries] = {
    1: SRGB,
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),  # NTSC of 1953
    5: ((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),  # PAL
    6: _BT601_525,
    7: _BT601_525,
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),  # film
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),  # BT.2020
    10: ((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), _E),  # XYZ
    11: (*_P3, (0.314, 0.351)),  # P3 of cinemas
    12: (*_P3, _D65),  # Display P3
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
# Screens show BT.709 and its family as they show sRGB, so these samples are taken for sRGB's.
_LIKE_SRGB = (1, 2, 6, 11, 12, 13, 14, 15)
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_PQ_M1, _PQ_M2 = 2610 / 16384, 2523 / 4096 * 128
_PQ_C1, _PQ_C2, _PQ_C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_HLG_A, _HLG_B, _HLG_C = 0.17883277, 0.28466892, 0.55991073
_HLG_GAMMA = 1.2  # of a display of HDR_PEAK_NITS
_BT2020_LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)


@dataclass(frozen=True)
class ColorSpace:
    """What samples mean: the colours of the primaries, and how light is encoded.

    `gamma`, if given, stands in the place of the transfer code: light = sample ** gamma.
    """

    primaries: Primaries = SRGB
    transfer: int = SRGB_TRANSFER
    gamma: float | None = None

    @property
    def is_hdr(self) -> bool:
        """Return whether samples can be brighter than paper white, so that tones are mapped."""
        return self.gamma is None and self.transfer in (PQ, HLG)

    @property
    def is_like_srgb(self) -> bool:
        """Return whether samples can be shown as they are."""
        is_plain = self.gamma is None and self.transfer in _LIKE_SRGB
        return is_plain and np.allclose(self.primaries, SRGB, atol=0.002)


SRGB_SPACE = ColorSpace()


def color_space(primaries: int, transfer: int) -> ColorSpace:
    """Return the colour space of a pair of CICP codes; unspecified or unknown ones mean sRGB's."""
    is_known = transfer in (*_LIKE_SRGB, *_GAMMAS, 7, 17, PQ, HLG)
    return ColorSpace(PRIMARIES.get(primaries, SRGB), transfer if is_known else SRGB_TRANSFER)


def to_srgb(samples: np.ndarray, space: ColorSpace) -> np.ndarray:
    """Convert samples of a colour space to sRGB's; HDR is tone-mapped, other colours clipped."""
    light = linearize(samples, space)
    if space.is_hdr:
        light = tone_map(light)
    matrix = primaries_matrix(space.primaries).astype(np.float32)
    return encode_srgb(light @ matrix.T)


def linearize(samples: np.ndarray, space: ColorSpace) -> np.ndarray:
    """Return the light of samples: 1 is white, of HDR paper white (`SDR_WHITE_NITS`)."""
    samples = np.clip(np.asarray(samples, np.float32), 0, 1)
    if space.gamma is not None:
        return samples**space.gamma
    if space.transfer == PQ:
        return pq_to_nits(samples) / SDR_WHITE_NITS
    if space.transfer == HLG:
        return hlg_to_nits(samples) / SDR_WHITE_NITS
    if space.transfer == 17:  # digital cinema
        return samples**2.6 * (52.37 / 48)
    if space.transfer == 7:  # SMPTE 240M
        return np.where(samples < 0.0913, samples / 4, ((samples + 0.1115) / 1.1115) ** (1 / 0.45))
    if space.transfer in _GAMMAS:
        return samples ** _GAMMAS[space.transfer]
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4)


def encode_srgb(light: np.ndarray) -> np.ndarray:
    """Return the samples of light from 0 to 1; other light is clipped."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


def pq_to_nits(samples: np.ndarray) -> np.ndarray:
    """Return the nits of PQ samples (SMPTE ST 2084)."""
    root = samples ** (1 / _PQ_M2)
    return 10_000 * (np.maximum(root - _PQ_C1, 0) / (_PQ_C2 - _PQ_C3 * root)) ** (1 / _PQ_M1)


def nits_to_pq(nits: np.ndarray | float) -> np.ndarray:
    """Return the PQ samples of nits."""
    power = np.clip(np.asarray(nits) / 10_000, 0, 1) ** _PQ_M1
    return ((_PQ_C1 + _PQ_C2 * power) / (1 + _PQ_C3 * power)) ** _PQ_M2


def hlg_to_nits(samples: np.ndarray) -> np.ndarray:
    """Return the nits of HLG samples (BT.2100) on a display of `HDR_PEAK_NITS`."""
    # Below 0.5 the second form may overflow, and is not used.
    bright = (np.exp((np.maximum(samples, 0.5) - _HLG_C) / _HLG_A) + _HLG_B) / 12
    scene = np.where(samples <= 0.5, samples**2 / 3, bright)
    luminance = np.maximum(scene @ _BT2020_LUMA, 1e-6)[..., None]
    return HDR_PEAK_NITS * scene * luminance ** (_HLG_GAMMA - 1)


def tone_map(light: np.ndarray) -> np.ndarray:
    """Bring light up to `HDR_PEAK_NITS` into 0 to 1, as BT.2390 does: darker tones stay as given.

    The curve is that of each pixel's strongest colour, and all three are scaled alike: the hue
    stays.
    """
    peak, white = (nits_to_pq(x) for x in (HDR_PEAK_NITS, SDR_WHITE_NITS))
    strongest = light.max(-1, keepdims=True)
    given = np.minimum(nits_to_pq(strongest * SDR_WHITE_NITS) / peak, 1)
    top = white / peak
    knee = 1.5 * top - 0.5
    t = np.clip((given - knee) / (1 - knee), 0, 1)
    bent = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee)
    bent = bent + (3 * t**2 - 2 * t**3) * top
    mapped = pq_to_nits(np.where(given < knee, given, bent) * peak) / SDR_WHITE_NITS
    return light * (mapped / np.maximum(strongest, 1e-6)).astype(np.float32)


def primaries_matrix(source: Primaries, target: Primaries = SRGB) -> np.ndarray:
    """Return the matrix (3, 3) that takes linear light of some primaries to other ones.

    White stays white, by Bradford's adaptation. Raises ValueError for primaries that span nothing.
    """
    try:
        return np.linalg.inv(_to_xyz(target)) @ _adapt(source[3], target[3]) @ _to_xyz(source)
    except (np.linalg.LinAlgError, ZeroDivisionError) as exc:
        raise ValueError("The primaries are no colours") from exc


def _to_xyz(primaries: Primaries) -> np.ndarray:
    """Return the matrix (3, 3) of primaries to XYZ, white having Y = 1."""
    corners = np.array([(x, y, 1 - x - y) for x, y in primaries[:3]]).T
    return corners * np.linalg.solve(corners, _white_xyz(primaries[3]))


def _white_xyz(white: tuple[float, float]) -> np.ndarray:
    x, y = white
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _adapt(source: tuple[float, float], target: tuple[float, float]) -> np.ndarray:
    before, after = (_BRADFORD @ _white_xyz(white) for white in (source, target))
    return np.linalg.inv(_BRADFORD) @ np.diag(after / before) @ _BRADFORD
