"""Downloads the files of a model or LoRA from the Hub: only those it needs, and never code.

To download before the first use, run:

    python -m pipeline.models.download MODEL
    python -m pipeline.models.download --lora LORA
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from huggingface_hub import hf_hub_download, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import DryRunError

from pipeline.errors import InvalidRequestError, KinoraError, ModelError
from pipeline.models.detection import INDEX, detect_model
from pipeline.models.hub import (
    HUB_ERRORS,
    HubPath,
    Missing,
    OnBytes,
    download,
    local_path,
    missing_files,
    parse_place,
    read_files,
)
from pipeline.models.registry import EMBEDDED, Models
from pipeline.models.spec import ModelSpec

logger = logging.getLogger(__name__)

# The parts that a single checkpoint file replaces.
CHECKPOINT_PARTS = ("transformer", "vae")
_WEIGHTS = ("*.safetensors",)
_SETTINGS = ("*.json", "*.txt", "*.model", "*.jinja")
_VARIANTS = ["*.fp16.*", "*.fp8.*", "*.non_ema.*"]  # other copies of the same weights
_LORA = "pytorch_lora_weights.safetensors"  # diffusers' default file name
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CHECKPOINT = re.compile(r"https://[^/]+/(?P<repo>[^/]+/[^/]+)/(blob|resolve)/(?P<rev>[^/]+)/(.+)")


class _HubFile(TypedDict):
    """The place of a file on the Hub, as arguments of huggingface_hub's functions."""

    repo_id: str
    revision: str
    filename: str


@dataclass(frozen=True)
class LocalFiles:
    """A folder in the diffusers format, and the single file that replaces some parts, if any."""

    folder: Path
    checkpoint: Path | None = None

    @property
    def revision(self) -> str | None:
        """Return the commits of the files, or None for a local folder.

        The Hub's cache names its folders after commits.
        """
        folders = [self.folder, *([self.checkpoint.parent] if self.checkpoint else [])]
        commits = [folder.name for folder in folders if _COMMIT.fullmatch(folder.name)]
        return " ".join(dict.fromkeys(commits)) or None


def download_model(spec: ModelSpec, on_bytes: OnBytes | None = None) -> LocalFiles:
    """Download the missing files of a model and return where its files are.

    Without a network, the files on disk are assumed to be complete. Raises ModelError if there are
    none, if the disk has no room or if the download fails.
    """
    if spec.ships_with_app or Path(spec.repository).is_dir():
        checkpoint = None if spec.checkpoint is None else Path(spec.checkpoint)
        return LocalFiles(Path(spec.repository), checkpoint)
    try:
        index = Path(hf_hub_download(str(spec.repository), INDEX, revision=spec.revision))
        missing = _missing_files(spec, index)
        download(spec.id, spec.label, missing, on_bytes)
        return LocalFiles(index.parent, _checkpoint_of(spec))
    except HUB_ERRORS as exc:
        raise ModelError(not_here(spec)) from exc


def bytes_to_download(spec: ModelSpec) -> int:
    """Ask the Hub for the size of a model's missing files; gets its index, a few hundred bytes.

    Raises HUB_ERRORS if the Hub cannot be asked.
    """
    index = Path(hf_hub_download(str(spec.repository), INDEX, revision=spec.revision))
    return sum(file.num_bytes for file in _list_missing(spec, index))


def is_downloaded(spec: ModelSpec) -> bool:
    """Return whether a model's weights are on this computer, without asking the Hub.

    One file per part is enough: this is for a notice, and `download_model` gets the rest.
    """
    if spec.ships_with_app or Path(spec.repository).is_absolute():
        return True
    index = try_to_load_from_cache(str(spec.repository), INDEX, revision=spec.revision)
    if not isinstance(index, str):
        return False
    replaced = () if spec.checkpoint is None else CHECKPOINT_PARTS
    if spec.checkpoint is not None and not _is_file_here(spec.checkpoint):
        return False
    kept = spec.parts.keys() - {*replaced}
    return all(any((Path(index).parent / name).glob("*.safetensors")) for name in kept)


def _is_file_here(checkpoint: str) -> bool:
    if Path(checkpoint).is_file():
        return True
    return isinstance(try_to_load_from_cache(**_checkpoint_place(checkpoint)), str)


def download_lora(source: str, on_bytes: OnBytes | None = None, name: str | None = None) -> Path:
    """Return the file of a LoRA from a file, a folder with one, or a place on the Hub.

    Downloads it if needed. Errors show its public `name`, because the source may be private. Raises
    InvalidRequestError if it is none of these or if several files match, and ModelError if the disk
    has no room or the download fails.
    """
    name = name or source
    path = local_path(source)
    if path is not None:
        files = sorted(x.name for x in path.glob("*.safetensors")) if path.is_dir() else [path.name]
        chosen = _choose_lora(name, files)
        file = path / chosen if path.is_dir() else path
        if not file.is_file():
            raise InvalidRequestError(f"There is no LoRA {name!r} here; check the path.")
        return file
    place = parse_place(source)
    if place is None:
        raise InvalidRequestError(
            f"{source!r} is neither a file nor a place on the Hub; enter a path or "
            "owner/name/file.safetensors."
        )
    try:
        return _fetch_lora_from(place, source, on_bytes)
    except HUB_ERRORS as exc:
        raise ModelError(
            f"The LoRA {source!r} is not on this computer and could not be downloaded; check the "
            f"network, then run `python -m pipeline.models.download --lora {source}`."
        ) from exc


