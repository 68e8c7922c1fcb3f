"""Estimates a request before it runs: plan, place in memory, seconds and download."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.errors import InvalidRequestError
from pipeline.jobs.timing import Timing
from pipeline.models.download_sizes import DownloadSize, DownloadSizes
from pipeline.models.spec import ModelSpec
from pipeline.planning.plan import Plan, Source, plan_generation, working_seconds
from pipeline.planning.request import GenerationRequest
from pipeline.runtime.model_cache import ModelCache


@dataclass(frozen=True)
class Estimate:
    """A plan, where the model's weights will be in memory, and how long the work takes.

    `seconds` is None if unknown. It is measured, with a range from `low` to `high`, or computed
    from the machine's assumed speed. `placement` is a sentence, empty for the model that comes with
    Kinora. `download` is how much must be downloaded first.
    """

    plan: Plan
    placement: str
    seconds: float | None
    is_measured: bool
    download: DownloadSize
    low: float | None = None
    high: float | None = None


def estimate_request(
    request: GenerationRequest,
    spec: ModelSpec,
    source: Source | None,
    model_cache: ModelCache,
    timing: Timing,
    sizes: DownloadSizes,
) -> Estimate:
    """Estimate a request; may wait for the Hub. Raises InvalidRequestError if it does not fit."""
    placement = model_cache.describe(spec.id, request.quality)
    used = model_cache.source(spec.id, request.quality)
    plan = plan_generation(request, spec, source)
    expected, speed = timing.expect(request), model_cache.machine.operations_per_second
    told = "" if spec.ships_with_app else placement
    download = sizes.find([used])[spec.id]
    if expected is not None:
        how_long = expected.seconds, True, download, expected.low, expected.high
        return Estimate(plan, told, *how_long)
    is_known = not spec.ships_with_app and speed
    seconds = working_seconds(plan, spec, speed) if is_known else None
    return Estimate(plan, told, seconds, False, download)


def name_place(model_cache: ModelCache, request: GenerationRequest) -> str:
    """Name where a request's model is computed, as far as it decides how long that takes."""
    try:
        place = model_cache.placement(request.model, request.quality)
    except InvalidRequestError:  # the model is no longer offered, or does not fit
        return ""
    return " ".join((place.device, place.dtype, place.offload, place.weights))
