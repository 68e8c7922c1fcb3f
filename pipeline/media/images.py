"""Still pictures: whatever is uploaded comes out as plain sRGB, and cut to the size of a clip.

Only this file and video_reader.py open or write media.
"""

from __future__ import annotations

import io
import logging
import struct
import warnings
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from pipeline.errors import MediaError
from pipeline.geometry import crop_box

logger = logging.getLogger(__name__)

MIN_PICTURE_SIDE = 16  # pixels
MAX_PICTURE_PIXELS = 100_000_000

# Pixels only: an EPS, for one, is a program, and Pillow would have an interpreter run it.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF", "BMP", "TIFF", "JPEG2000", "MPO")

_TOO_LARGE = (
    f"The picture has more than {MAX_PICTURE_PIXELS // 1_000_000} million pixels; "
    "make it smaller and upload it again."
)
_UNREADABLE = "The file is not a picture that can be read; use a PNG, JPEG, WebP, GIF or HEIC file."
_UNUSABLE = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, struct.error)
_UNUSABLE += (MemoryError,)  # of a header that claims to be longer than anything is
_DAMAGED = (
    "The picture is damaged, cut off or of a rare kind; "
    "save it again as PNG or JPEG and upload that file."
)


def open_picture(path: Path) -> Image.Image:
    """Return a picture as it is meant to be seen: upright, in sRGB, on white, its first frame.

    Raises MediaError if it is missing, damaged, no picture at all, too small or too large.
    """
    if not path.is_file():
        raise MediaError("The picture is not there any more; upload it again.")
    try:
        with warnings.catch_warnings():
            # Pillow warns below MAX_PICTURE_PIXELS and refuses above it: the limit here is ours.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_formats()) as image:
                _refuse_size(image)
                ImageOps.exif_transpose(image, in_place=True)
                return _to_rgb(image)
    except Image.DecompressionBombError as exc:
        raise MediaError(_TOO_LARGE) from exc
    except UnidentifiedImageError as exc:
        raise MediaError(_UNREADABLE) from exc
    except _UNUSABLE as exc:
        raise MediaError(_DAMAGED) from exc


def read_notes(path: Path) -> dict[str, str]:
    """Return what a picture's file says of itself, which anybody can have written.

    What cannot be read says nothing.
    """
    try:
        with Image.open(path, formats=_formats()) as image:
            notes = {str(key): x for key, x in image.info.items() if isinstance(x, str)}
            exif = image.getexif()
    except (*_UNUSABLE, Image.DecompressionBombError):
        return {}
    named = {ExifTags.TAGS.get(tag, str(tag)): x for tag, x in exif.items()}
    return notes | {name: x.strip("\0 ") for name, x in named.items() if isinstance(x, str)}


def crop_to_size(
    image: Image.Image, width: int, height: int
) -> tuple[Image.Image, tuple[int, int, int, int]]:
    """Return the middle of a picture at exactly a size, and its box in the picture's pixels."""
    box = crop_box(image.width, image.height, width / height)
    return image.resize((width, height), Image.Resampling.LANCZOS, box=box), box


def _formats() -> list[str]:
    """List what this Pillow can open; HEIC needs its plugin, loaded only once it is wanted."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]


def _refuse_size(image: Image.Image) -> None:
    if image.width * image.height > MAX_PICTURE_PIXELS:
        raise MediaError(_TOO_LARGE)
    if min(image.size) < MIN_PICTURE_SIDE:
        raise MediaError(
            f"The picture has {image.width}x{image.height} pixels; "
            f"use one with sides of {MIN_PICTURE_SIDE} pixels or more."
        )


def _to_rgb(image: Image.Image) -> Image.Image:
    icc_profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        # 16 bits of grey; Pillow's own conversion cuts everything above 255 to white.
        samples = np.clip(np.asarray(image, np.float32) / 257, 0, 255)
        image = Image.fromarray(samples.round().astype(np.uint8))
    elif image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode not in ("L", "RGB", "CMYK"):
        image = image.convert("RGB")
    if icc_profile:
        image = _to_srgb(image, icc_profile)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _to_srgb(image: Image.Image, icc_profile: bytes) -> Image.Image:
    """Convert the colours by their profile, or leave them if it is broken or meant for others."""
    try:
        return ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(icc_profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGBA" if image.mode == "RGBA" else "RGB",
        )
    except (ImageCms.PyCMSError, OSError) as exc:
        logger.info("a colour profile was not used: %s", exc)
        return image


def write_picture(frame: np.ndarray, path: Path) -> None:
    """Write one frame, (H, W, 3) uint8, as a PNG: nothing of it is lost."""
    Image.fromarray(frame).save(path, format="PNG")
