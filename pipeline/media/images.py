"""Opens pictures of all kinds as plain sRGB, and crops them to the size of a clip.

Only this package opens or writes media.
"""

from __future__ import annotations

import logging
import math
import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from pipeline.errors import MediaError
from pipeline.geometry import crop_box
from pipeline.media.deep_pictures import DeepPicture, find_deep_tiff, read_deep
from pipeline.media.picture_color import PictureColor, read_color
from pipeline.media.picture_limits import (
    TOO_LARGE,
    one_large_at_a_time,
    prepare_decoding,
    reduction,
    refuse_size,
)

logger = logging.getLogger(__name__)

BACKDROP = (255, 255, 255)  # what is seen behind transparent parts, of pictures and clips

# Pixels only: an EPS, for one, is a program, and Pillow would have an interpreter run it.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF", "BMP", "TIFF", "JPEG2000", "MPO")
_STRIP_PIXELS = 1_000_000
_ORIENTATION = ExifTags.Base.Orientation

_UNREADABLE = "The file is not a picture that can be read; use a PNG, JPEG, WebP, GIF or HEIC file."
_UNUSABLE = (
    *(OSError, SyntaxError, ValueError, EOFError, RuntimeError, struct.error),
    MemoryError,  # of a header that claims to be longer than anything is
)
_DAMAGED = (
    "The picture is damaged, cut off or of a rare kind; "
    "save it again as PNG or JPEG and upload that file."
)


def open_picture(path: Path) -> Image.Image:
    """Return a picture as it is meant to be seen: upright, in sRGB, on white, its first frame.

    One of more than MAX_OPENED_PIXELS is scaled down. Raises MediaError if it is missing, damaged,
    no picture at all, too small or too large.
    """
    if not path.is_file():
        raise MediaError("The picture is not there any more; upload it again.")
    try:
        with warnings.catch_warnings():
            # Pillow warns of what is refused here, or of tags that are not used.
            warnings.simplefilter("ignore")
            return _read(path)
    except Image.DecompressionBombError as exc:
        raise MediaError(TOO_LARGE) from exc
    except UnidentifiedImageError as exc:
        raise MediaError(_UNREADABLE) from exc
    except _UNUSABLE as exc:
        raise MediaError(_DAMAGED) from exc


def read_notes(path: Path) -> dict[str, str]:
    """Return the notes in a picture's file, which anyone can have written.

    What cannot be read is left out.
    """
    try:
        with Image.open(path, formats=_formats()) as image:
            refuse_size(*image.size)
            prepare_decoding(path, image)  # Pillow decodes a PNG to find its Exif
            notes = {str(key): x for key, x in image.info.items() if isinstance(x, str)}
            with one_large_at_a_time(*image.size):
                exif = image.getexif()
    except (*_UNUSABLE, MediaError, Image.DecompressionBombError):
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


def _read(path: Path) -> Image.Image:
    """Decode a picture to sRGB on white, upright, no larger than it is used."""
    if tiff := find_deep_tiff(path):
        with one_large_at_a_time(*tiff.size):
            return _show_deep(tiff.read(), tiff.color)
    # From an open file: of a path, Pillow maps some TIFFs into memory, and turns those wrongly.
    with path.open("rb") as file, Image.open(file, formats=_formats()) as image:
        refuse_size(*image.size)
        prepare_decoding(path, image)
        with one_large_at_a_time(*image.size):
            color = read_color(path, image)
            deep = read_deep(path, image, color)
            shown = _show(image, color) if deep is None else _show_deep(deep, color)
            # A TIFF is upright already, and its tag is gone.
            shown.getexif()[_ORIENTATION] = image.getexif().get(_ORIENTATION, 1)
            ImageOps.exif_transpose(shown, in_place=True)
            return shown


def _show(image: Image.Image, color: PictureColor) -> Image.Image:
    """Convert a picture in strips: nothing but its own pixels is held in full."""
    image.load()
    scale = reduction(*image.size)
    whole = Image.new("RGB", [math.ceil(side / scale) for side in image.size])
    for top, bottom in _strips(*image.size, scale):
        part = _to_plain_mode(image.crop((0, top, image.width, bottom)), image)
        part = part.reduce(scale) if scale > 1 else part
        has_alpha = part.mode in ("LA", "RGBA")
        shown = color.show(part.convert(part.mode.rstrip("A")) if has_alpha else part)
        if has_alpha:
            shown = _on_backdrop(shown, part.getchannel("A"))
        whole.paste(shown, (0, top // scale))
    return whole


def _show_deep(deep: DeepPicture, color: PictureColor) -> Image.Image:
    """Do the same with samples of floats or long numbers."""
    import cv2

    scale = reduction(*deep.size)
    whole = Image.new("RGB", [math.ceil(side / scale) for side in deep.size])
    for top, bottom in _strips(*deep.size, scale):
        samples, alpha = deep.rows(top, bottom)
        size = whole.width, math.ceil((bottom - top) / scale)
        shown = color.show_samples(cv2.resize(samples, size, interpolation=cv2.INTER_AREA))
        if alpha is not None:
            mask = cv2.resize(alpha[..., 0], size, interpolation=cv2.INTER_AREA)
            shown = _on_backdrop(shown, Image.fromarray(np.rint(mask * 255).astype(np.uint8)))
        whole.paste(shown, (0, top // scale))
    return whole


def _on_backdrop(image: Image.Image, alpha: Image.Image) -> Image.Image:
    return Image.composite(image, Image.new("RGB", image.size, BACKDROP), alpha)


def _strips(width: int, height: int, scale: int) -> Iterator[tuple[int, int]]:
    """Yield the first row and the one after the last of each strip, whole steps of the scale."""
    rows = max(1, _STRIP_PIXELS // width // scale) * scale
    for top in range(0, height, rows):
        yield top, min(height, top + rows)


def _to_plain_mode(part: Image.Image, image: Image.Image) -> Image.Image:
    """Return a part of an image in mode L, LA, RGB, RGBA, CMYK or LAB."""
    if image.has_transparency_data:
        return part.convert("LA" if image.mode in ("LA", "La") else "RGBA")
    return part if image.mode in ("L", "RGB", "CMYK", "LAB") else part.convert("RGB")


def write_picture(frame: np.ndarray, path: Path) -> None:
    """Write one frame, (H, W, 3) uint8, as a PNG: nothing of it is lost."""
    Image.fromarray(frame).save(path, format="PNG")
