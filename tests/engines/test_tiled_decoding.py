"""A shot decoded as a stream: the same frames as the whole, in the memory of a piece."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.models import AutoencoderKLLTXVideo

from pipeline.engines.tiled_decoding import decode_shot
from pipeline.runtime.model_cache import ModelCache
from tests.tiny import CPU, LTX, tiny_models


@pytest.fixture
def vae(folder: Path) -> AutoencoderKLLTXVideo:
    vae = ModelCache(CPU, tiny_models(folder)).load(LTX).pipe.vae
    vae.disable_tiling()
    return vae


TIMESTEP = torch.tensor([0.05])


def latents(num_latents: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, 8, num_latents, 2, 3, generator=generator)


def decode(vae: AutoencoderKLLTXVideo, z: torch.Tensor, *, in_pieces: bool) -> list[torch.Tensor]:
    with torch.no_grad():
        return list(decode_shot(vae, z, TIMESTEP, in_pieces=in_pieces))


@pytest.mark.parametrize("num_latents", [1, 2, 3, 4, 9])
def test_the_pieces_are_the_frames_of_diffusers_own_framewise_decoding(
    vae: AutoencoderKLLTXVideo, num_latents: int
) -> None:
    z = latents(num_latents)
    pieces = decode(vae, z, in_pieces=True)
    vae.use_framewise_decoding = True
    with torch.no_grad():
        expected = vae.decode(z, TIMESTEP, return_dict=False)[0]
    frames = torch.cat(pieces, dim=2)
    assert frames.shape[2] == 8 * num_latents - 7
    assert torch.equal(frames, expected)


def test_no_piece_is_longer_than_another_however_long_the_shot_is(
    vae: AutoencoderKLLTXVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    own_decode = type(vae).decode

    def watch(self: object, z: torch.Tensor, *args: object, **options: object) -> object:
        seen.append(z.shape[2])
        return own_decode(self, z, *args, **options)

    monkeypatch.setattr(type(vae), "decode", watch)
    pieces = decode(vae, latents(12), in_pieces=True)
    assert max(seen) == 3
    assert [piece.shape[2] for piece in pieces] == [9, *[8] * 10]


@pytest.mark.parametrize("num_fitting", [0, 1, 3])
@pytest.mark.parametrize("in_pieces", [True, False])
def test_where_memory_is_short_a_shot_is_decoded_in_pieces_and_the_rest_on_the_processor(
    vae: AutoencoderKLLTXVideo,
    monkeypatch: pytest.MonkeyPatch,
    in_pieces: bool,
    num_fitting: int,
) -> None:
    """The card's memory is what is missing here; the decoding is real."""
    z, sizes = latents(6), []
    expected = torch.cat(decode(vae, z, in_pieces=True), dim=2)
    own_decode = type(vae).decode

    def fail(self: object, z: torch.Tensor, *args: object, **options: object) -> object:
        if self is vae:
            sizes.append(z.shape[2])
            if z.shape[2] > 3 or sizes.count(3) > num_fitting:
                raise torch.OutOfMemoryError
        return own_decode(self, z, *args, **options)

    monkeypatch.setattr(type(vae), "decode", fail)
    frames = torch.cat(decode(vae, z, in_pieces=in_pieces), dim=2)
    assert sizes == [*([] if in_pieces else [6]), *[3] * (num_fitting + 1)]
    np.testing.assert_allclose(frames.numpy(), expected.numpy(), atol=1e-5)
