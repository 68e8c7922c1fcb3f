"""Reads what a single file of weights is (GGUF, fp8 or plain) and puts it into a model's row.

Reads headers only, on this computer or on the Hub.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from huggingface_hub import HfApi, hf_hub_download
from safetensors import SafetensorError, safe_open

from pipeline.errors import InvalidRequestError
from pipeline.models.compute_cost import DENOISERS
from pipeline.models.hub import HUB_ERRORS, HubPath, local_path, parse_place
from pipeline.models.spec import GGUF, ModelSpec, WeightsFile

JOINT = "+"  # between a model and the files of its transformers
_SAFETENSORS = ".safetensors"
_GGUF_MARK = b"GGUF"
# Factors that scaled fp8 weights must be multiplied by; diffusers would leave them out.
_SCALES = ("scale_weight", "weight_scale", "scaled_fp8", "scale_input", "input_scale")


def split_reference(reference: str) -> tuple[str, list[str]]:
    """Split "model+file+file" into the model and its files; a path may contain the joint."""
    path = local_path(reference)
    if JOINT not in reference or (path is not None and path.exists()):
        return reference, []
    model, *files = reference.split(JOINT)
    return model.strip(), [file.strip() for file in files]


def use_files(row: ModelSpec, references: Sequence[str], model_id: str) -> ModelSpec:
    """Return a row whose transformers have the weights of single files, in their order.

    Raises InvalidRequestError, also if the Hub cannot be reached.
    """
    names = [name for name in DENOISERS if name in row.parts]
    if len(references) != len(names):
        raise InvalidRequestError(
            f"{row.label} has {len(names)} transformer{'s' * (len(names) != 1)}, but "
            f"{len(references)} files are named; name one file for each, joined by {JOINT!r}."
        )
    files = {name: _read_file(x) for name, x in zip(names, references, strict=True)}
    if len({file.storage for file in files.values()}) > 1:
        raise InvalidRequestError(
            f"The files for {row.label} are stored in different ways; use files of one kind."
        )
    listed = ", ".join(file.name for file in files.values())
    return replace(
        row,
        id=model_id,
        label=f"{row.label} ({listed})",
        description=f"{row.label} with your own weights: {listed}.",
        licence="its own",
        licence_note="Check the licence of its files before you use it.",
        files=files,
        light_files={},
        ships_with_app=False,
    )


def _read_file(reference: str) -> WeightsFile:
    """Return what a file is: a path, or "owner/name/file" on the Hub."""
    if Path(reference).suffix not in (GGUF, _SAFETENSORS):
        raise InvalidRequestError(
            f"{_shown(reference)} is neither a {GGUF} nor a {_SAFETENSORS} file, and other formats "
            "can run code when they are opened; use one of these."
        )
    path = local_path(reference)
    if path is not None:
        return _read_local(path)
    place = parse_place(reference)
    if place is None or place.filename is None:
        raise InvalidRequestError(
            f"{_shown(reference)} is neither a file nor a place on the Hub; enter a path or "
            "owner/name/file."
        )
    try:
        return _read_remote(place, place.filename)
    except HUB_ERRORS as exc:
        raise InvalidRequestError(
            f"{_shown(reference)} is not on this computer and could not be read from the Hub; "
            "check its name, the network, and whether it needs a token (HF_TOKEN)."
        ) from exc


def _read_local(path: Path) -> WeightsFile:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            is_gguf = file.read(len(_GGUF_MARK)) == _GGUF_MARK
        if path.suffix == GGUF:
            if not is_gguf:
                raise InvalidRequestError(f"{path.name} is no GGUF file; get it again.")
            return WeightsFile(str(path), size)
        with safe_open(path, "numpy") as tensors:
            types = {name: tensors.get_slice(name).get_dtype() for name in tensors.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as exc:
        raise InvalidRequestError(
            f"The file {path.name} could not be read; check the path, or get it again."
        ) from exc
    return WeightsFile(str(path), size, _storage_of(path.name, types))


def _read_remote(place: HubPath, filename: str) -> WeightsFile:
    where = place.repository, filename
    file = hf_hub_download(*where, revision=place.revision, dry_run=True)
    address = f"https://huggingface.co/{place.repository}/blob/{file.commit_hash}/{filename}"
    if filename.endswith(GGUF):
        return WeightsFile(address, file.file_size or 0)
    header = HfApi().parse_safetensors_file_metadata(*where, revision=file.commit_hash)
    types = {name: str(tensor.dtype) for name, tensor in header.tensors.items()}
    return WeightsFile(address, file.file_size or 0, _storage_of(filename, types))


def _storage_of(name: str, types: Mapping[str, str]) -> Literal["full", "fp8"]:
    """Return how a safetensors file stores its tensors, by their types.

    Raises InvalidRequestError for fp8 that plain loading would get wrong.
    """
    eights = {kind for kind in types.values() if kind.startswith("F8")}
    if not eights:
        return "full"
    if eights != {"F8_E4M3"} or any(x.rpartition(".")[2] in _SCALES for x in types):
        raise InvalidRequestError(
            f"The file {name} has scaled fp8 weights, which Kinora does not read; use one with "
            f"plain fp8 (e4m3) weights, or a {GGUF} file."
        )
    return "fp8"


def _shown(reference: str) -> str:
    return repr(reference[:200])
