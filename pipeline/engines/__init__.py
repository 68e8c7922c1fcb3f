"""The engines: how a loaded model makes a window of latents. Each model's row names its own."""

from __future__ import annotations

from pipeline.engines.engine import Engine
from pipeline.engines.ltx import LTXEngine
from pipeline.engines.mini import MiniEngine
from pipeline.loader import LoadedModel

_ENGINES: dict[str, type[Engine]] = {"ltx": LTXEngine, "mini": MiniEngine}


def open_engine(model: LoadedModel, *, width: int, height: int) -> Engine:
    """Return the engine of a loaded model at one picture size in pixels."""
    return _ENGINES[model.spec.engine](model, width=width, height=height)
