"""Pictures whose samples are longer than a byte or are floats: reading them, and which value is 1.

Pillow keeps 8 bits of a colour, so OpenCV decodes what needs more; the facts are a file's own tags.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin

from pipeline.errors import MediaError
from pipeline.media.picture_color import PictureColor, from_profile, read_tags
from pipeline.media.picture_limits import refuse_memory, refuse_size, refuse_tiles

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TAGS = ExifTags.Base
_BITS, _FLOAT, _SAMPLE_FORMAT, _ICC_PROFILE = 258, 3, 339, 34675
_NO_TAGS = (struct.error, SyntaxError, KeyError, TypeError, ValueError, OSError)
_RARE = (
    "The TIFF stores its samples in a way that is not read; save it with 8 or 16 bits for each "
    "colour and upload that file."
)
_MAX_MEASURED = 1_000_000  # samples that say which value is 1


@dataclass(frozen=True)
class DeepPicture:
    """Samples of grey or red, green and blue, and of alpha if there is any; each plane (H, W)."""

    planes: tuple[np.ndarray, ...]
    one: float  # which value is white, and opaque
    is_inverted: bool = False  # 0 is white
    is_premultiplied: bool = False  # colours are multiplied by alpha

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height."""
        height, width = self.planes[0].shape
        return width, height

    def rows(self, top: int, bottom: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return colours (h, W, 3) and alpha (h, W, 1) of some rows, float32 from 0 to 1."""
        part = np.stack([plane[top:bottom] for plane in self.planes], -1).astype(np.float32)
        part = np.nan_to_num(part / self.one, nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
        num_colors = 1 if len(self.planes) < 3 else 3
        alpha = part[..., num_colors:] if len(self.planes) > num_colors else None
        colors = np.broadcast_to(part[..., :num_colors], (*part.shape[:2], 3))
        if self.is_inverted:
            colors = 1 - colors
        if alpha is not None and self.is_premultiplied:
            colors = (colors / np.maximum(alpha, 1e-6)).clip(0, 1)
        return colors, alpha


@dataclass(frozen=True)
class DeepTiff:
    """What the tags of a TIFF of deep samples say."""

    path: Path
    size: tuple[int, int]
    color: PictureColor
    num_samples: int
    bits: int
    is_inverted: bool
    is_premultiplied: bool
    is_rare: bool

    def read(self) -> DeepPicture:
        """Decode the samples. Raises MediaError if they are too many or of a kind not read."""
        refuse_size(*self.size)
        if self.is_rare:
            raise MediaError(_RARE)
        # Twice: the file is in memory too.
        refuse_memory(*self.size, 2 * self.num_samples * self.bits / 8, "TIFF")
        planes = _decode(self.path)
        return DeepPicture(planes, _find_one(planes), self.is_inverted, self.is_premultiplied)


def find_deep_tiff(path: Path) -> DeepTiff | None:
    """Return what a TIFF of floats, of long numbers or of 16 bits of grey says; None for others."""
    with path.open("rb") as file:
        header = file.read(16)
        if not header.startswith(_TIFF_MAGIC):
            return None
        try:
            is_big = 43 in header[2:4]
            tags = TiffImagePlugin.ImageFileDirectory_v2(header if is_big else header[:8])
            file.seek(tags.next)
            tags.load(file)
            tiff = _read_facts(path, tags)
        except _NO_TAGS:
            return None
    if tiff:
        refuse_tiles(tags)
    return tiff


def read_deep(path: Path, image: Image.Image, color: PictureColor) -> DeepPicture | None:
    """Return the samples of an opened picture if 8 bits would lose what is seen, else None."""
    if image.mode.startswith("I"):
        return _read_long_grey(image)
    if not color.needs_deep_samples:
        return None
    if image.format == "PNG" and _png_bits(path) == 16:
        refuse_memory(*image.size, 2 * len(image.getbands()), "PNG")
        planes = _decode(path)
        return DeepPicture(planes, _find_one(planes))
    if image.format == "HEIF":
        return _read_heif(path, image)
    return None


def _read_facts(path: Path, tags: TiffImagePlugin.ImageFileDirectory_v2) -> DeepTiff | None:
    bits = max(tags.get(_BITS, (1,)))
    kind = max(tags.get(_SAMPLE_FORMAT, (1,)))
    num_samples = int(tags.get(_TAGS.SamplesPerPixel, 1))
    if not (kind == _FLOAT or bits > 16 or (bits == 16 and num_samples == 1)):
        return None
    profile, extra = tags.get(_ICC_PROFILE), tags.get(_TAGS.ExtraSamples, ())
    is_planar = tags.get(_TAGS.PlanarConfiguration, 1) == 2
    photometric = tags.get(_TAGS.PhotometricInterpretation, 1)
    return DeepTiff(
        path=path,
        size=(int(tags[_TAGS.ImageWidth]), int(tags[_TAGS.ImageLength])),
        color=from_profile(profile) if profile else PictureColor(read_tags(tags)),
        num_samples=num_samples,
        bits=bits,
        is_inverted=photometric == 0,
        is_premultiplied=tuple(extra[:1]) == (1,),
        is_rare=(
            (kind == _FLOAT and bits < 32)
            or num_samples not in (1, 3, 4)
            or photometric not in (0, 1, 2)
            or (is_planar and num_samples > 1)
        ),
    )


def _decode(path: Path) -> tuple[np.ndarray, ...]:
    """Decode a file as it is, with OpenCV, which has blue first and turns a TIFF upright."""
    import cv2

    cv2.utils.logging.setLogLevel(0)  # it would write into the log what is wrong with a file
    try:
        samples = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as exc:
        raise ValueError("OpenCV refuses the file") from exc
    if samples is None:
        raise ValueError("OpenCV cannot read the file")
    if samples.ndim == 2:
        return (samples,)
    order = {1: (0,), 2: (0, 1), 3: (2, 1, 0), 4: (2, 1, 0, 3)}[samples.shape[2]]
    return tuple(samples[..., channel] for channel in order)


def _find_one(planes: tuple[np.ndarray, ...]) -> float:
    """Return which value is white: the highest of a type, but floats and long numbers vary.

    Floats are from 0 to 1, some highlights above it, unless they are brighter than that together.
    """
    kind = planes[0].dtype
    if kind.kind in "iu" and kind.itemsize <= 2:
        return float(np.iinfo(kind).max)
    step = max(1, round((planes[0].size / _MAX_MEASURED) ** 0.5))
    seen = np.stack([plane[::step, ::step] for plane in planes[:3]]).astype(np.float64)
    seen = seen[np.isfinite(seen) & (seen > 0)]
    if kind.kind == "f" and (not seen.size or seen.mean() <= 1):
        return 1.0
    highest = seen.max(initial=0)
    known = next((one for one in (255.0, 65535.0) if highest <= one), None)
    return known or (float(np.iinfo(kind).max) if kind.kind in "iu" else float(highest))


def _read_long_grey(image: Image.Image) -> DeepPicture:
    """Return 16 bits of grey as Pillow has them; one value may be transparent."""
    samples = np.asarray(image)
    (bits, *_) = getattr(image, "tag_v2", {}).get(_BITS, (16,))
    one = 2 ** max(bits, 8) - 1
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return DeepPicture((samples,), one)
    return DeepPicture((samples, (samples != transparent) * np.uint16(one)), one)


def _png_bits(path: Path) -> int:
    with path.open("rb") as file:
        header = file.read(25)
    return struct.unpack_from("B", header, 24)[0]


def _read_heif(path: Path, image: Image.Image) -> DeepPicture:
    import pillow_heif

    refuse_memory(*image.size, 16, "HEIF")
    samples = np.asarray(pillow_heif.open_heif(path, convert_hdr_to_8bit=False))
    planes = tuple(np.moveaxis(np.atleast_3d(samples), -1, 0))
    return DeepPicture(planes, float(np.iinfo(samples.dtype).max))
