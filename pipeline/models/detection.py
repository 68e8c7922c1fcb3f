"""Detects the family of a user's own model, in a folder or on the Hub, and makes its row.

Uses the classes of the pipeline and its parts, and their configurations. Reads no weights and runs
no code of the model.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InvalidRequestError, shown
from pipeline.models import published
from pipeline.models.catalog import ROWS
from pipeline.models.hub import HUB_ERRORS, HubPath, local_path, parse_place, read_files
from pipeline.models.spec import ModelSpec, Part
from pipeline.models.weights_files import split_reference, use_files

if TYPE_CHECKING:
    import torch

INDEX = "model_index.json"
_LIBRARIES = ("diffusers", "transformers")
# Parts that not every model of a family has.
_OPTIONAL = ("transformer_2",)
# Pipelines with the same parts; the row's own pipeline is used.
_SAME_PARTS = dict.fromkeys(("LTXPipeline", "LTXImageToVideoPipeline"), "LTXConditionPipeline")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt")


@dataclass(frozen=True)
class _Found:
    """A folder with at least the configurations, the names of all files, and its origin."""

    name: str
    folder: Path
    files: tuple[str, ...]
    place: HubPath | None = None  # on the Hub; its revision is the commit


def detect_model(
    reference: str, model_id: str | None = None, rows: Iterable[ModelSpec] = ROWS
) -> ModelSpec:
    """Return a row for a folder in the diffusers format or a repository on the Hub.

    It is the nearest of `rows` with other weights and its own id. Only configurations are
    downloaded. "model+file" is a model, or the id of a row, with the weights of a single file.
    Raises InvalidRequestError, also if the Hub cannot be reached.
    """
    model, files = split_reference(reference)
    if files:
        rows = list(rows)
        row = next((row for row in rows if row.id == model), None) or detect_model(model, rows=rows)
        return use_files(row, files, model_id or reference)
    found = _find(reference)
    index = _read_json(found, INDEX)
    _refuse_code(found, index)
    packages = _own_packages(rows)
    classes = {
        name: _class_of(found, name, value[0], value[1], packages)
        for name, value in index.items()
        if isinstance(value, list) and len(value) == 2 and value[0] is not None
    }
    classes = {name: x for name, x in classes.items() if _has_weights(x)}
    able = _rows_of(found, index, classes, rows)
    parts = {name: _build(found, name, part) for name, part in classes.items()}
    row = _nearest(found, parts, able)
    for name in parts:
        _refuse_missing_weights(found, name)
    return _adapt(row, found, model_id or reference, parts)


def _find(reference: str) -> _Found:
    path = local_path(reference)
    if path is not None:
        if not path.is_dir():
            raise InvalidRequestError(f"There is no folder {reference!r}; check the path.")
        # The format has an index and a folder for each part, so two levels are enough.
        inside = [*path.glob("*"), *path.glob("*/*")]
        names = [file.relative_to(path).as_posix() for file in inside if file.is_file()]
        return _Found(path.name, path, tuple(names))
    place = parse_place(reference)
    if place is None or place.filename is not None:
        raise InvalidRequestError(
            f"{shown(reference, most=200)} is neither a folder nor a Hub repository; enter a path "
            "or owner/name."
        )
    try:
        folder, files = read_files(place, [INDEX, "*/config.json", "*/*_config.json"])
    except HUB_ERRORS as exc:
        raise InvalidRequestError(
            f"{reference} is not on this computer and could not be read from the Hub; check its "
            "name, the network, and whether it needs a token (HF_TOKEN)."
        ) from exc
    return _Found(reference, folder, tuple(files), replace(place, revision=folder.name))


def _read_json(found: _Found, name: str) -> dict[str, object]:
    try:
        values = json.loads((found.folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise InvalidRequestError(
            f"{found.name} is not a complete diffusers pipeline, because it has no {name}; use a "
            "model that save_pretrained has written."
        ) from exc
    except (OSError, ValueError, RecursionError) as exc:
        raise InvalidRequestError(f"The {name} of {found.name} is damaged; get it again.") from exc
    if not isinstance(values, dict):
        raise InvalidRequestError(f"The {name} of {found.name} is damaged; get it again.")
    return values


def _refuse_code(found: _Found, index: Mapping[str, object]) -> None:
    """Refuse a pipeline that contains code. A repository's code is never downloaded."""
    code = [name for name in found.files if name.endswith(".py")] if found.place is None else []
    configs = [name for name in found.files if name.endswith(".json") and name != INDEX]
    here = (name for name in configs if (found.folder / name).is_file())
    mapped = [name for name in here if b'"auto_map"' in (found.folder / name).read_bytes()]
    if not isinstance(index.get("_class_name"), str):
        mapped.append(INDEX)
    if code or mapped:
        raise InvalidRequestError(
            f"{found.name} contains its own code ({(code + mapped)[0]}), which Kinora does not "
            "run; use a model that only needs classes of diffusers and transformers."
        )


