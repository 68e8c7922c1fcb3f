"""What can make a model faster, and a pure decision which of it is on for a job.

Each switch changes the numbers a little, so that each is off unless somebody asks for it, and what
is made with it goes by another name on disk. Putting them on is left to `acceleration_hooks.py`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

from pipeline.errors import KinoraError
from pipeline.models.spec import ModelSpec
from pipeline.planning.plan import Plan, seconds_per_window
from pipeline.runtime.device import Machine
from pipeline.runtime.memory_plan import Placement

NATIVE = "native"
# What the benchmark tries where nobody has set another: half the difference at which random
# weights lost most of their steps (measured on tiny ones, on a CPU).
SUGGESTED_THRESHOLD = 0.1
_MAX_THRESHOLD = 1.0
_MIN_CACHED_STEPS = 20  # distilled schedules have no two steps that are alike
_BACKENDS_WITH_MASKS = (
    NATIVE,
    "_native_cudnn",
    "_native_efficient",
    "_native_math",
    "xformers",
)
# Both assumed, for lack of a GPU to measure on: compiling took 16 to 36 s for two blocks on a CPU;
# the steps of CogVideoX took a fifth less on an A100 (diffusers, its documentation).
COMPILE_SECONDS = 60.0
_COMPILED_SAVES = 0.2


@dataclass(frozen=True)
class AccelerationSettings:
    """What somebody has asked for, whatever the model and the job."""

    cache_threshold: float = 0.0
    compiling: Literal["off", "auto"] = "off"
    attention: str = NATIVE
    num_gpus: int = 1
    always: Acceleration | None = None  # whatever pays: for who measures


@dataclass(frozen=True)
class Work:
    """What a job asks of the transformers: steps of a window, and operations of all windows."""

    num_inference_steps: int
    num_operations: float  # of the windows that are found as well


@dataclass(frozen=True)
class Acceleration:
    """The switches that are on while a model works; without any its numbers are the plain ones.

    `cache_threshold`: a step whose first block changes less than that takes the other blocks from
    the step before; 0 for never. `num_gpus`: the processes that share a window's tokens.
    """

    cache_threshold: float = 0.0
    is_compiled: bool = False
    attention: str = NATIVE
    num_gpus: int = 1

    @property
    def facts(self) -> dict[str, object]:
        """Return the switches that are on."""
        plain = asdict(PLAIN)
        return {name: value for name, value in asdict(self).items() if value != plain[name]}


PLAIN = Acceleration()


def work_of(plan: Plan, spec: ModelSpec) -> Work:
    """Return what a plan asks of a model's transformers."""
    return Work(plan.steps_per_window, sum(seconds_per_window(plan, spec, 1.0)))


def read_settings(environment: Mapping[str, str] = os.environ) -> AccelerationSettings:
    """Read what is asked for from the environment. Raises KinoraError for a value that is wrong.

    Which attention backends there are only diffusers knows: see
    `acceleration_hooks.check_attention`.
    """
    text = environment.get("KINORA_CACHE") or "0"
    try:
        threshold = float(text)
    except ValueError:
        threshold = math.nan
    if not 0 <= threshold <= _MAX_THRESHOLD:
        raise KinoraError(f"KINORA_CACHE is {text!r}, but it has to be a number from 0 to 1.")
    compiling = environment.get("KINORA_COMPILE") or "off"
    if compiling not in ("off", "auto"):
        raise KinoraError(f"KINORA_COMPILE is {compiling!r}, but it has to be 'off' or 'auto'.")
    return AccelerationSettings(threshold, compiling, environment.get("KINORA_ATTENTION") or NATIVE)


def choose_acceleration(
    settings: AccelerationSettings,
    spec: ModelSpec,
    placement: Placement,
    machine: Machine,
    work: Work,
) -> Acceleration:
    """Choose the switches of a job, the same each time that it is taken up on a machine.

    A switch that a model has not stays off.
    """
    if settings.always is not None:
        return settings.always
    cache_threshold, attention = 0.0, NATIVE
    if can_cache(spec, placement, work.num_inference_steps):
        cache_threshold = settings.cache_threshold
    if can_attend(spec, settings.attention):
        attention = settings.attention
    is_compiled = (
        settings.compiling == "auto"
        and settings.num_gpus == 1
        and placement.device == "cuda"
        and can_compile(placement, machine)
        and is_worth_compiling(machine, work)
        # With the cache's hooks, or kernels of other libraries, it fails or falls apart.
        and (cache_threshold, attention) == (0.0, NATIVE)
    )
    return Acceleration(cache_threshold, is_compiled, attention, settings.num_gpus)


def can_cache(spec: ModelSpec, placement: Placement, num_inference_steps: int) -> bool:
    """Say whether steps of a model may be skipped in part.

    Layers that are moved ahead of time count on the order of the first step, where none is skipped.
    """
    return (
        spec.can_cache_steps
        and spec.timesteps is None
        and num_inference_steps >= _MIN_CACHED_STEPS
        and placement.offload != "group"
    )


def can_compile(placement: Placement, machine: Machine) -> bool:
    """Say whether blocks can be compiled: with a compiler, where nothing is hooked into them."""
    is_plain = (placement.offload, placement.weights) == ("none", "full")
    return machine.has_compiler and is_plain and not machine.is_zero_gpu


def is_worth_compiling(machine: Machine, work: Work) -> bool:
    """Say whether a job is long enough to win back what compiling takes; both are assumed."""
    if not machine.operations_per_second:
        return False
    return work.num_operations / machine.operations_per_second * _COMPILED_SAVES > COMPILE_SECONDS


def can_attend(spec: ModelSpec, backend: str) -> bool:
    """Say whether a backend is for a model: many know no masks, which hide the padding of words."""
    return not spec.hides_padding or backend in _BACKENDS_WITH_MASKS


def list_accelerations(
    spec: ModelSpec, placement: Placement, machine: Machine, attentions: Collection[str]
) -> list[Acceleration]:
    """List each switch that can run with a placement, alone: what a benchmark measures."""
    accelerations = [Acceleration(attention=name) for name in attentions if can_attend(spec, name)]
    if can_compile(placement, machine):
        accelerations.append(Acceleration(is_compiled=True))
    if can_cache(spec, placement, spec.default_num_inference_steps or 1):
        accelerations.append(Acceleration(cache_threshold=SUGGESTED_THRESHOLD))
    return [acceleration for acceleration in accelerations if acceleration != PLAIN]
