"""Sana-Video: what its pipelines are told, against diffusers' own calls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import SanaImageToVideoPipeline
from PIL import Image

from pipeline.engines import open_engine
from pipeline.engines.base import SamplingParams, WindowContext
from pipeline.models.registry import MODELS
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.model_cache import ModelCache
from tests.engines.remixes import check_remixes
from tests.tiny import CPU, picture
from tests.tiny_families import SANA, save_tiny_family

SIDE = 64
ASKED = SamplingParams(seed=5, num_inference_steps=2, guidance_scale=3.0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp(SANA)
    save_tiny_family(SANA, folder)
    row = replace(MODELS[SANA], repository=str(folder), revision=None, max_sequence_length=32)
    model_cache = ModelCache(CPU, {SANA: row})
    # Its text encoder stays: diffusers' own calls are made too.
    model_cache.hold(SANA, replace(model_cache.placement(SANA), offload="none"))
    return model_cache.load(SANA)


@pytest.mark.parametrize("has_picture", [False, True])
def test_a_window_is_what_diffusers_own_call_makes(model: LoadedModel, has_picture: bool) -> None:
    engine = open_engine(model, width=SIDE, height=SIDE)
    given, pipe, image = WindowContext(is_start=True), model.pipe, {}
    if has_picture:
        before = engine.encode(picture(SIDE, SIDE)[np.newaxis], torch.Generator())
        given = WindowContext(is_start=True, before=before, is_picture=True)
        pipe = SanaImageToVideoPipeline(**model.pipe.components)
        image = {"image": Image.fromarray(picture(SIDE, SIDE))}
    prompt = engine.encode_prompt("a red car", "a boat", 3.0)
    part = engine.make(5 - given.num_before, prompt, given, ASKED)
    shown = np.concatenate(list(engine.decode_shot(given, [part])))
    own = pipe(
        prompt="a red car motion score: 30.",
        negative_prompt="a boat",
        height=SIDE,
        width=SIDE,
        frames=17,
        num_inference_steps=2,
        guidance_scale=3.0,
        max_sequence_length=32,
        use_resolution_binning=False,
        generator=torch.Generator().manual_seed(5),
        output_type="np",
        **image,
    )
    assert shown.shape == (17, SIDE, SIDE, 3)
    assert np.abs(shown.astype(int) - np.rint(own.frames[0] * 255)).max() <= 1


@pytest.mark.parametrize("num_given", [0, 1])
def test_a_remix_starts_from_the_latents_of_its_clip(model: LoadedModel, num_given: int) -> None:
    check_remixes(open_engine(model, width=SIDE, height=SIDE), ASKED, num_given=num_given)
