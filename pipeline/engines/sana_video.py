"""Sana-Video: five seconds from a prompt or a picture, with Wan's autoencoder."""

from __future__ import annotations

import inspect

from diffusers import DiffusionPipeline, SanaImageToVideoPipeline, SanaVideoPipeline

from pipeline.engines.pipeline_call import Family, GivenFrames
from pipeline.engines.wan import decode, encode
from pipeline.runtime.prompt_cache import Embeds

# Prompts of its training end with how much moves; this is what its authors use (model card).
_MOTION = " motion score: 30."
# The pipeline puts this text before each prompt; the text encoder was used so in training.
_INSTRUCTION = inspect.signature(SanaVideoPipeline.__call__).parameters["complex_human_instruction"]


def encode_prompt(
    pipe: DiffusionPipeline,
    prompt: str,
    negative_prompt: str,
    is_guided: bool,
    max_sequence_length: int,
) -> Embeds:
    """Encode the prompt, and the negative prompt if guidance is on.

    Returns embeddings (1, L, D) and a mask (1, L) for each.
    """
    encoded = pipe.encode_prompt(
        prompt + _MOTION,
        do_classifier_free_guidance=is_guided,
        negative_prompt=negative_prompt,
        max_sequence_length=max_sequence_length,
        complex_human_instruction=_INSTRUCTION.default,
    )
    return tuple(x for x in encoded if x is not None)


def condition(
    pipe: DiffusionPipeline, given_frames: GivenFrames
) -> tuple[DiffusionPipeline, dict[str, object]]:
    """Pass the last given frame as the first picture, to the pipeline with the same parts for it.

    Sizes are used as they are, not replaced by the nearest one of a list.
    """
    arguments: dict[str, object] = {"use_resolution_binning": False, "negative_prompt": None}
    if given_frames.latents is not None:
        arguments["latents"] = given_frames.latents
    if not given_frames.start:
        return pipe, arguments
    from_picture = SanaImageToVideoPipeline(**pipe.components)
    from_picture.set_progress_bar_config(disable=True)
    return from_picture, arguments | {"image": given_frames.start[-1]}


SANA_VIDEO = Family(
    (
        "prompt_embeds",
        "prompt_attention_mask",
        "negative_prompt_embeds",
        "negative_prompt_attention_mask",
    ),
    encode_prompt,
    condition,
    decode,
    encode,
    frames_argument="frames",
)
