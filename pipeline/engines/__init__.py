"""The engines: how a loaded model makes a window of latents. Each model's row names its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pipeline.engines import kandinsky, skyreels, wan
from pipeline.engines.engine import Engine
from pipeline.engines.frames import FrameEngine
from pipeline.engines.helios import HeliosEngine
from pipeline.engines.ltx import LTXEngine
from pipeline.engines.ltx2 import LTX2Engine
from pipeline.engines.mini import MiniEngine
from pipeline.reading import LoadedModel

_ENGINES: dict[str, Callable[..., Engine]] = {
    "ltx": LTXEngine,
    "ltx2": LTX2Engine,
    "mini": MiniEngine,
    "wan": partial(FrameEngine, family=wan.WAN),
    "vace": partial(FrameEngine, family=wan.VACE),
    "skyreels": partial(FrameEngine, family=skyreels.SKYREELS),
    "kandinsky": partial(FrameEngine, family=kandinsky.KANDINSKY),
    "helios": HeliosEngine,
}


def open_engine(model: LoadedModel, *, width: int, height: int) -> Engine:
    """Return the engine of a loaded model at one picture size in pixels."""
    return _ENGINES[model.spec.engine](model, width=width, height=height)