def _fetch_lora_from(place: HubPath, source: str, on_bytes: OnBytes | None) -> Path:
    if place.filename is None:
        _, files = read_files(place, [])
        names = sorted(name for name in files if name.endswith(".safetensors"))
    else:
        names = [place.filename]
    where = place.repository, _choose_lora(source, names)
    try:
        file = hf_hub_download(*where, revision=place.revision, dry_run=True)
        missing = missing_files(place.repository, [file])
        download(source, f"The LoRA {source!r}", missing, on_bytes)
    except DryRunError:
        logger.info("The Hub cannot be reached for %s: using the files on disk", source)
    return Path(hf_hub_download(*where, revision=place.revision))


def _choose_lora(source: str, names: list[str]) -> str:
    """Return the LoRA file among `names`. Raises InvalidRequestError if it is ambiguous."""
    if len(names) > 1 and _LORA in names:
        return _LORA
    if len(names) != 1:
        found = f"several: {', '.join(names[:10])}" if names else "none"
        raise InvalidRequestError(
            f"A LoRA is one .safetensors file, but {source!r} has {found}; add the file's name."
        )
    if not names[0].endswith(".safetensors"):
        raise InvalidRequestError(
            f"{source!r} is not a .safetensors file, and other formats can run code when they are "
            "opened; use a .safetensors file."
        )
    return names[0]


def not_here(spec: ModelSpec) -> str:
    """Return the message for missing model files, with the command that downloads them."""
    if Path(spec.repository).is_absolute():
        return f"The folder of {spec.label} no longer exists; choose another model."
    return (
        f"{spec.label} is not completely on this computer and could not be downloaded; check the "
        f"network and the disk, then run `python -m pipeline.models.download {spec.id}`, or choose "
        f"{EMBEDDED}, which needs no download."
    )


def _missing_files(spec: ModelSpec, index: Path) -> list[Missing]:
    """List the files to download; none if the Hub cannot be reached."""
    try:
        return _list_missing(spec, index)
    except DryRunError:
        logger.info("The Hub cannot be reached for %s: using the files on disk", spec.repository)
        return []


def _list_missing(spec: ModelSpec, index: Path) -> list[Missing]:
    """List the files to download. Raises DryRunError if the Hub cannot be reached.

    The folder of the index is named after its commit: the other files must be from the same one.
    """
    repo_id = str(spec.repository)
    files = snapshot_download(
        repo_id,
        revision=index.parent.name,
        allow_patterns=_patterns(spec, json.loads(index.read_text(encoding="utf-8"))),
        ignore_patterns=_VARIANTS,
        dry_run=True,
    )
    missing = missing_files(repo_id, files)
    if spec.checkpoint is not None:
        place = _checkpoint_place(spec.checkpoint)
        missing += missing_files(place["repo_id"], [hf_hub_download(**place, dry_run=True)])
    return missing


def _patterns(spec: ModelSpec, index: dict[str, object]) -> list[str]:
    """Return patterns for the files of the pipeline's parts, and no others.

    The index has [library, class] for a part and [None, None] for an omitted one.
    """
    parts = [name for name, value in index.items() if isinstance(value, list) and value[0]]
    parts = [name for name in parts if name not in spec.left_out]
    replaced = () if spec.checkpoint is None else CHECKPOINT_PARTS
    patterns = [f"{name}/{kind}" for name in parts for kind in _SETTINGS]
    patterns += [f"{name}/{kind}" for name in parts if name not in replaced for kind in _WEIGHTS]
    return patterns


def _checkpoint_place(checkpoint: str) -> _HubFile:
    """Return the checkpoint file's place on the Hub. Raises ValueError for another address."""
    match = _CHECKPOINT.fullmatch(checkpoint)
    if match is None:
        raise ValueError(f"{checkpoint} is not the address of a file on the Hub")
    return {"repo_id": match["repo"], "revision": match["rev"], "filename": match[4]}


def _checkpoint_of(spec: ModelSpec) -> Path | None:
    if spec.checkpoint is None:
        return None
    if Path(spec.checkpoint).is_file():
        return Path(spec.checkpoint)
    return Path(hf_hub_download(**_checkpoint_place(spec.checkpoint)))


def main() -> None:
    """Download one model or LoRA; exit with status 1 and a message if that fails."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.models.download")
    parser.add_argument("name", help="a model id from README, or owner/name on the Hub")
    parser.add_argument("--lora", action="store_true", help="name is a LoRA: owner/name[/file]")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    for name in ("httpx", "httpx2", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        if args.lora:
            place = download_lora(args.name)
        else:
            spec = Models(recognise=detect_model).find(args.name)
            place = download_model(spec).folder
            for lora in spec.own_loras:
                download_lora(lora.lora)
    except KinoraError as exc:
        sys.exit(str(exc))
    logger.info("%s is in %s", args.name, place)


if __name__ == "__main__":
    main()
