"""Files made of a clip, kept beside it: poster and thumbnail; GIF, WebM and a sheet on demand."""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from pipeline.errors import MediaError
from pipeline.media.exports import write_gif, write_webm
from pipeline.media.stills import frame_at, read_first_picture, read_sheet
from pipeline.media.video_reader import probe_clip

logger = logging.getLogger(__name__)

POSTER, THUMBNAIL, GIF, SHEET = "poster.webp", "thumbnail.webp", "result.gif", "sheet.jpg"
WEBM = "result.webm"
THUMBNAIL_WIDTH = 320  # pixels
_QUALITY = 85  # of WebP: a poster of 1280 x 720 takes about 60 kB


def make_posters(clip: Path) -> None:
    """Write the poster and the thumbnail of a clip that was made here; log a failure.

    A job's clip is delivered without them if need be.
    """
    try:
        picture = read_first_picture(clip)
        _write(picture, clip.with_name(POSTER))
        small = max(2, round(THUMBNAIL_WIDTH * picture.height / picture.width))
        _write(picture.resize((THUMBNAIL_WIDTH, small)), clip.with_name(THUMBNAIL))
    except (MediaError, OSError):  # the clip was deleted, or the disk is full
        logger.warning("The poster of %s could not be made", clip.parent.name, exc_info=True)


def find_poster(clip: Path, name: str = POSTER) -> Path | None:
    """Return the poster of a clip, or its THUMBNAIL by name; None if there is none.

    They are made here for clips of versions that had none.
    """
    path = clip.with_name(name)
    if _is_stale(path, clip):
        make_posters(clip)
    return path if path.exists() else None


def make_shot_pictures(clip: Path, seconds: Sequence[float]) -> list[Path]:
    """Write a small picture of each of these times of a clip, and return the files.

    Raises MediaError or OSError if they cannot be made.
    """
    info = probe_clip(clip)
    paths = []
    for number, time in enumerate(seconds, 1):
        picture = Image.fromarray(frame_at(clip, info, time))
        picture.thumbnail((THUMBNAIL_WIDTH, THUMBNAIL_WIDTH))
        # The file's address names the clip: browsers keep pictures.
        path = clip.with_name(f"shot-{number}-{clip.stat().st_mtime_ns}.webp")
        _write(picture, path)
        paths.append(path)
    return paths


def find_gif(clip: Path, fps: float) -> Path:
    """Return the GIF of a clip of `fps` frames a second, made at its first use.

    Raises MediaError or OSError if it cannot be made.
    """
    path = clip.with_name(GIF)
    if _is_stale(path, clip):
        with _draft_of(path) as draft:
            write_gif(clip, draft, fps)
    return path


def find_webm(clip: Path) -> Path:
    """Return the WebM of a clip, made at its first use.

    Raises MediaError or OSError if it cannot be made.
    """
    path = clip.with_name(WEBM)
    if _is_stale(path, clip):
        with _draft_of(path) as draft:
            write_webm(clip, draft)
    return path


def find_sheet(clip: Path) -> Path:
    """Return the JPEG with frames from all of a clip, made at its first use.

    Raises MediaError or OSError if it cannot be made.
    """
    path = clip.with_name(SHEET)
    if _is_stale(path, clip):
        with _draft_of(path) as draft:
            read_sheet(clip).save(draft, format="JPEG", quality=_QUALITY)
    return path


def _is_stale(path: Path, clip: Path) -> bool:
    return not path.exists() or path.stat().st_mtime < clip.stat().st_mtime


def _write(picture: Image.Image, path: Path) -> None:
    with _draft_of(path) as draft:
        picture.save(draft, format="WEBP", quality=_QUALITY)


@contextlib.contextmanager
def _draft_of(path: Path) -> Iterator[Path]:
    """Yield a path that becomes `path` if nothing is raised."""
    draft = path.with_suffix(f".{secrets.token_hex(4)}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
