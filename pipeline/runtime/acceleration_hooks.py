"""Applies optimizations to a loaded pipeline and removes them again.

`acceleration.py` decides which ones. After removal a pipeline gives the same output bit for bit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import cast

import torch
from diffusers import (
    DiffusionPipeline,
    FirstBlockCacheConfig,
)
from diffusers.models import ModelMixin
from diffusers.models.attention_dispatch import (
    AttentionBackendName,
    attention_backend,
    dispatch_attention_fn,
)
from huggingface_hub.errors import EntryNotFoundError, HTTPError

from pipeline.errors import KinoraError
from pipeline.models.compute_cost import DENOISERS
from pipeline.models.spec import ModelSpec
from pipeline.runtime.acceleration import NATIVE, Acceleration, AccelerationSettings
from pipeline.runtime.device import Machine
from pipeline.runtime.private_api import (
    compile_leniently,
    compile_strictly,
    drop_compiled,
    repeated_blocks,
    share_tokens,
)

logger = logging.getLogger(__name__)
LoadBlocks = Callable[[torch.nn.Module, str], None]
"""`load_blocks(transformer, repository)`: replaces blocks with compiled ones, on ZeroGPU."""
# Errors of attention backends that are not installed or do not support this GPU; each library has
# its own.
_CANNOT_RUN = (RuntimeError, ValueError, TypeError, ImportError, AssertionError)


def apply_acceleration(
    pipe: DiffusionPipeline, before: Acceleration, acceleration: Acceleration
) -> None:
    """Change a pipeline's optimizations from `before`; it must not be in use meanwhile."""
    for transformer in denoisers(pipe):
        if acceleration.attention != before.attention:
            _set_attention(transformer, acceleration.attention)
        if acceleration.cache_threshold != before.cache_threshold:
            _set_cache(transformer, acceleration.cache_threshold)
        if acceleration.is_compiled != before.is_compiled:
            _set_compiled(transformer, acceleration.is_compiled)
        if acceleration.num_gpus != before.num_gpus:
            share_tokens(transformer, acceleration.num_gpus)


def denoisers(pipe: DiffusionPipeline) -> list[ModelMixin]:
    """List a pipeline's transformers; some pipelines have two experts."""
    parts = (getattr(pipe, name, None) for name in DENOISERS)
    return [part for part in parts if part is not None]


def check_settings(settings: AccelerationSettings, machine: Machine) -> AccelerationSettings:
    """Return the settings that work on this machine, after trying out those that can fail.

    Raises KinoraError if the attention backend cannot run here.
    """
    if settings.attention != NATIVE:
        check_attention(settings.attention, machine)
    if settings.compiling == "auto" and machine.device == "cuda" and machine.has_compiler:
        return settings if can_build(machine.device) else replace(settings, compiling="off")
    return settings


def check_attention(name: str, machine: Machine) -> None:
    """Raise KinoraError if an attention backend does not exist or cannot run on this machine.

    On ZeroGPU it is not tried out, because there is no GPU before a job starts.
    """
    known = [backend.value for backend in AttentionBackendName]
    if name not in local_backends():
        why = "diffusers does not have"
        if name in known:
            why = "would load code from the Hub, or hold all attention scores in memory"
        raise KinoraError(
            f"KINORA_ATTENTION is {name!r}, which {why}; "
            f"set it to one of {', '.join(local_backends())}."
        )
    if not machine.is_zero_gpu and not can_run(name, machine):
        raise KinoraError(
            f"KINORA_ATTENTION is {name!r}, which cannot run here: its package is missing, or it "
            f"does not support this GPU; set it to {NATIVE!r}, or leave it out."
        )


def local_backends() -> list[str]:
    """List the attention backends that Kinora offers, installed or not.

    Backends from the Hub load code; "flex", when it is not compiled, holds all attention scores in
    memory. Neither is offered.
    """
    names = (backend.value for backend in AttentionBackendName)
    return [name for name in names if name != "flex" and not name.endswith("_hub")]


