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
from pipeline.models import MODELS, describe_models
from pipeline.request import GenerationRequest, Shot, build_request
from pipeline.spec import ModelSpec
from pipeline.storyboard import format_storyboard, parse_storyboard

# The function `generate` is not here: `pipeline.generate` is the module that has it.
_LAZY = {"Clip": "pipeline.generate", "Loader": "pipeline.loader"}

__all__ = [
    "MODELS",
    "Clip",
    "GenerationCancelledError",
    "GenerationRequest",
    "InvalidRequestError",
    "KinoraError",
    "Loader",
    "MediaError",
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
