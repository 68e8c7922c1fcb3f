"""The embedded model's autoencoder: the shipped one where numbers matter, a tiny one elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.mini import AutoencoderKinora
from pipeline.mini.autoencoder import _without_step, even_out_edges
from pipeline.models.registry import MODELS
from tests.tiny import tiny_mini_autoencoder

SHIPPED = Path(MODELS["kinora-mini"].repository) / "vae"


@pytest.fixture(scope="module", params=["tiny", "shipped"])
def vae(request: pytest.FixtureRequest) -> AutoencoderKinora:
    if request.param == "tiny":
        return tiny_mini_autoencoder()
    if not SHIPPED.is_dir():
        pytest.skip("the embedded model is not there")
    return AutoencoderKinora.from_pretrained(SHIPPED).eval()


def frames(num_frames: int, height: int = 64, width: int = 96) -> torch.Tensor:
    """Return a smooth moving clip (1, 3, F, H, W) in [-1, 1]."""
    t, y, x = torch.meshgrid(
        *(torch.linspace(0, 1, size) for size in (num_frames, height, width)), indexing="ij"
    )
    return torch.stack([(x + t).sin(), (y - t).cos(), (x * y + t).sin()])[None]


def latents(vae: AutoencoderKinora, num_latents: int) -> torch.Tensor:
    """Return random latents (1, C, T, 2, 3) as the decoder gets them."""
    generator = torch.Generator().manual_seed(num_latents)
    shape = (1, vae.config.latent_channels, num_latents, 2, 3)
    return vae.denormalize(torch.randn(shape, generator=generator))


@torch.no_grad()
@pytest.mark.parametrize("num_groups", [0, 1, 3])
def test_eight_k_plus_one_frames_have_k_plus_one_latents(
    vae: AutoencoderKinora, num_groups: int
) -> None:
    z = vae.encode(frames(8 * num_groups + 1)).latents
    assert z.shape == (1, vae.config.latent_channels, num_groups + 1, 2, 3)
    assert vae.decode(z).sample.shape == (1, 3, 8 * num_groups + 1, 64, 96)


@torch.no_grad()
def test_a_still_is_encoded_as_if_it_stood_for_eight_frames(vae: AutoencoderKinora) -> None:
    still = frames(1)
    held = vae.project(still.expand(-1, -1, 8, -1, -1))
    torch.testing.assert_close(vae.encode(still).latents, held, rtol=1e-4, atol=1e-3)


@torch.no_grad()
def test_a_latent_depends_on_its_own_eight_frames_only(vae: AutoencoderKinora) -> None:
    clip = frames(17)
    whole = vae.encode(clip).latents
    torch.testing.assert_close(whole[:, :, 2:], vae.project(clip[:, :, 9:]), rtol=1e-4, atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize("cuts", [[1], [3], [1, 2, 3, 4], [2, 4]])
def test_a_clip_decodes_to_the_same_frames_however_it_is_cut(
    vae: AutoencoderKinora, cuts: list[int]
) -> None:
    z = latents(vae, 5)
    whole = vae.decode(z).sample
    pieces, previous = [], None
    for piece in z.tensor_split(cuts, dim=2):
        pieces += vae.decode_stream(piece, previous=previous)
        previous = piece[:, :, -1]
    assert torch.equal(torch.cat(pieces, dim=2), whole)
    assert whole.shape[2] == 33


@torch.no_grad()
def test_a_latent_shows_in_its_own_frames_and_the_next_eight_and_nowhere_else(
    vae: AutoencoderKinora,
) -> None:
    z = latents(vae, 4)
    whole = vae.decode(z).sample
    for changed, first, last in ((0, 0, 8), (1, 1, 16), (3, 17, 24)):
        own = slice(first, first + 8 if changed else 1)
        other = z.clone()
        other[:, :, changed] *= 1.01
        is_same = (vae.decode(other).sample == whole).flatten(3).all(-1).all(1)[0]
        assert not is_same[own].any()
        assert is_same[:first].all()
        assert is_same[last + 1 :].all()


@torch.no_grad()
def test_the_stream_gives_one_frame_first_and_then_eight_at_a_time(vae: AutoencoderKinora) -> None:
    z = latents(vae, 3)
    assert [part.shape[2] for part in vae.decode_stream(z)] == [1, 8, 8]
    later = vae.decode_stream(z[:, :, 1:], previous=z[:, :, 0])
    assert [part.shape[2] for part in later] == [8, 8]


def stepped(step: float) -> torch.Tensor:
    """Return frames (1, 3, 1, 64, 96) that rise evenly, but by a step more at x = 32."""
    x = torch.linspace(-0.3, 0.3, 96).expand(1, 3, 1, 64, -1).clone()
    x[..., 32:] += step
    return x


def test_a_small_step_between_patches_is_evened_out_and_the_rest_stays() -> None:
    smooth = even_out_edges(stepped(0.1), 0.6)
    assert (smooth[..., 32] - smooth[..., 31]).abs().max() < 0.03
    assert torch.equal(smooth[..., :24], stepped(0.1)[..., :24])
    assert torch.equal(smooth[..., 40:], stepped(0.1)[..., 40:])
    turned = even_out_edges(stepped(0.1).transpose(3, 4), 0.6)
    torch.testing.assert_close(turned.transpose(3, 4), smooth)


def test_an_outline_between_patches_stays() -> None:
    torch.testing.assert_close(even_out_edges(stepped(1.5), 0.5), stepped(1.5), rtol=0, atol=1e-3)
    even = stepped(0.0)
    torch.testing.assert_close(even_out_edges(even, 0.6), even)


def drifting(error: float, num_frames: int = 10) -> torch.Tensor:
    """Frames (1, 3, F, 32, 32) of a gradient that moves on, with an error from the third one on."""
    clip = frames(80, 64, 64)[:, :, :num_frames] * 2
    noise = torch.rand(clip.shape[-2:], generator=torch.Generator().manual_seed(0)) - 0.5
    clip[:, :, 2:] += error * noise
    return clip


@pytest.mark.parametrize("error", [0.3, 0.5, 1.0])
def test_the_step_into_a_latent_frame_is_no_larger_than_those_after_it(error: float) -> None:
    clip = drifting(error)
    even = _without_step(clip[:, :, 2:], clip[:, :, :2], 1.0)
    steps = torch.cat([clip[:, :, 1:2], even], dim=2).diff(dim=2).abs().mean((0, 1, 3, 4))
    assert (clip[:, :, 2] - clip[:, :, 1]).abs().mean() > 2 * steps[1:].mean()
    assert 0.7 < steps[0] / steps[1:5].mean() < 1.15  # it looks at few pixels
    torch.testing.assert_close(even[:, :, -2:], clip[:, :, -2:])


def test_of_what_moves_evenly_nothing_is_taken_back() -> None:
    clip = drifting(0.0)
    even = _without_step(clip[:, :, 2:], clip[:, :, :2], 1.0)
    torch.testing.assert_close(even, clip[:, :, 2:], rtol=0, atol=2e-3)


@torch.no_grad()
def test_each_clip_of_a_batch_is_evened_out_for_itself() -> None:
    clip = torch.cat([drifting(0.0), drifting(1.0)])
    both = _without_step(clip[:, :, 2:], clip[:, :, :2], 1.0)
    for index in range(2):
        alone = clip[index : index + 1]
        torch.testing.assert_close(
            both[index : index + 1], _without_step(alone[:, :, 2:], alone[:, :, :2], 1.0)
        )


@torch.no_grad()
def test_the_basis_is_orthonormal_so_that_coding_twice_changes_nothing(
    vae: AutoencoderKinora,
) -> None:
    identity = torch.eye(len(vae.basis))
    torch.testing.assert_close(vae.basis @ vae.basis.T, identity, rtol=0, atol=1e-4)
    z = vae.project(frames(8))
    once = vae.decode_linear(z[:, :, 0])
    again = vae.decode_linear(vae.project(once)[:, :, 0])
    torch.testing.assert_close(again, once, rtol=0, atol=1e-3)


@torch.no_grad()
def test_the_basis_alone_gives_a_smooth_clip_back_nearly(vae: AutoencoderKinora) -> None:
    """A patch laid out in the wrong order would still be a projection, but not of this clip."""
    clip = frames(8)
    error = (vae.decode_linear(vae.project(clip)[:, :, 0]) - clip).square().mean()
    assert error < 0.01 * clip.square().mean()


def test_normalizing_is_undone(vae: AutoencoderKinora) -> None:
    z = latents(vae, 2)
    torch.testing.assert_close(vae.denormalize(vae.normalize(z)), z, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(vae.normalize(z)[:, :, 1], vae.normalize(z[:, :, 1]))
