"""The embedded model's engine at its edges: frames into latents, and latents into frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.engines.base import WindowContext
from pipeline.mini.engine import MiniEngine
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.model_cache import ModelCache
from tests.tiny import CPU, MINI, tiny_models

WIDTH, HEIGHT = 96, 64  # 3 x 2 latents


@pytest.fixture(scope="module")
def model(folder: Path) -> LoadedModel:
    return ModelCache(CPU, tiny_models(folder)).load(MINI)


def test_a_picture_survives_encoding_and_decoding_in_its_colours(model: LoadedModel) -> None:
    """A picture of one colour is in the span of the waves, so that it comes back as it was."""
    frame = np.empty((1, HEIGHT, WIDTH, 3), np.uint8)
    frame[:] = (200, 90, 30)
    engine, vae = MiniEngine(model, width=WIDTH, height=HEIGHT), model.pipe.vae
    with torch.no_grad():
        z = vae.denormalize(engine.encode(frame, torch.Generator()))
        back = vae.decode_linear(z[:, :, 0])
    colours = back.mean(dim=(0, 2, 3, 4)) * 127.5 + 127.5
    assert colours.tolist() == pytest.approx([200, 90, 30], abs=0.5)


def test_the_preview_is_a_small_picture_of_what_is_there(model: LoadedModel) -> None:
    engine = MiniEngine(model, width=1024, height=512)
    frame = np.full((1, 512, 1024, 3), 200, np.uint8)
    preview = engine.preview(engine.encode(frame, torch.Generator()))
    assert preview.shape == (160, 320, 3)
    assert preview.dtype == np.uint8
    assert np.abs(preview.astype(int) - 200).max() <= 1


def test_latents_that_continue_others_give_eight_frames_each(model: LoadedModel) -> None:
    engine = MiniEngine(model, width=WIDTH, height=HEIGHT)
    channels = model.pipe.vae.config.latent_channels
    z = torch.randn(1, channels, 4, 2, 3, generator=torch.Generator().manual_seed(0))
    whole = np.concatenate(list(engine.decode_shot(WindowContext(is_start=True), [z])))
    assert len(whole) == 25
    for num_previous in (1, 2, 3):
        given = WindowContext(is_start=True, before=z[:, :, :num_previous])
        frames = np.concatenate(list(engine.decode_shot(given, [z[:, :, num_previous:]])))
        assert len(frames) == 8 * (4 - num_previous)
        np.testing.assert_array_equal(frames, whole[1 - len(whole) + 8 * (num_previous - 1) :])
