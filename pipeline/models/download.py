"""Downloads the files of a model or LoRA from the Hub: only those it needs, and never code.

To download before the first use, run:

    python -m pipeline.models.download MODEL [--hd]
    python -m pipeline.models.download --lora LORA
"""

from __future__ import annotations

import argparse
import json
import logging
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
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
from pipeline.models.spec import UPSAMPLER, ModelSpec

logger = logging.getLogger(__name__)

# The parts that a single checkpoint file replaces.
CHECKPOINT_PARTS = ("transformer", "vae")
_WEIGHTS = ("*.safetensors",)
_SETTINGS = ("*.json", "*.txt", "*.model", "*.jinja")
_VARIANTS = ["*.fp16.*", "*.fp8.*", "*.non_ema.*"]  # other copies of the same weights
_LORA = "pytorch_lora_weights.safetensors"  # diffusers' default file name
_COMMIT = re.compile(r"[0-9a-f]{40}")
_FILE = re.compile(r"https://[^/]+/(?P<repo>[^/]+/[^/]+)/(blob|resolve)/(?P<rev>[^/]+)/(.+)")


class _HubFile(TypedDict):
    """The place of a file on the Hub, as arguments of huggingface_hub's functions."""

    repo_id: str
    revision: str
    filename: str


@dataclass(frozen=True)
class LocalFiles:
    """A folder in the diffusers format, and the single files that replace some parts, if any."""

    folder: Path
    checkpoint: Path | None = None
    files: Mapping[str, Path] = field(default_factory=dict)  # each replaces one part

    @property
    def revision(self) -> str | None:
        """Return the commits of the files, or None if none is from the Hub.

        The Hub's cache names its folders after commits; a file may lie in a folder inside.
        """
        files = [*([self.checkpoint] if self.checkpoint else []), *self.files.values()]
        folders = [self.folder, *(folder for file in files for folder in file.parents)]
        commits = [folder.name for folder in folders if _COMMIT.fullmatch(folder.name)]
        return " ".join(dict.fromkeys(commits)) or None


def download_model(spec: ModelSpec, on_bytes: OnBytes | None = None) -> LocalFiles:
    """Download the missing files of a model and return where its files are.

    Without a network, the files on disk are assumed to be complete. Raises ModelError if there are
    none, if the disk has no room or if the download fails.
    """
    is_here = spec.ships_with_app or Path(spec.repository).is_dir()
    if is_here and not spec.files:
        checkpoint = None if spec.checkpoint is None else Path(spec.checkpoint)
        return LocalFiles(Path(spec.repository), checkpoint)
    try:
        folder = Path(spec.repository)
        if not is_here:
            folder = _download_index(spec).parent
        download(spec.id, spec.label, _missing_files(spec, folder), on_bytes)
        files = {name: _file_here(file.address) for name, file in spec.files.items()}
        checkpoint = None if spec.checkpoint is None else _file_here(spec.checkpoint)
        for place in _places_of_loras(spec):
            hf_hub_download(**place)  # which notes where its revision is
        return LocalFiles(folder, checkpoint, files)
    except HUB_ERRORS as exc:
        raise ModelError(not_here(spec)) from exc


def bytes_to_download(spec: ModelSpec) -> int:
    """Ask the Hub for the size of a model's missing files; gets its index, a few hundred bytes.

    Raises HUB_ERRORS if the Hub cannot be asked.
    """
    is_here = Path(spec.repository).is_dir()
    folder = Path(spec.repository) if is_here else _download_index(spec).parent
    return sum(file.num_bytes for file in _list_missing(spec, folder))


def _download_index(spec: ModelSpec) -> Path:
    return Path(hf_hub_download(str(spec.repository), INDEX, revision=spec.revision))


def download_upsampler(spec: ModelSpec, on_bytes: OnBytes | None = None) -> Path:
    """Download the file of a model's latent upsampler if it is missing; return where it is.

    Raises ModelError as `download_model` does.
    """
    assert spec.second_pass is not None  # or else it has none
    checkpoint = spec.second_pass.checkpoint
    if Path(checkpoint).is_file():
        return Path(checkpoint)
    place = _place_of(checkpoint)
    try:
        try:
            missing = missing_files(place["repo_id"], [hf_hub_download(**place, dry_run=True)])
            download(spec.id, spec.label, missing, on_bytes)
        except DryRunError:
            logger.info("The Hub cannot be reached for %s: using the files on disk", checkpoint)
        return Path(hf_hub_download(**place))
    except HUB_ERRORS as exc:
        raise ModelError(not_here(spec)) from exc


def is_downloaded(spec: ModelSpec) -> bool:
    """Return whether a model's weights are on this computer, without asking the Hub.

    One file per part is enough: this is for a notice, and `download_model` gets the rest.
    """
    if not all(map(_is_file_here, single_files(spec))):
        return False
    loras = (try_to_load_from_cache(**place) for place in _places_of_loras(spec))
    if not all(isinstance(path, str) for path in loras):
        return False
    if spec.ships_with_app or Path(spec.repository).is_absolute():
        return True
    index = try_to_load_from_cache(str(spec.repository), INDEX, revision=spec.revision)
    if not isinstance(index, str):
        return False
    kept = spec.parts.keys() - _replaced_parts(spec)
    return all(any((Path(index).parent / name).glob("*.safetensors")) for name in kept)


