"""Decides which optimizations (step cache, compiling, attention, several GPUs) a job runs with.

Each of them changes the output slightly, so all are off by default, and latents made with them have
other cache keys. `acceleration_hooks.py` applies them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Literal, cast

from pipeline.errors import KinoraError
from pipeline.models.spec import ModelSpec
from pipeline.planning.plan import Plan, seconds_per_pass
from pipeline.runtime.device import Machine
from pipeline.runtime.placement import STREAMED, Placement
from pipeline.settings import read_variable

Compiling = Literal["off", "auto"]

NATIVE = "native"
# What the benchmark tries by default: half the threshold at which tiny models with random weights
# skipped most of their steps (measured on a CPU).
SUGGESTED_THRESHOLD = 0.1
_MAX_THRESHOLD = 1.0
_MIN_CACHED_STEPS = 20  # the steps of distilled schedules are too different from each other
_BACKENDS_WITH_MASKS = (
    NATIVE,
    "_native_cudnn",
    "_native_efficient",
    "_native_math",
    "xformers",
)
# Both are assumed, not measured on a GPU: compiling two blocks took 16 to 36 s on a CPU; steps of
# CogVideoX took a fifth less time on an A100 (diffusers documentation).
COMPILE_SECONDS = 60.0
_COMPILED_SAVES = 0.2


@dataclass(frozen=True)
class AccelerationSettings:
    """The optimizations that the user asked for, independent of model and job."""

    cache_threshold: float = 0.0
    compiling: Compiling = "off"
    attention: str = NATIVE
    num_gpus: int = 1
    always: Acceleration | None = None  # used as it is, for benchmarks


@dataclass(frozen=True)
class Work:
    """The transformers' work for a job: steps per window, and operations of all windows."""

    num_inference_steps: int
    num_operations: float  # includes windows that will be found in the cache


@dataclass(frozen=True)
class Acceleration:
    """The optimizations a model runs with; without any it gives the reference output.

    `cache_threshold`: if the output of the first block changes less than this from one step to the
    next, the other blocks' output is reused; 0 disables it. `num_gpus`: the number of processes
    that share a window's tokens.
    """

    cache_threshold: float = 0.0
    is_compiled: bool = False
    attention: str = NATIVE
    num_gpus: int = 1

    @property
    def facts(self) -> dict[str, object]:
        """Return the optimizations that are on."""
        plain = asdict(PLAIN)
        return {name: value for name, value in asdict(self).items() if value != plain[name]}


PLAIN = Acceleration()


def work_of(plan: Plan, spec: ModelSpec) -> Work:
    """Return the work that a plan means for a model's transformers."""
    return Work(plan.steps_per_window, sum(seconds_per_pass(plan, spec, 1.0)))


def read_settings(environment: Mapping[str, str] = os.environ) -> AccelerationSettings:
    """Read the settings from the environment. Raises KinoraError for an invalid value.

    The attention backend is checked later, by `acceleration_hooks.check_attention`.
    """
    text = read_variable("KINORA_CACHE", environment) or "0"
    try:
        threshold = float(text)
    except ValueError:
        threshold = math.nan
    if not 0 <= threshold <= _MAX_THRESHOLD:
        raise KinoraError(f"KINORA_CACHE is {text!r}, but it must be a number from 0 to 1.")
    compiling = read_variable("KINORA_COMPILE", environment) or "off"
    if compiling not in ("off", "auto"):
        raise KinoraError(f"KINORA_COMPILE is {compiling!r}, but it must be 'off' or 'auto'.")
    attention = read_variable("KINORA_ATTENTION", environment) or NATIVE
    return AccelerationSettings(threshold, cast("Compiling", compiling), attention)


def choose_acceleration(
    settings: AccelerationSettings,
    spec: ModelSpec,
    placement: Placement,
    machine: Machine,
    work: Work,
) -> Acceleration:
    """Choose the optimizations of a job; the same ones when it resumes on the same machine.

    Optimizations that the model does not support stay off.
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
        # With the cache's hooks, or other libraries' kernels, compiling fails or splits the graph.
        and (cache_threshold, attention) == (0.0, NATIVE)
    )
    return Acceleration(cache_threshold, is_compiled, attention, settings.num_gpus)


def can_cache(spec: ModelSpec, placement: Placement, num_inference_steps: int) -> bool:
    """Say whether a model can reuse blocks between steps.

    Not with group offload: its prefetching relies on the layer order of the first step.
    """
    return (
        spec.can_cache_steps
        and spec.timesteps is None
        and num_inference_steps >= _MIN_CACHED_STEPS
        and placement.offload not in STREAMED
    )


def can_compile(placement: Placement, machine: Machine) -> bool:
    """Say whether blocks can be compiled: there is a compiler, and no hooks are in the blocks."""
    is_plain = placement.offload in ("none", "drop_encoder") and placement.weights == "full"
    return machine.has_compiler and is_plain and not machine.is_zero_gpu


def is_worth_compiling(machine: Machine, work: Work) -> bool:
    """Say whether a job is long enough to save the time that compiling takes (both assumed)."""
    if not machine.operations_per_second:
        return False
    return work.num_operations / machine.operations_per_second * _COMPILED_SAVES > COMPILE_SECONDS


def can_attend(spec: ModelSpec, backend: str) -> bool:
    """Say whether a model can use a backend: many lack the masks that hide a prompt's padding."""
    return not spec.hides_padding or backend in _BACKENDS_WITH_MASKS


def can_share(spec: ModelSpec, placement: Placement) -> bool:
    """Say whether GPUs can share a window's tokens: each has to hold the whole model."""
    is_whole = placement.offload in ("none", "drop_encoder") and placement.weights == "full"
    return spec.can_split and is_whole


def list_accelerations(
    spec: ModelSpec, placement: Placement, machine: Machine, attentions: Collection[str]
) -> list[Acceleration]:
    """List every single optimization that can run with a placement, for benchmarks."""
    accelerations = [Acceleration(attention=name) for name in attentions if can_attend(spec, name)]
    if can_compile(placement, machine):
        accelerations.append(Acceleration(is_compiled=True))
    if can_cache(spec, placement, spec.default_num_inference_steps or 1):
        accelerations.append(Acceleration(cache_threshold=SUGGESTED_THRESHOLD))
    return [acceleration for acceleration in accelerations if acceleration != PLAIN]
