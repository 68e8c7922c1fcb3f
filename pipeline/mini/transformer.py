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
from torch.nn import functional

from pipeline.mini.guide import NUM_GUIDE_FEATURES, guide_features
from pipeline.mini.staging import TRACK_COLUMNS


class GuidedLTXTransformer3DModel(LTXVideoTransformer3DModel):
    """`LTXVideoTransformer3DModel` that is told where each token is, and where everybody is.

    Rotary embeddings only say how far apart two tokens are. A large model finds out from them what
    is up and down, and from noise where to put its subject; this small one did not. `video_coords`
    has to be given, `tracks` (B, T, 24) should be: see `guide_features`. What the words name (the first
    `num_slots` tokens of the prompt) is read together with them, so that the first layer already
    knows which land lies under a token.

    With `latent_deviations`, one for each channel of normalized latents, what the blocks have to
    answer has unit variance in every channel at every time: the linear part of the velocity is
    known in closed form and added (Karras et al. 2022, for a flow).
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
        self.guide_in = nn.Linear(NUM_GUIDE_FEATURES, 2 * width)
        self.guide_slots = nn.Linear(num_slots * caption_channels, 2 * width)
        self.guide_out = nn.Linear(2 * width, width)
        self.proj_in = nn.Linear(in_channels + width, width)

    def forward(
        self,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        timestep: torch.Tensor,
        *args: object,
        video_coords: torch.Tensor,
        tracks: torch.Tensor | None = None,
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
            # In: the best linear guess at the clean latents, so that noise never drowns the guide.
            gain, x = deviation * variance.rsqrt(), (1 - t) * deviation / variance * x
        if tracks is None:
            tracks = video_coords.new_zeros(len(x), 1, len(TRACK_COLUMNS))
        slots = encoder_hidden_states[:, : self.config.num_slots].flatten(1)
        guide = self.guide_in(guide_features(video_coords, tracks).to(x.dtype))
        guide = self.guide_out(functional.gelu(guide + self.guide_slots(slots)[:, None]))
        answer = super().forward(
            torch.cat([x, guide], dim=-1),
            encoder_hidden_states,
            timestep,
            *args,
            video_coords=video_coords,
            return_dict=False,
            **kwargs,
        )[0]
        velocity = skip + gain * answer
        return Transformer2DModelOutput(sample=velocity) if return_dict else (velocity,)
