"""Engines: how each family of models makes windows of video. Each row of the catalog names one."""

from __future__ import annotations

import pkgutil

from pipeline.engines.base import Engine
from pipeline.engines.pipeline_call import Family, PipelineCallEngine
from pipeline.runtime.loading import LoadedModel


def open_engine(model: LoadedModel, *, width: int, height: int) -> Engine:
    """Return the engine of a loaded model at one picture size in pixels.

    The engine is imported by name only now, because diffusers' pipelines take seconds to import.
    """
    engine = pkgutil.resolve_name(model.spec.engine)
    if isinstance(engine, Family):
        return PipelineCallEngine(model, engine, width=width, height=height)
    return engine(model, width=width, height=height)
