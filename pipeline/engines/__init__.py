"""Engines: how each family of models makes windows of video. Each row of the catalog names one."""

from __future__ import annotations

import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.engines.base import Engine
    from pipeline.runtime.loading import LoadedModel


def open_engine(model: LoadedModel, *, width: int, height: int) -> Engine:
    """Return the engine of a loaded model at one picture size in pixels.

    The engine is imported by name only now, because diffusers' pipelines take seconds to import.
    """
    return pkgutil.resolve_name(model.spec.engine)(model, width=width, height=height)
