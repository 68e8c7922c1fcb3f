"""The embedded model's transformer: LTX-Video's, guided along the paths of its scene."""

from __future__ import annotations

from collections.abc import Sequence

import torch

# ModelMixin is not used: a class of another package is loaded by name only if its module has the
# base class too that diffusers knows how to load.
from diffusers import LTXVideoTransformer3DModel, ModelMixin  # noqa: F401
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from torch import nn

from pipeline.mini.guide import Guide
from pipeline.mini.portraits import Portraits
from pipeline.mini.tracks import TRACK_COLUMNS

_KNOWS_VIEW = TRACK_COLUMNS.index("knows view")
_SOONEST = 1e-3  # of the time from 1 to 0; what is given is at 0 and does not move


class GuidedLTXTransformer3DModel(LTXVideoTransformer3DModel):
    """`LTXVideoTransformer3DModel` that is told where each token is, beside a guide and portraits.

    Rotary embeddings only say how far apart two tokens are. A large model finds out from them what
    is up and down, and from noise where to put its subject; this small one did not. `video_coords`
    has to be given, `tracks` (B, T, 27) should be: see `guide_features`. Of a scene that is staged
    a guide guesses the land, each token from its place and the words (the first `num_slots` tokens
    of the prompt), and portraits show who is in it: see `bodies`. That is all of such a scene. Of a
    picture or a clip from elsewhere the guess is what was given, moved along with the camera (see
    `recall`), and what that leaves open is for the transformer, once it is trained.

    With `latent_deviations`, one for each channel of normalized latents, the linear part of the
    velocity is known in closed form and added (Karras et al. 2022, for a flow).
    """

    @register_to_config
    def __init__(
        self,
        in_channels: int = 96,
        out_channels: int = 96,
        patch_size: int = 1,
        patch_size_t: int = 1,
        num_attention_heads: int = 4,
        attention_head_dim: int = 64,
        cross_attention_dim: int = 256,
        num_layers: int = 6,
        caption_channels: int = 128,
        num_slots: int = 13,
        guide_width: int = 512,
        guide_depth: int = 3,
        atlas_features: int = 16,
        log_atlas_rows: int = 16,
        portraits_width: int = 320,
        portraits_depth: int = 3,
        portraits_layers: int = 10,
        latent_deviations: Sequence[float] | None = None,  # noqa: ARG002
    ) -> None:
        super().__init__(
            in_channels=in_channels,
            out_channels=out_channels,
            patch_size=patch_size,
            patch_size_t=patch_size_t,
            num_attention_heads=num_attention_heads,
            attention_head_dim=attention_head_dim,
            cross_attention_dim=cross_attention_dim,
            num_layers=num_layers,
            caption_channels=caption_channels,
        )
        width = num_attention_heads * attention_head_dim
        self.guide = Guide(
            num_slots * caption_channels,
            guide_width,
            guide_depth,
            width,
            in_channels,
            (atlas_features, log_atlas_rows),
        )
        self.portraits = Portraits(
            caption_channels, portraits_width, portraits_depth, portraits_layers
        )
        self.proj_in = nn.Linear(2 * in_channels + width, width)

    def foresee(
        self,
        encoder_hidden_states: torch.Tensor,
        video_coords: torch.Tensor,
        tracks: torch.Tensor | None,
        size: tuple[int, int] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the guide tells each token (B, S, D), and the latents of land (B, S, C).

        Of the words those of bodies are to be left out.

        It depends on the noise in nothing: one look would do for all steps of a window.
        """
        if tracks is None:
            tracks = video_coords.new_zeros(len(video_coords), 1, len(TRACK_COLUMNS))
        slots = encoder_hidden_states[:, : self.config.num_slots].flatten(1)
        told, guess = self.guide(video_coords, tracks, slots, size)
        return told, guess * self._deviations(guess)

    def _deviations(self, x: torch.Tensor) -> torch.Tensor:
        known = self.config.latent_deviations
        return x.new_ones(()) if known is None else x.new_tensor(known)

    def forward(
        self,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        timestep: torch.Tensor,
        *args: object,
        video_coords: torch.Tensor,
        tracks: torch.Tensor | None = None,
        recalled: torch.Tensor | None = None,
        return_dict: bool = True,
        **kwargs: object,
    ) -> Transformer2DModelOutput | tuple[torch.Tensor]:
        """Predict the velocity (B, S, C), as the parent does; all other arguments are the parent's.

        `recalled` (B, S, C) takes the place of the guide's guess.
        """
        answers = not _is_staged(tracks) and (
            self.proj_out.weight.any() or self.proj_out.bias.any() or torch.is_grad_enabled()
        )
        if answers or recalled is None:
            told, guess = self.foresee(encoder_hidden_states, video_coords, tracks)
        if recalled is not None:
            guess = recalled.to(hidden_states.dtype)
        t = (timestep.to(guess.dtype) / 1000)[..., None]  # (B, S or 1, 1)
        if not answers:  # nothing is left open: straight there, in however many steps
            velocity = (hidden_states - guess) / t.clamp(min=_SOONEST)
            return Transformer2DModelOutput(sample=velocity) if return_dict else (velocity,)
        # The latents are taken for normal about the guess; the noise for standard normal.
        deviation = self._deviations(guess)
        variance = ((1 - t) * deviation) ** 2 + t**2
        x = hidden_states - (1 - t) * guess
        known = (t - (1 - t) * deviation**2) / variance * x - guess
        # In: the likeliest rest of the latents, so that noise never drowns what the guide tells.
        x = (1 - t) * deviation / variance * x
        answer = super().forward(
            torch.cat([x, told, guess / deviation], dim=-1),
            encoder_hidden_states,
            timestep,
            *args,
            video_coords=video_coords,
            return_dict=False,
            **kwargs,
        )[0]
        velocity = known + deviation * variance.rsqrt() * answer
        return Transformer2DModelOutput(sample=velocity) if return_dict else (velocity,)


def _is_staged(tracks: torch.Tensor | None) -> bool:
    """Say whether tracks (B, T, D) are of a scene whose land is known."""
    return tracks is not None and bool((tracks[..., _KNOWS_VIEW] > 0).any())
