"""The engines: how a loaded model makes a window of latents. Each model's row names its own."""

from __future__ import annotations

import pkgutil

from pipeline.engines.engine import Engine
from pipeline.engines.frames import Family, FrameEngine
from pipeline.reading import LoadedModel

# Where each is, to be imported when a model needs it: diffusers' pipelines take seconds.
_ENGINES = {
    "ltx": "ltx:LTXEngine",
    "ltx2": "ltx2:LTX2Engine",
    "mini": "mini:MiniEngine",
    "wan": "wan:WAN",
    "vace": "wan:VACE",
    "skyreels": "skyreels:SKYREELS",
    "kandinsky": "kandinsky:KANDINSKY",
    "helios": "helios:HeliosEngine",
}


def open_engine(model: LoadedModel, *, width: int, height: int) -> Engine:
    """Return the engine of a loaded model at one picture size in pixels."""
    engine = pkgutil.resolve_name(f"{__name__}.{_ENGINES[model.spec.engine]}")
    if isinstance(engine, Family):
        return FrameEngine(model, engine, width=width, height=height)
    return engine(model, width=width, height=height)
