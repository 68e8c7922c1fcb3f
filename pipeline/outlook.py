"""What a request will come to on this machine, said before it is done."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.jobs.timing import Timing
from pipeline.models.download import is_downloaded
from pipeline.models.spec import ModelSpec
from pipeline.planning.plan import Plan, Source, plan_generation, working_seconds
from pipeline.planning.request import GenerationRequest
from pipeline.runtime.model_cache import ModelCache


@dataclass(frozen=True)
class Estimate:
    """A plan, where the model will live, and how long it takes.

    `seconds` is None if nobody knows; if they are not measured they are computed, from what the
    machine is thought to do. `placement` is a sentence, empty for a model that comes with Kinora.
    `download_bytes` is about how much has to come from the Hub first, 0 if the weights are here.
    """

    plan: Plan
    placement: str
    seconds: float | None
    is_measured: bool
    download_bytes: int = 0


def estimate_request(
    request: GenerationRequest,
    spec: ModelSpec,
    source: Source | None,
    model_cache: ModelCache,
    timing: Timing,
) -> Estimate:
    """Say what a request comes to. Raises InvalidRequestError if its model does not fit."""
    placement = model_cache.describe(spec.id)
    plan = plan_generation(request, spec, source)
    seconds, speed = timing.estimate(request), model_cache.machine.operations_per_second
    is_measured = seconds is not None
    if not is_measured and not spec.ships_with_app and speed:
        seconds = working_seconds(plan, spec, speed)
    to_download = 0 if is_downloaded(spec) else spec.num_bytes
    told = "" if spec.ships_with_app else placement
    return Estimate(plan, told, seconds, is_measured, to_download)
