"""Kinora without a user interface: requests in, clips out. Defines the public names.

Names that need torch are imported at first use, so importing this package is cheap.
"""

from __future__ import annotations

import importlib

from pipeline.errors import (
    GenerationCancelledError,
    InvalidRequestError,
    KinoraError,
    MediaError,
    ModelError,
    OutputError,
)
from pipeline.models.registry import MODELS, describe_models
from pipeline.models.spec import ModelSpec
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.storyboard import format_storyboard, parse_storyboard
from pipeline.planning.validation import build_request

# The function `generate` is not exported here: import it from `pipeline.generation.generate`.
_LAZY = {"Clip": "pipeline.generation.generate", "ModelCache": "pipeline.runtime.model_cache"}

__all__ = [
    "MODELS",
    "Clip",
    "GenerationCancelledError",
    "GenerationRequest",
    "InvalidRequestError",
    "KinoraError",
    "MediaError",
    "ModelCache",
    "ModelError",
    "ModelSpec",
    "OutputError",
    "Shot",
    "build_request",
    "describe_models",
    "format_storyboard",
    "parse_storyboard",
]


def __getattr__(name: str) -> object:
    """Import a name that needs torch, at its first use."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value
