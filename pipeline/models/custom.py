"""Reads the owner's models and LoRAs from the environment, and whether users may name others.

docs/configuration.md documents the variables.
"""

from __future__ import annotations

import logging
import re
from typing import TypeVar

from pipeline.errors import InvalidRequestError, ModelError
from pipeline.models.detection import detect_model
from pipeline.models.hub import local_path
from pipeline.models.registry import MODELS, Models
from pipeline.models.spec import GGUF, ModelSpec
from pipeline.models.weights_files import JOINT, split_reference
from pipeline.settings import NO, YES, read_variable

logger = logging.getLogger(__name__)

_Added = TypeVar("_Added", ModelSpec, str)


def read_models(*, is_private: bool) -> Models:
    """Return the catalog's models with those of KINORA_MODELS, and the LoRAs of KINORA_LORAS.

    `is_private` means that only users of this computer can reach the app: requests may then name
    any model, unless KINORA_ANY_MODEL forbids it. Models that cannot be used are left out, and the
    log says why. Raises ModelError if KINORA_ANY_MODEL is not a yes or no value.
    """
    rows = {**MODELS}
    for reference in _listed("KINORA_MODELS"):
        try:
            spec = detect_model(reference, _name_of(reference))
        except InvalidRequestError as exc:
            logger.error("KINORA_MODELS: %s", exc)
            continue
        _add(rows, spec.id, spec, "KINORA_MODELS")
    loras: dict[str, str] = {}
    for reference in _listed("KINORA_LORAS"):
        _add(loras, _name_of(reference), reference, "KINORA_LORAS")
    return Models(rows.values(), loras, detect_model if may_name_any(is_private) else None)


def may_name_any(is_private: bool) -> bool:
    """Return whether requests may name any folder or Hub repository. Raises ModelError."""
    chosen = read_variable("KINORA_ANY_MODEL").lower()
    if chosen not in ("", *YES, *NO):
        raise ModelError(f"KINORA_ANY_MODEL is {chosen!r}, but it must be 1 or 0.")
    return chosen in YES if chosen else is_private


def _listed(variable: str) -> list[str]:
    """Split a variable's value at commas and line breaks."""
    listed = re.split(r"[,\n]", read_variable(variable))
    return [reference.strip() for reference in listed if reference.strip()]


def _name_of(reference: str) -> str:
    """Return the public name of a model or LoRA: never a path, because visitors see it."""
    model, files = split_reference(reference)
    if files:
        return JOINT.join(map(_name_of, (model, *files)))
    path = local_path(reference)
    if path is None:
        return reference
    return path.stem if path.suffix in (".safetensors", GGUF) else path.name


def _add(known: dict[str, _Added], name: str, added: _Added, where: str) -> None:
    if name in known:
        logger.error("%s: two entries are named %r; rename one of the folders.", where, name)
        return
    known[name] = added
