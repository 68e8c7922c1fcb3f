"""How much computing a denoising step is, and how long it takes. Pure arithmetic, not measured.

A transformer is known here by its parameters alone: of that many a video transformer has a certain
width, and as many blocks as go with it.
"""

from __future__ import annotations

from pipeline.models.spec import ModelSpec

DENOISERS = ("transformer", "transformer_2")
# A transformer has 16 width^2 weights a block, and about width / 85 blocks: that gives 2170 for
# LTX-Video 2B (2048), 4110 for 13B (4096), 2990 for Wan 5B (3072), 4210 for Wan 14B (5120).
_BLOCKS_PER_WIDTH = 1 / 85
_WEIGHTS_PER_BLOCK = 16
# Assumed: what a call takes however small it is.
MIN_SECONDS_PER_STEP = 0.1
# Multiplications and additions a second, of half a card as ZeroGPU's "large" is. Assumed, on the
# safe side: an H100 reaches about 400 trillion in bfloat16.
ZERO_GPU_SPEED = 150e12


def transformer_width(spec: ModelSpec) -> float:
    """Return about how many channels the largest transformer has; 0 for a model without one."""
    return (_num_parameters(spec) / (_WEIGHTS_PER_BLOCK * _BLOCKS_PER_WIDTH)) ** (1 / 3)


def num_tokens(spec: ModelSpec, width: int, height: int, num_latents: int) -> int:
    """Count what the transformer sees of a call, of a size in pixels."""
    side = spec.token_pixels or spec.spatial
    return num_latents * (height // side) * (width // side)


def seconds_per_step(
    spec: ModelSpec, tokens: int, guidance_scale: float, operations_per_second: float
) -> float:
    """Return how long a denoising step takes: every weight for every token, and attention.

    With guidance a step is two calls.
    """
    channels = transformer_width(spec)
    attention = 4 * tokens**2 * channels * (channels * _BLOCKS_PER_WIDTH)
    call = (2 * _num_parameters(spec) * tokens + attention) / operations_per_second
    return max(call * (2 if guidance_scale > 1 else 1), MIN_SECONDS_PER_STEP)


def _num_parameters(spec: ModelSpec) -> int:
    sizes = (part.num_parameters for name, part in spec.parts.items() if name in DENOISERS)
    return max(sizes, default=0)
