"""What remixes by latents have to do, for every family that claims them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from pipeline.engines.base import SamplingParams, WindowContext
from pipeline.engines.pipeline_call import PipelineCallEngine
from tests.tiny import picture


def check_remixes(
    engine: PipelineCallEngine, asked: SamplingParams, *, num_latents: int = 3, num_given: int = 0
) -> None:
    """Check that a window is its clip at no strength, and the words' own at full strength.

    With `num_given`, the window continues from so many frames of the clip.
    """
    side = 64
    num_frames = (num_latents - 1) * 4 + 1 if not num_given else num_given + num_latents * 4
    bright = np.linspace(0.3, 1, num_frames)[:, None, None, None]
    frames = (picture(side, side) * bright).astype(np.uint8)
    source = engine.encode_source(frames, num_latents)
    before = engine.encode(frames[:num_given], torch.Generator()) if num_given else None
    context = WindowContext(is_start=True, before=before)
    prompt = engine.encode_prompt("a red car", "a boat", asked.guidance_scale)
    steps = []

    def make(**how: object) -> torch.Tensor:
        steps.append(0)
        params = replace(asked, num_inference_steps=10, **how)

        def on_step(step: int, _latents: torch.Tensor) -> None:
            steps[-1] = step

        return engine.make(num_latents, prompt, context, params, on_step)

    pixels = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    shown = engine._family.encode(engine.model.pipe, pixels).float()
    remixes = [make(source=source, strength=x) for x in (0.002, 0.3, 0.8)]
    words = make()
    assert {x.shape for x in remixes} == {words.shape} == {shown.shape}
    far = [(x - shown).square().mean().sqrt().item() for x in (*remixes, words)]
    assert far[0] < 0.05 * shown.std()
    assert far[0] < far[1] < far[2]
    assert 1 == steps[0] <= steps[1] < steps[2] <= steps[3] == 10
    torch.testing.assert_close(make(source=source, strength=0.3), remixes[1])
    torch.testing.assert_close(make(), words)  # the model's own steps are as they were
