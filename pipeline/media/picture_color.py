"""Which colours a picture file's samples mean, read from its structures, and their way to sRGB.

PNG chunks, nclx boxes of HEIF and AVIF, ICC profiles, and the TIFF and Exif tags of primaries. What
is broken or says nothing means sRGB.
"""

from __future__ import annotations

import io
import logging
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms

from pipeline.media.color_science import (
    ADOBE_RGB,
    SRGB_SPACE,
    ColorSpace,
    color_space,
    primaries_matrix,
    to_srgb,
)

logger = logging.getLogger(__name__)

_ADOBE_GAMMA = 563 / 256
_SRGB_GAMMA, _GAMMA_TOLERANCE = 2.2, 0.05  # as libpng has it: files say 1 / 2.2 and mean sRGB
_MAX_CHUNKS = 1000  # before the pixels of a PNG
_PROFILE_MODES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK", "Lab": "LAB"}


@dataclass(frozen=True)
class PictureColor:
    """How to show samples: by an ICC profile if there is one, else by the colour space."""

    space: ColorSpace = SRGB_SPACE
    icc_profile: bytes = b""

    @property
    def is_plain(self) -> bool:
        """Return whether samples are sRGB's already."""
        return not self.icc_profile and self.space.is_like_srgb

    @property
    def needs_deep_samples(self) -> bool:
        """Return whether 8 bits are too few for samples like these: of HDR or near linear light."""
        is_steep = self.space.gamma is not None and self.space.gamma < 1.5
        is_wide = self.space.is_hdr or self.space.transfer == 8 or is_steep
        return not self.icc_profile and is_wide

    def show(self, image: Image.Image) -> Image.Image:
        """Return an image of mode L, RGB, CMYK or LAB in sRGB, mode RGB."""
        if self.icc_profile:
            return _apply_profile(image, self.icc_profile)
        image = image.convert("RGB")
        if self.is_plain:
            return image
        return self.show_samples(np.asarray(image, np.float32) / 255)

    def show_samples(self, samples: np.ndarray) -> Image.Image:
        """Return samples (H, W, 3) from 0 to 1 in sRGB, mode RGB."""
        if not self.icc_profile and not self.is_plain:
            samples = to_srgb(samples, self.space)
        image = Image.fromarray(np.rint(np.clip(samples, 0, 1) * 255).astype(np.uint8))
        return _apply_profile(image, self.icc_profile) if self.icc_profile else image


def read_color(path: Path, image: Image.Image) -> PictureColor:
    """Return what the samples of an opened picture mean."""
    if image.format == "PNG":
        return _read_png(path, image)
    if profile := image.info.get("icc_profile"):
        return from_profile(profile)
    if image.format in ("HEIF", "AVIF"):
        return PictureColor(_read_nclx(path))
    if image.format in ("JPEG", "MPO", "TIFF"):
        return PictureColor(_read_exif(image.getexif()))
    return PictureColor()


def from_profile(icc_profile: bytes) -> PictureColor:
    """Return the colours of an ICC profile, by its CICP codes if they say that it is HDR."""
    if (space := _read_profile_cicp(icc_profile)) and space.is_hdr:
        return PictureColor(space)
    return PictureColor(icc_profile=icc_profile)


def from_chromaticities(points: Sequence[float], gamma: float | None = None) -> ColorSpace:
    """Return the colour space of x and y of red, green, blue and white; sRGB's if they are none."""
    pairs = tuple(zip(points[::2], points[1::2], strict=False))
    try:
        is_sane = len(pairs) == 4 and all(0 <= x <= 1 and 0 < y <= 1 for x, y in pairs)
        if is_sane and np.isfinite(primaries_matrix(pairs)).all():
            return ColorSpace(pairs, gamma=gamma)
    except ValueError:
        pass
    return ColorSpace(gamma=gamma)


def _read_png(path: Path, image: Image.Image) -> PictureColor:
    """Read a PNG's colours by the precedence of its third edition."""
    for kind, data in _png_chunks(path):
        if kind == b"cICP" and len(data) == 4:
            return PictureColor(color_space(data[0], data[1]))
    if profile := image.info.get("icc_profile"):
        return from_profile(profile)
    if "srgb" in image.info:
        return PictureColor()
    value = image.info.get("gamma") or 0  # of samples by light
    gamma = 1 / value if 0.1 <= value <= 10 else None
    if gamma and abs(gamma / _SRGB_GAMMA - 1) < _GAMMA_TOLERANCE:
        gamma = None
    white_first = image.info.get("chromaticity") or ()
    return PictureColor(from_chromaticities((*white_first[2:], *white_first[:2]), gamma))


def _png_chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield the small chunks of a PNG that come before its pixels."""
    with path.open("rb") as file:
        file.seek(8)
        for _ in range(_MAX_CHUNKS):
            header = file.read(8)
            if len(header) < 8 or header[4:] == b"IDAT":
                return
            (length,) = struct.unpack(">I", header[:4])
            if length <= 32:
                yield header[4:], file.read(length)
                file.seek(4, io.SEEK_CUR)
            else:
                file.seek(length + 4, io.SEEK_CUR)


def _read_nclx(path: Path) -> ColorSpace:
    import pillow_heif

    try:
        nclx = pillow_heif.open_heif(path).info.get("nclx_profile") or {}
    except (OSError, ValueError, RuntimeError, SyntaxError, EOFError):
        return SRGB_SPACE
    codes = nclx.get("color_primaries", 2), nclx.get("transfer_characteristics", 2)
    return color_space(*map(int, codes))


def read_tags(tags: Mapping[int, Any]) -> ColorSpace:
    """Return the colour space of the TIFF tags of primaries and of white; sRGB's without them."""
    names = (ExifTags.Base.PrimaryChromaticities, ExifTags.Base.WhitePoint)
    try:
        return from_chromaticities([float(x) for name in names for x in tags.get(name, ())])
    except (TypeError, ValueError, ZeroDivisionError):
        return SRGB_SPACE


def _read_exif(exif: Image.Exif) -> ColorSpace:
    """Read Exif's tags, among them the name of Adobe RGB as cameras write it."""
    try:
        is_adobe = str(exif.get_ifd(ExifTags.IFD.Interop).get(1, "")).startswith("R03")
    except (TypeError, ValueError, KeyError, OSError, SyntaxError, struct.error):
        is_adobe = False
    return ColorSpace(ADOBE_RGB, gamma=_ADOBE_GAMMA) if is_adobe else read_tags(exif)


def _read_profile_cicp(icc_profile: bytes) -> ColorSpace | None:
    """Read the CICP codes of an ICC profile, which those of HDR carry."""
    count = int.from_bytes(icc_profile[128:132], "big")
    for start in range(132, 132 + 12 * min(count, 100), 12):
        if icc_profile[start : start + 4] == b"cicp":
            offset = int.from_bytes(icc_profile[start + 4 : start + 8], "big")
            codes = icc_profile[offset + 8 : offset + 10]
            return color_space(*codes) if len(codes) == 2 else None
    return None


def _apply_profile(image: Image.Image, icc_profile: bytes) -> Image.Image:
    """Convert the colours by their profile, or leave them if it is broken or meant for others."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        wanted = _PROFILE_MODES.get(profile.profile.xcolor_space.strip(), image.mode)
        if image.mode == "L" and wanted == "RGB":
            image = image.convert("RGB")
        converted = ImageCms.profileToProfile(
            image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
        assert converted is not None  # it is only where the image itself is changed
        return converted
    except (ImageCms.PyCMSError, OSError) as exc:
        logger.info("a colour profile was not used: %s", exc)
        return image.convert("RGB")
