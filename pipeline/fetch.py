"""Gets a model's files from the Hub: only those it needs, if the disk has room, and never code.

Run it before the first use, where there is a network:

    python -m pipeline.fetch MODEL
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import hf_hub_download, snapshot_download
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.errors import DryRunError, EntryNotFoundError, HTTPError
from huggingface_hub.utils import tqdm

from pipeline.errors import KinoraError, ModelError
from pipeline.models import get_model
from pipeline.spec import ModelSpec

logger = logging.getLogger(__name__)

OnBytes = Callable[[int, int], None]
"""`on_bytes(done, total)`: how much of a download is there."""

INDEX = "model_index.json"
# What a file of the checkpoint takes the place of.
CHECKPOINT_PARTS = ("transformer", "vae")
_WEIGHTS = ("*.safetensors",)
_SETTINGS = ("*.json", "*.txt", "*.model", "*.jinja")
_VARIANTS = ["*.fp16.*", "*.fp8.*", "*.non_ema.*"]  # the same weights once more
_MIN_FREE_BYTES = 10**9  # what a disk should have left
_CHECKPOINT = re.compile(r"https://[^/]+/(?P<repo>[^/]+/[^/]+)/(blob|resolve)/(?P<rev>[^/]+)/(.+)")


@dataclass(frozen=True)
class LocalFiles:
    """A folder as diffusers saves it, and the one file that replaces parts of it, if any."""

    folder: Path
    checkpoint: Path | None = None


@dataclass(frozen=True)
class _Missing:
    repository: str
    revision: str
    filename: str
    num_bytes: int


def fetch(spec: ModelSpec, on_bytes: OnBytes | None = None) -> LocalFiles:
    """Return where a model's files are, and download what is missing of them.

    Without a network, what is there is taken to be all. Raises ModelError if there is nothing, if
    the disk has no room or if the download fails.
    """
    if spec.is_embedded or Path(spec.repository).is_dir():
        checkpoint = None if spec.checkpoint is None else Path(spec.checkpoint)
        return LocalFiles(Path(spec.repository), checkpoint)
    try:
        index = Path(hf_hub_download(spec.repository, INDEX, revision=spec.revision))
        missing = _missing_files(spec, index)
        _download(spec, missing, on_bytes)
        return LocalFiles(index.parent, _checkpoint_of(spec))
    # HTTPError is httpx's, of the version that huggingface_hub uses: a connection that breaks.
    except (OSError, HTTPError, EntryNotFoundError, ValueError) as exc:
        raise ModelError(not_here(spec)) from exc


def not_here(spec: ModelSpec) -> str:
    """Say that a model's files are not there, and which command fetches them."""
    return (
        f"{spec.label} is not on this computer, or not all of it, and could not be loaded from the "
        f"Hub; with a network and room on the disk `python -m pipeline.fetch {spec.id}` fetches it."
    )


def _missing_files(spec: ModelSpec, index: Path) -> list[_Missing]:
    """List what has to be downloaded; nothing if the Hub cannot be asked.

    The index is in a folder named after its commit: the rest has to be of the same one.
    """
    try:
        files = snapshot_download(
            spec.repository,
            revision=index.parent.name,
            allow_patterns=_patterns(spec, json.loads(index.read_text(encoding="utf-8"))),
            ignore_patterns=_VARIANTS,
            dry_run=True,
        )
        found = [(spec.repository, file) for file in files]
        if spec.checkpoint is not None:
            place = _checkpoint_place(spec)
            found.append((place["repo_id"], hf_hub_download(**place, dry_run=True)))
    except DryRunError:
        logger.info("The Hub cannot be asked for %s: what is here has to do", spec.repository)
        return []
    return [
        _Missing(repository, file.commit_hash, file.filename, file.file_size or 0)
        for repository, file in found
        if file.will_download
    ]


def _patterns(spec: ModelSpec, index: dict[str, object]) -> list[str]:
    """Name the files that the pipeline's parts are made of, and no others.

    The index has [library, class] for a part, [None, None] for one that is left out.
    """
    parts = [name for name, value in index.items() if isinstance(value, list) and value[0]]
    replaced = () if spec.checkpoint is None else CHECKPOINT_PARTS
    patterns = [f"{name}/{kind}" for name in parts for kind in _SETTINGS]
    patterns += [f"{name}/{kind}" for name in parts if name not in replaced for kind in _WEIGHTS]
    return patterns


def _download(spec: ModelSpec, missing: list[_Missing], on_bytes: OnBytes | None) -> None:
    """Download file by file, so that a broken download goes on where it was."""
    if not missing:
        return
    total = sum(file.num_bytes for file in missing)
    free = _free_bytes()
    logger.info(
        "%s: %s to download in %d files; %s are free in %s",
        spec.id,
        _gigabytes(total),
        len(missing),
        _gigabytes(free),
        HF_HUB_CACHE,
    )
    if total + _MIN_FREE_BYTES > free:
        raise ModelError(
            f"{spec.label} needs {_gigabytes(total)} on the disk, and {_gigabytes(free)} are free; "
            "free some space, or set HF_HOME to a folder on a larger disk."
        )
    done = 0
    for file in missing:
        hf_hub_download(
            file.repository,
            file.filename,
            revision=file.revision,
            tqdm_class=_bar(done, total, on_bytes),
        )
        done += file.num_bytes
        logger.info("%s: %s of %s", spec.id, _gigabytes(done), _gigabytes(total))
        if on_bytes is not None:
            on_bytes(done, total)


def _bar(before: int, total: int, on_bytes: OnBytes | None) -> type[tqdm] | None:
    """Return a progress bar that tells of a download's bytes while a file comes."""
    if on_bytes is None:
        return None

    class Bar(tqdm):
        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            on_bytes(min(before + int(self.n), total), total)
            return shown

    return Bar


def _free_bytes() -> int:
    """Return what is free on the disk of the Hub's cache, which may not be there yet."""
    folder = Path(HF_HUB_CACHE)
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _checkpoint_place(spec: ModelSpec) -> dict[str, str]:
    """Return where on the Hub the one file is. Raises ValueError if that is no address of it."""
    match = _CHECKPOINT.fullmatch(spec.checkpoint)
    if match is None:
        raise ValueError(f"{spec.checkpoint} is no address of a file on the Hub")
    return {"repo_id": match["repo"], "revision": match["rev"], "filename": match[4]}


def _checkpoint_of(spec: ModelSpec) -> Path | None:
    if spec.checkpoint is None:
        return None
    if Path(spec.checkpoint).is_file():
        return Path(spec.checkpoint)
    return Path(hf_hub_download(**_checkpoint_place(spec)))


def _gigabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.2f} GB"


def main() -> None:
    """Fetch one model; exit with 1 and a sentence if that fails."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.fetch", description=__doc__)
    parser.add_argument("model", help="an id of the table of models in README")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    for name in ("httpx", "httpx2", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        files = fetch(get_model(args.model))
    except KinoraError as exc:
        sys.exit(str(exc))
    logger.info("%s is in %s", args.model, files.folder)


if __name__ == "__main__":
    main()
