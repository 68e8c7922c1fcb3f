"""The models and LoRAs that whoever runs Kinora has added, and whether visitors may name others.

Read from the environment when Kinora starts; README has the variables.
"""

from __future__ import annotations

import logging
import re

from pipeline.errors import InvalidRequestError, ModelError
from pipeline.models.detection import detect_model
from pipeline.models.hub import local_path
from pipeline.models.registry import MODELS, Models
from pipeline.models.spec import ModelSpec
from pipeline.settings import NO, YES, read_variable

logger = logging.getLogger(__name__)


def read_models(*, is_private: bool) -> Models:
    """Return the catalog's models with those of KINORA_MODELS, and the LoRAs of KINORA_LORAS.

    `is_private` says that only people at this computer can use the app: they may then name any
    model, unless KINORA_ANY_MODEL says otherwise. What cannot be used is left out, and the log says
    why. Raises ModelError if KINORA_ANY_MODEL is neither yes nor no.
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
    """Say whether a request may name any folder and any place on the Hub. Raises ModelError."""
    chosen = read_variable("KINORA_ANY_MODEL").lower()
    if chosen not in ("", *YES, *NO):
        raise ModelError(f"KINORA_ANY_MODEL is {chosen!r}, but it has to be 1 or 0.")
    return chosen in YES if chosen else is_private


def _listed(variable: str) -> list[str]:
    """Read what a variable has between commas, or line by line."""
    listed = re.split(r"[,\n]", read_variable(variable))
    return [reference.strip() for reference in listed if reference.strip()]


def _name_of(reference: str) -> str:
    """Return what something is asked for by: never a path, for everybody sees it."""
    path = local_path(reference)
    if path is None:
        return reference
    return path.stem if path.suffix == ".safetensors" else path.name


def _add(known: dict[str, ModelSpec | str], name: str, added: ModelSpec | str, where: str) -> None:
    if name in known:
        logger.error("%s: two are named %r; give one of the folders another name.", where, name)
        return
    known[name] = added
