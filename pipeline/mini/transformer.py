"""The embedded model's transformer: LTX-Video's, told where in the picture each token is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

# ModelMixin is not used: a class of another package is loaded by name only if its module has the
# base class too that diffusers knows how to load.
from diffusers import LTXVideoTransformer3DModel, ModelMixin  # noqa: F401
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from torch import nn

_NUM_FREQUENCIES = 6
NUM_PLACE_FEATURES = 4 * _NUM_FREQUENCIES + 2


def place_features(video_coords: torch.Tensor, patch_size: int = 32) -> torch.Tensor:
    """Describe where tokens are: coordinates (B, 3, S) in seconds and pixels -> (B, S, 26).

    Waves over the share of the height and of the width, the shape of the picture, and whether the
    token belongs to a clip's first frame.
    """
    seconds, y, x = video_coords.unbind(1)  # (B, S)
    height = y.amax(1, keepdim=True) + patch_size
    width = x.amax(1, keepdim=True) + patch_size
    waves = math.pi * torch.arange(1, _NUM_FREQUENCIES + 1, device=y.device)
    down = ((y + patch_size / 2) / height)[..., None] * waves  # (B, S, K)
    across = ((x + patch_size / 2) / width)[..., None] * waves
    shape = (width / height).log().expand_as(y)
    flags = torch.stack([shape, (seconds == 0).to(shape.dtype)], dim=-1)
    return torch.cat([down.sin(), down.cos(), across.sin(), across.cos(), flags], dim=-1)


class PlacedLTXTransformer3DModel(LTXVideoTransformer3DModel):
    """`LTXVideoTransformer3DModel` whose input projection also reads each token's place.

    Rotary embeddings only say how far apart two tokens are. A large model finds out from them what
    is up and down; this small one did not: after ten thousand pictures its colours were right and
    lay all over the picture. `video_coords` has to be given, as `LTXConditionPipeline` does.

    With `latent_deviations`, one for each channel of normalized latents, what the blocks see and
    what they have to answer has unit variance in every channel at every time: the linear part of
    the velocity is known in closed form and added (Karras et al. 2022, for a flow).
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
        self.proj_in = nn.Linear(
            in_channels + NUM_PLACE_FEATURES, num_attention_heads * attention_head_dim
        )

    def forward(
        self,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        timestep: torch.Tensor,
        *args: object,
        video_coords: torch.Tensor,
        return_dict: bool = True,
        **kwargs: object,
    ) -> Transformer2DModelOutput | tuple[torch.Tensor]:
        """Predict the velocity (B, S, C), as the parent does; all arguments are the parent's."""
        skip, gain, x = 0.0, 1.0, hidden_states
        if self.config.latent_deviations is not None:
            t = (timestep.to(x.dtype) / 1000)[..., None]  # (B, S or 1, 1)
            deviation = x.new_tensor(self.config.latent_deviations)
            variance = ((1 - t) * deviation) ** 2 + t**2
            skip = (t - (1 - t) * deviation**2) / variance * x
            gain, x = deviation * variance.rsqrt(), x * variance.rsqrt()
        places = place_features(video_coords).to(x.dtype)
        answer = super().forward(
            torch.cat([x, places], dim=-1),
            encoder_hidden_states,
            timestep,
            *args,
            video_coords=video_coords,
            return_dict=False,
            **kwargs,
        )[0]
        velocity = skip + gain * answer
        return Transformer2DModelOutput(sample=velocity) if return_dict else (velocity,)
