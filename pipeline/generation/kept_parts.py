"""The finished parts of a clip in its job's folder: the windows' latents and the encoded shots."""

from __future__ import annotations

import shutil
from pathlib import Path

from pipeline.media.video_writer import PIECE_SUFFIX

WINDOWS, PIECES = "windows", "pieces"  # subfolders, see `latent_cache.py` and `video_writer.py`
WINDOW_SUFFIX = ".safetensors"


def num_windows(folder: Path, *, made_since: float = 0.0) -> int:
    """Count the finished passes over windows in a job's folder, or those since a time (epoch)."""
    times = (path.stat().st_mtime for path in (folder / WINDOWS).glob(f"*{WINDOW_SUFFIX}"))
    return sum(changed_at >= made_since for changed_at in times)


def num_pieces(folder: Path) -> int:
    """Count the encoded shots in a job's folder."""
    return len([*(folder / PIECES).glob(f"*{PIECE_SUFFIX}")])


def list_parts(folder: Path) -> list[str]:
    """List the finished parts in a job's folder by their paths in it."""
    kinds = (f"{WINDOWS}/*{WINDOW_SUFFIX}", f"{PIECES}/*{PIECE_SUFFIX}")
    return sorted(path.relative_to(folder).as_posix() for x in kinds for path in folder.glob(x))


def discard_parts(folder: Path) -> None:
    """Delete all finished parts in a job's folder."""
    for name in (WINDOWS, PIECES):
        shutil.rmtree(folder / name, ignore_errors=True)
