"""Chooses the default model: the one that KINORA_MODEL names, or one that suits the machine."""

from __future__ import annotations

from pipeline.errors import InvalidRequestError, ModelError
from pipeline.models.registry import Models
from pipeline.runtime.device import GIGABYTE, Machine
from pipeline.runtime.memory_plan import Placement, place
from pipeline.settings import read_variable

_LARGE, _SMALL = "ltx-video-13b", "ltx-video-2b"
# A GPU sold with 12 GB reports slightly less; one sold with 11 GB reports at most that.
_TOO_SMALL_A_GPU = 11 * GIGABYTE


def default_model_id(models: Models, machine: Machine) -> str:
    """Return the default model: KINORA_MODEL, or the one that suits the machine.

    Raises ModelError if KINORA_MODEL names a model that does not exist.
    """
    model_id = read_variable("KINORA_MODEL") or suited_model_id(models, machine)
    if model_id not in models:
        raise ModelError(
            f"KINORA_MODEL is {model_id!r}, which is not a model; "
            f"set it to one of {', '.join(models)}."
        )
    return model_id


def suited_model_id(models: Models, machine: Machine) -> str:
    """Return LTX-Video for a CUDA GPU of at least 12 GB and for ZeroGPU, else the embedded model.

    It is 13B if the GPU holds all of it at full precision, else 2B: with offloading or 8-bit
    weights the large model is slow. On ZeroGPU it is 2B, because visitors pay by the second and
    the weights are downloaded at every start.
    """
    if machine.device == "cuda" and machine.memory_bytes > _TOO_SMALL_A_GPU:
        large = _place_if_it_fits(models, _LARGE, machine)
        if large and (large.offload, large.weights) == ("none", "full") and not large.gpu_size:
            return _LARGE
        if _place_if_it_fits(models, _SMALL, machine):
            return _SMALL
    return next(iter(models))  # the embedded model is first in the table


def _place_if_it_fits(models: Models, model_id: str, machine: Machine) -> Placement | None:
    try:
        return place(models[model_id], machine) if model_id in models else None
    except InvalidRequestError:
        return None
