"""`GenerationContext`: the engine, request, plan and source that a generation passes around."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.engines.base import Engine
from pipeline.generation.sources import OpenedClip, OpenedSource
from pipeline.planning.plan import Plan
from pipeline.planning.request import GenerationRequest


@dataclass(frozen=True)
class GenerationContext:
    """A request that is being generated; `source` is the picture or clip that it starts from."""

    engine: Engine
    request: GenerationRequest
    plan: Plan
    source: OpenedSource | None = None
    first_pass: GenerationContext | None = None  # the first of two, at half the sides

    @property
    def clip(self) -> OpenedClip | None:
        """Return the source if it is a clip."""
        return self.source if isinstance(self.source, OpenedClip) else None
