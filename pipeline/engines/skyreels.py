"""SkyReels V2 with diffusion forcing: long shots, forward only, with Wan's autoencoder."""

from __future__ import annotations

from diffusers import (
    DiffusionPipeline,
    SkyReelsV2DiffusionForcingImageToVideoPipeline,
    SkyReelsV2DiffusionForcingVideoToVideoPipeline,
)

from pipeline.engines import wan
from pipeline.engines.pipeline_call import Family, GivenFrames


def condition_on_start(
    pipe: DiffusionPipeline, given_frames: GivenFrames
) -> tuple[DiffusionPipeline, dict[str, object]]:
    """Choose the pipeline and arguments for a given picture, or for the last frames of a clip.

    `base_num_frames` is the window's length: with its default the pipeline makes no frames of a
    shorter window.
    """
    whole: dict[str, object] = {"base_num_frames": given_frames.num_frames}
    if not given_frames.start:
        return pipe, whole
    given: dict[str, object]
    if len(given_frames.start) == 1:
        kind = SkyReelsV2DiffusionForcingImageToVideoPipeline
        given = {"image": given_frames.start[0]}
    else:
        kind = SkyReelsV2DiffusionForcingVideoToVideoPipeline
        given = {"video": list(given_frames.start), "overlap_history": len(given_frames.start)}
    pipe = kind(**pipe.components)
    pipe.set_progress_bar_config(disable=True)
    return pipe, whole | given


SKYREELS = Family(
    wan.PROMPT_ARGUMENTS, wan.encode_prompt, condition_on_start, wan.decode, wan.encode
)
