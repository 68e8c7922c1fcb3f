"""Puts the switches that make a model faster on and off a loaded pipeline.

Which are on is `acceleration.py`'s decision. Off again, a pipeline gives the bits that it gave
before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

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
"""`load_blocks(transformer, repository)`: ZeroGPU's way to replace blocks by compiled ones."""
# What attention that is not here, or not for this card, raises: each library has its own.
_CANNOT_RUN = (RuntimeError, ValueError, TypeError, ImportError, AssertionError)


def apply_acceleration(
    pipe: DiffusionPipeline, before: Acceleration, acceleration: Acceleration
) -> None:
    """Put a pipeline's transformers from one set of switches to another; nobody may use it."""
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
    """List a pipeline's transformers: some have two experts."""
    parts = (getattr(pipe, name, None) for name in DENOISERS)
    return [part for part in parts if part is not None]


def check_settings(settings: AccelerationSettings, machine: Machine) -> AccelerationSettings:
    """Return the settings that this machine can follow, having tried what can fail.

    Raises KinoraError for attention that cannot run here.
    """
    if settings.attention != NATIVE:
        check_attention(settings.attention, machine)
    if settings.compiling == "auto" and machine.device == "cuda" and machine.has_compiler:
        return settings if can_build(machine.device) else replace(settings, compiling="off")
    return settings


def check_attention(name: str, machine: Machine) -> None:
    """Raise KinoraError if an attention backend does not exist, or cannot run on this machine.

    On ZeroGPU nobody can try it: the card is not there before a job is.
    """
    known = [backend.value for backend in AttentionBackendName]
    if name not in local_backends():
        why = "diffusers does not have"
        if name in known:
            why = "would load code from the Hub, or hold all scores at once"
        raise KinoraError(
            f"KINORA_ATTENTION is {name!r}, which {why}; "
            f"set it to one of {', '.join(local_backends())}."
        )
    if not machine.is_zero_gpu and not can_run(name, machine):
        raise KinoraError(
            f"KINORA_ATTENTION is {name!r}, which cannot run here: its package is missing, or it "
            f"is for other cards; set it to {NATIVE!r}, or leave it out."
        )


def local_backends() -> list[str]:
    """List the names of the attention backends that are offered, here or not.

    Those of the Hub load code; "flex" that is not compiled holds all scores at once.
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
        logger.info("attention %r cannot run here: %s", name, exc)
        return False


def can_build(device: str) -> bool:
    """Try to compile a line for a device: a compiler may be there and not work."""
    try:
        with compile_strictly():
            made = torch.compile(lambda x: (x * 2).relu())(torch.ones(8, device=device))
        return made.tolist() == [2.0] * 8
    except (RuntimeError, OSError):
        logger.warning("blocks are not compiled: a trial failed", exc_info=True)
        return False


def use_compiled_blocks(pipe: DiffusionPipeline, spec: ModelSpec, load_blocks: LoadBlocks) -> bool:
    """Replace blocks by those that a row names as compiled ahead of time; say whether that went.

    If it fails, now or at their first call, the plain blocks go on.
    """
    if spec.aot_blocks is None:
        return False
    try:
        for transformer in denoisers(pipe):
            load_blocks(transformer, spec.aot_blocks)
    except (OSError, HTTPError, EntryNotFoundError, RuntimeError, ValueError, ImportError):
        logger.warning("%s: plain blocks, %s failed", spec.id, spec.aot_blocks, exc_info=True)
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
    """Return a block's compiled call, which gives way to the plain one when it fails.

    It is read at the first call only. Compiled for another size it may fail, or give that size.
    """

    def forward(*args: object, **kwargs: object) -> torch.Tensor:
        tokens = args[0] if args else kwargs["hidden_states"]
        try:
            made = compiled(*args, **kwargs)
            if made.shape == tokens.shape:
                return made
            raise RuntimeError(f"{tuple(made.shape)} came of {tuple(tokens.shape)}")
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as exc:
            if not failures:
                logger.warning("compiled blocks fail: they are computed plainly", exc_info=True)
                failures.append(exc)
            return type(block).forward(block, *args, **kwargs)

    return forward


def _set_attention(transformer: ModelMixin, name: str) -> None:
    """Choose a transformer's attention; that of the process stays as it is.

    diffusers would set it for all that is loaded later as well, and never back (issue 14249).
    """
    if name == NATIVE:
        transformer.reset_attention_backend()
        return
    with attention_backend(NATIVE):  # which puts back on leaving what it found
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