def _is_file_here(address: str) -> bool:
    if Path(address).is_file() or Path(address).is_absolute():
        return Path(address).is_file()
    return isinstance(try_to_load_from_cache(**_place_of(address)), str)


def _replaced_parts(spec: ModelSpec) -> set[str]:
    """Return the parts whose weights are not the repository's."""
    return {*(() if spec.checkpoint is None else CHECKPOINT_PARTS), *spec.files, UPSAMPLER}


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
    if Path(spec.repository).is_absolute() and not Path(spec.repository).is_dir():
        return f"The folder of {spec.label} no longer exists; choose another model."
    return (
        f"{spec.label} is not completely on this computer and could not be downloaded; check the "
        f"network and the disk, then run `python -m pipeline.models.download {spec.id}`, or choose "
        f"{EMBEDDED}, which needs no download." + (spec.access_note and f" {spec.access_note}")
    )


def _missing_files(spec: ModelSpec, folder: Path) -> list[Missing]:
    """List the files to download; none if the Hub cannot be reached."""
    try:
        return _list_missing(spec, folder)
    except DryRunError:
        logger.info("The Hub cannot be reached for %s: using the files on disk", spec.repository)
        return []


def single_files(spec: ModelSpec) -> list[str]:
    """List the addresses of the single files that a row needs beside its repository."""
    files = [] if spec.checkpoint is None else [spec.checkpoint]
    files += [file.address for file in spec.files.values()]
    if UPSAMPLER in spec.parts and spec.second_pass is not None:
        files.append(spec.second_pass.checkpoint)
    return files


def _list_missing(spec: ModelSpec, folder: Path) -> list[Missing]:
    """List the files to download. Raises DryRunError if the Hub cannot be reached.

    The folder of a repository's index is named after its commit: the other files must be from the
    same one.
    """
    missing, repo_id = [], str(spec.repository)
    if not Path(repo_id).is_dir():
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        files = snapshot_download(
            repo_id,
            revision=folder.name,
            allow_patterns=_patterns(spec, index),
            ignore_patterns=_VARIANTS,
            dry_run=True,
        )
        missing += missing_files(repo_id, files)
    places = [_place_of(x) for x in single_files(spec) if not Path(x).is_file()]
    for place in places + _places_of_loras(spec):
        missing += missing_files(place["repo_id"], [hf_hub_download(**place, dry_run=True)])
    return missing


def _places_of_loras(spec: ModelSpec) -> list[_HubFile]:
    """Return the places of a model's own LoRAs on the Hub; LoRAs on this computer have none."""
    names = [lora.lora for lora in spec.own_loras if local_path(lora.lora) is None]
    return [
        {"repo_id": place.repository, "revision": place.revision, "filename": place.filename}
        for place in map(parse_place, names)
        if place is not None and place.filename is not None
    ]


def _patterns(spec: ModelSpec, index: dict[str, object]) -> list[str]:
    """Return patterns for the files of the pipeline's parts, and no others.

    The index has [library, class] for a part and [None, None] for an omitted one.
    """
    parts = [name for name, value in index.items() if isinstance(value, list) and value[0]]
    parts = [name for name in parts if name not in spec.left_out]
    replaced = _replaced_parts(spec)
    patterns = [f"{name}/{kind}" for name in parts for kind in _SETTINGS]
    patterns += [f"{name}/{kind}" for name in parts if name not in replaced for kind in _WEIGHTS]
    return patterns


def _place_of(address: str) -> _HubFile:
    """Return a single file's place on the Hub. Raises ValueError for another address."""
    match = _FILE.fullmatch(address)
    if match is None:
        raise ValueError(f"{address} is not the address of a file on the Hub")
    return {"repo_id": match["repo"], "revision": match["rev"], "filename": match[4]}


def _file_here(address: str) -> Path:
    """Return where a single file is on this computer, downloading it if needed."""
    if Path(address).is_file():
        return Path(address)
    return Path(hf_hub_download(**_place_of(address)))


def main() -> None:
    """Download one model or LoRA; exit with status 1 and a message if that fails."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.models.download")
    parser.add_argument("name", help="a model id from README, or owner/name on the Hub")
    parser.add_argument("--lora", action="store_true", help="name is a LoRA: owner/name[/file]")
    parser.add_argument("--light", action="store_true", help="with its transformer in four bits")
    parser.add_argument("--hd", action="store_true", help="what HD needs too")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    for name in ("httpx", "httpx2", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        if args.lora:
            place = download_lora(args.name)
        else:
            spec = Models(recognise=detect_model).find(args.name)
            place = download_model(spec.with_light_files() if args.light else spec).folder
            if args.hd and spec.second_pass is not None:
                download_upsampler(spec)
    except KinoraError as exc:
        sys.exit(str(exc))
    logger.info("%s is in %s", args.name, place)


if __name__ == "__main__":
    main()
