"""Kinora without a page: requests in, clips out. What is public is named here.

Names that need torch are imported when they are first used, so that importing this costs nothing.
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

# The function `generate` is not here: `pipeline.generation.generate` is the module that has it.
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
    """Import one of the names that need torch."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value
