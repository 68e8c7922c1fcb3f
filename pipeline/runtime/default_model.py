"""Chooses the default model: the one that KINORA_MODEL names, or one that suits the machine."""

from __future__ import annotations

from pipeline.errors import InvalidRequestError, ModelError
from pipeline.models.registry import Models
from pipeline.runtime.device import GIGABYTE, Machine
from pipeline.runtime.memory_plan import place
from pipeline.runtime.placement import Placement
from pipeline.settings import read_variable

# For GPUs, the best first: models that have to be there whole at full precision, because with
# offloading or 8-bit weights models of their size are slow. LTX-2.5 is not among them: its download
# needs an account that has accepted its terms. Nor is Kandinsky 6 Lite for GPUs between: its
# autoencoder may not be used everywhere.
_WHOLE = ("ltx-2.3", "ltx-video-13b")
_FITTING = "ltx-video-2b"  # also on ZeroGPU
_SMALLEST_GPU = 7 * GIGABYTE  # GPUs report slightly less than the 8 GB that they are sold with


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
    """Return the best model for a CUDA GPU of at least 8 GB, else the embedded one.

    On ZeroGPU it is LTX-Video 2B, because visitors pay by the second and the weights are downloaded
    at every start.
    """
    if machine.is_zero_gpu and _place_if_it_fits(models, _FITTING, machine):
        return _FITTING
    if machine.device == "cuda" and not machine.is_zero_gpu:
        for model_id in _WHOLE:
            placement = _place_if_it_fits(models, model_id, machine)
            if placement and (placement.offload, placement.weights) == ("none", "full"):
                return model_id
        is_large_enough = machine.memory_bytes > _SMALLEST_GPU
        if is_large_enough and _place_if_it_fits(models, _FITTING, machine):
            return _FITTING
    return next(iter(models))  # the embedded model is first in the table


def larger_model_id(models: Models, machine: Machine) -> str | None:
    """Return a model for what the embedded one does not know; None if none fits.

    It is the one that suits the machine, or else the fastest of those that draw anything: on a CPU
    too, where it takes minutes.
    """
    suited = suited_model_id(models, machine)
    if not models[suited].ships_with_app:
        return suited
    return _FITTING if _place_if_it_fits(models, _FITTING, machine) else None


def _place_if_it_fits(models: Models, model_id: str, machine: Machine) -> Placement | None:
    try:
        return place(models[model_id], machine) if model_id in models else None
    except InvalidRequestError:
        return None