def _has_weights(part: type) -> bool:
    import torch  # here, because the catalog's own models do not need it

    return issubclass(part, torch.nn.Module)


def _own_packages(rows: Iterable[ModelSpec]) -> set[str]:
    """Return the packages of the pipelines that are not classes of diffusers."""
    modules = {row.pipeline.partition(":")[0] for row in rows if ":" in row.pipeline}
    return {module.rpartition(".")[0] for module in modules}


def _class_of(
    found: _Found, name: str, library: object, class_name: object, packages: Collection[str]
) -> type:
    """Return a part's class; only diffusers, transformers and `packages` are allowed."""
    if library not in _LIBRARIES and str(library).rpartition(".")[0] not in packages:
        raise InvalidRequestError(
            f"The {name} of {found.name} is from {str(library)[:60]!r}, which Kinora does not "
            "load; use a model that only needs classes of diffusers and transformers."
        )
    try:
        part = getattr(importlib.import_module(str(library)), str(class_name))
    except (ImportError, AttributeError):
        part = None
    if not isinstance(part, type):
        raise InvalidRequestError(
            f"The {name} of {found.name} is a {str(class_name)[:60]!r}, which the installed "
            f"version of {str(library)[:60]} does not have; use another model."
        )
    return part


def _rows_of(
    found: _Found,
    index: Mapping[str, object],
    classes: Mapping[str, type],
    rows: Iterable[ModelSpec],
) -> list[ModelSpec]:
    """Return the rows with the same pipeline and parts."""
    name = str(index["_class_name"])
    name = _SAME_PARTS.get(name, name)
    if name == "WanImageToVideoPipeline" and index.get("expand_timesteps"):
        name = "WanPipeline"  # the 5B model, which does both text and pictures
    rows = [*rows]
    able = [row for row in rows if row.pipeline_name == name]
    if not able:
        families = ", ".join(sorted({row.pipeline_name for row in rows}))
        raise InvalidRequestError(
            f"{found.name} is a {name[:60]}, which Kinora does not support; use one of {families}."
        )
    lacking = [part for part in able[0].parts if part not in (*classes, *_OPTIONAL)]
    unknown = [part for part in classes if not any(part in row.parts for row in able)]
    if lacking or unknown:
        what = f"has no {lacking[0]}" if lacking else f"has a part named {unknown[0]}"
        raise InvalidRequestError(
            f"{found.name} {what}, unlike every {name} that Kinora supports; use another model."
        )
    if name == "LTXConditionPipeline" and _shifts_by_size(found):
        raise InvalidRequestError(
            f"{found.name} is an LTX-Video from before 0.9.5, which Kinora does not support; use "
            "version 0.9.5 or later."
        )
    return able


def _shifts_by_size(found: _Found) -> bool:
    """Return whether the schedule depends on the size, as in early versions of LTX-Video."""
    config = _read_json(found, "scheduler/scheduler_config.json")
    return bool(config.get("use_dynamic_shifting"))


def _build(found: _Found, name: str, part: type[Any]) -> torch.nn.Module:
    """Build a part on the meta device, without weights, to count its parameters."""
    import torch

    config = _read_json(found, f"{name}/config.json")
    try:
        with torch.device("meta"):
            if hasattr(part, "from_config"):
                return part.from_config(config)
            return part(part.config_class.from_dict(config))
    except (TypeError, ValueError, KeyError, AttributeError, RuntimeError) as exc:
        raise InvalidRequestError(
            f"The configuration of {found.name}'s {name} does not describe a {part.__name__}; get "
            "its files again."
        ) from exc


