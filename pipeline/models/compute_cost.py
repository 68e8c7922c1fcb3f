"""Computes the cost and time of a denoising step. Pure arithmetic, not measured.

Only the parameter count of a transformer is used: its width and number of blocks follow from it.
"""

from __future__ import annotations

from pipeline.models.spec import ModelSpec

DENOISERS = ("transformer", "transformer_2")
# A transformer has 16 width^2 weights per block and about width / 85 blocks. Computed widths (and
# real ones): LTX-Video 2B 2170 (2048), 13B 4110 (4096), Wan 5B 2990 (3072), Wan 14B 4210 (5120).
_BLOCKS_PER_WIDTH = 1 / 85
_WEIGHTS_PER_BLOCK = 16
# Assumed: the least time of a call, however small.
MIN_SECONDS_PER_STEP = 0.1
# Operations per second of half a GPU, which is ZeroGPU's "large" size. A cautious assumption: an
# H100 reaches about 400 trillion in bfloat16.
ZERO_GPU_SPEED = 150e12


def transformer_width(spec: ModelSpec) -> float:
    """Estimate the channels of the largest transformer; 0 for a model without one."""
    return (_num_parameters(spec) / (_WEIGHTS_PER_BLOCK * _BLOCKS_PER_WIDTH)) ** (1 / 3)


def num_tokens(spec: ModelSpec, width: int, height: int, num_latents: int) -> int:
    """Count the transformer's tokens in a call; width and height are in pixels."""
    side = spec.token_pixels or spec.spatial
    return num_latents * (height // side) * (width // side)


def seconds_per_step(
    spec: ModelSpec, tokens: int, guidance_scale: float, operations_per_second: float
) -> float:
    """Return the seconds of a denoising step: every weight for every token, plus attention.

    With guidance, a step is two calls.
    """
    channels = transformer_width(spec)
    attention = 4 * tokens**2 * channels * (channels * _BLOCKS_PER_WIDTH)
    call = (2 * _num_parameters(spec) * tokens + attention) / operations_per_second
    return max(call * (2 if guidance_scale > 1 else 1), MIN_SECONDS_PER_STEP)


def _num_parameters(spec: ModelSpec) -> int:
    sizes = (part.num_parameters for name, part in spec.parts.items() if name in DENOISERS)
    return max(sizes, default=0)