def can_run(name: str, machine: Machine) -> bool:
    """Try an attention backend on the machine's device."""
    dtype = torch.bfloat16 if machine.has_fast_bf16 else torch.float32
    try:
        x = torch.ones(1, 128, 2, 64, device=machine.device, dtype=dtype)  # (B, S, heads, D)
        with attention_backend(name):
            return bool(dispatch_attention_fn(x, x, x).isfinite().all())
    except _CANNOT_RUN as exc:
        logger.info("Attention backend %r cannot run here: %s", name, exc)
        return False


def can_build(device: str) -> bool:
    """Try to compile one line for a device: an installed compiler may not work."""
    try:
        with compile_strictly():
            result = torch.compile(lambda x: (x * 2).relu())(torch.ones(8, device=device))
        return result.tolist() == [2.0] * 8
    except (RuntimeError, OSError):
        logger.warning("Compiling is turned off: a test compilation failed", exc_info=True)
        return False


def use_compiled_blocks(pipe: DiffusionPipeline, spec: ModelSpec, load_blocks: LoadBlocks) -> bool:
    """Replace blocks with the ahead-of-time compiled ones that a row names; say if it worked.

    If they fail, now or at their first call, the plain blocks are used.
    """
    if spec.aot_blocks is None:
        return False
    try:
        for transformer in denoisers(pipe):
            load_blocks(transformer, spec.aot_blocks)
    except (OSError, HTTPError, EntryNotFoundError, RuntimeError, ValueError, ImportError):
        logger.warning(
            "%s uses plain blocks: loading %s failed", spec.id, spec.aot_blocks, exc_info=True
        )
        for block in _all_blocks(pipe):
            vars(block).pop("forward", None)
        return False
    failures: list[RuntimeError] = []
    for block in _all_blocks(pipe):
        block.forward = _or_plain(block, block.forward, failures)
    return True


def _or_plain(
    block: torch.nn.Module,
    compiled: Callable[..., torch.Tensor],
    failures: list[RuntimeError],
) -> Callable[..., torch.Tensor]:
    """Return a block's compiled call with a fallback to the plain one.

    The compiled code is loaded at the first call. If it was compiled for another size it may fail,
    or return a tensor of that size.
    """

    def forward(*args: object, **kwargs: object) -> torch.Tensor:
        given = args[0] if args else kwargs["hidden_states"]
        tokens = cast("torch.Tensor", given)  # (B, S, D)
        try:
            output = compiled(*args, **kwargs)
            if output.shape == tokens.shape:
                return output
            raise RuntimeError(f"shape {tuple(output.shape)} for input {tuple(tokens.shape)}")
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as exc:
            if not failures:
                logger.warning("Compiled blocks failed: using plain blocks", exc_info=True)
                failures.append(exc)
            return type(block).forward(block, *args, **kwargs)

    return forward


def _set_attention(transformer: ModelMixin, name: str) -> None:
    """Set a transformer's attention backend without changing the process's default.

    diffusers would also set it for everything loaded later (issue 14249).
    """
    if name == NATIVE:
        transformer.reset_attention_backend()
        return
    with attention_backend(NATIVE):  # restores the previous default on exit
        transformer.set_attention_backend(name)


def _set_cache(transformer: ModelMixin, threshold: float) -> None:
    if transformer.is_cache_enabled:
        transformer.disable_cache()
    if threshold:
        transformer.enable_cache(FirstBlockCacheConfig(threshold=threshold))


def _set_compiled(transformer: ModelMixin, is_compiled: bool) -> None:
    if is_compiled:
        compile_leniently()
        transformer.compile_repeated_blocks()
        return
    for block in repeated_blocks(transformer):
        drop_compiled(block)


def _all_blocks(pipe: DiffusionPipeline) -> Iterator[torch.nn.Module]:
    return (block for transformer in denoisers(pipe) for block in repeated_blocks(transformer))