def _nearest(
    found: _Found, parts: Mapping[str, torch.nn.Module], rows: Iterable[ModelSpec]
) -> ModelSpec:
    """Return the row with the same latent size and the nearest transformer size."""
    spatial = _pixels_of_latent(parts)
    able = [row for row in rows if row.spatial == spatial]
    if not able:
        raise InvalidRequestError(
            f"A token of {found.name} covers {spatial} pixels a side, unlike all models of its "
            "family that Kinora supports; use another model."
        )
    if "transformer" not in parts:
        return able[0]
    size = math.log(_count(parts["transformer"]))
    return min(able, key=lambda x: abs(math.log(x.parts["transformer"].num_parameters) - size))


def _pixels_of_latent(parts: Mapping[str, torch.nn.Module]) -> int:
    """Return how many pixels a side a transformer token covers."""
    vae: Any = parts["vae"]  # has its own class's attributes, like the transformer
    transformer: Any = parts.get("transformer")
    scale = vae.config.get("scale_factor_spatial") or vae.spatial_compression_ratio
    patch = 1 if transformer is None else transformer.config.get("patch_size", 1)
    if isinstance(patch, list | tuple) and patch:
        patch = patch[-1]
    return scale * patch if isinstance(patch, int) else 0


def _count(part: torch.nn.Module) -> int:
    return sum(x.numel() for x in part.parameters())


def _count_vocabulary(part: torch.nn.Module) -> int:
    """Count the parameters of a text encoder's word embeddings."""
    import torch

    tables = (x for x in part.modules() if isinstance(x, torch.nn.Embedding))
    return sum(table.weight.numel() for table in tables)


def _refuse_missing_weights(found: _Found, part: str) -> None:
    """Refuse a part without weights, or whose weights can run code when they are opened."""
    kinds = {Path(name).suffix for name in found.files if name.startswith(f"{part}/")}
    if ".safetensors" in kinds:
        _refuse_other_shards(found, part)
        return
    if kinds & {*_PICKLES}:
        raise InvalidRequestError(
            f"The {part} of {found.name} has weights that can run code when they are opened, and "
            "no .safetensors; save the model again with safe_serialization=True."
        )
    raise InvalidRequestError(f"The {part} of {found.name} has no weights; get its files again.")


def _refuse_other_shards(found: _Found, part: str) -> None:
    """Refuse a weight index that names other files: transformers would open them."""
    indices = [x for x in found.files if x.startswith(f"{part}/") and x.endswith(".index.json")]
    for index in (x for x in indices if (found.folder / x).is_file()):
        shards = _read_json(found, index).get("weight_map")
        files = [str(x) for x in shards.values()] if isinstance(shards, dict) else [""]
        if not all(x.endswith(".safetensors") and Path(x).name == x for x in files):
            raise InvalidRequestError(
                f"The {index} of {found.name} names files that are not .safetensors in its folder; "
                "save the model again with safe_serialization=True."
            )


def _adapt(
    row: ModelSpec, found: _Found, model_id: str, parts: Mapping[str, torch.nn.Module]
) -> ModelSpec:
    """Return the row with the found weights, their sizes, and no settings of missing parts."""
    sizes = {
        name: Part(
            _count(part),
            row.parts[name].bytes_per_parameter if name in row.parts else 2,
            _count_vocabulary(part),
        )
        for name, part in parts.items()
    }
    arguments, shift = dict(row.call_arguments), row.default_shift
    if "transformer_2" in row.parts and "transformer_2" not in parts:
        arguments.pop("guidance_scale_2", None)
        shift = published.WAN_2_1_SHIFT
    place = found.place
    return replace(
        row,
        id=model_id,
        label=found.name,
        description=f"Your own model, used with the settings of {row.label}.",
        licence="its own",
        licence_note="Check its licence before you use it.",
        access_note="",
        repository=str(found.folder) if place is None else place.repository,
        revision=None if place is None else place.revision,
        checkpoint=None,
        files={},
        light_files={},
        second_pass=None,  # the upsampler belongs to the row's own autoencoder
        ships_with_app=False,
        parts=sizes,
        call_arguments=arguments,
        pipeline_options={},  # its own are saved with it
        own_loras=(),
        default_shift=shift,
    )
