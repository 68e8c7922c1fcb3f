"""All uses of private APIs of diffusers, and of torch beside it, in one place.

Each function says why there is no public way. Check this file first after updating a library.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from diffusers import (
    ContextParallelConfig,
    DiffusionPipeline,
    Kandinsky5I2VPipeline,
    Kandinsky5T2VPipeline,
    LTXVideoTransformer3DModel,
)
from diffusers.loaders.single_file_model import _get_single_file_loadable_mapping_class
from diffusers.models import ModelMixin
from diffusers.models._modeling_parallel import ContextParallelInput


def normalize_latents(pipe: DiffusionPipeline, latents: torch.Tensor) -> torch.Tensor:
    """Normalize LTX latents (B, C, T, h, w): the public call takes pixels only."""
    vae = pipe.vae
    return pipe._normalize_latents(latents, vae.latents_mean, vae.latents_std)


def denormalize_latents(pipe: DiffusionPipeline, latents: torch.Tensor) -> torch.Tensor:
    """Undo `normalize_latents`."""
    vae = pipe.vae
    return pipe._denormalize_latents(latents, vae.latents_mean, vae.latents_std)


def pack_audio(pipe: DiffusionPipeline, latents: torch.Tensor) -> torch.Tensor:
    """Pack and normalize LTX-2's audio latents (B, C, L, M) -> (B, L, C M)."""
    vae = pipe.audio_vae
    packed = pipe._pack_audio_latents(latents)
    return pipe._normalize_audio_latents(packed, vae.latents_mean, vae.latents_std)


def unpack_audio(pipe: DiffusionPipeline, latents: torch.Tensor, num_mels: int) -> torch.Tensor:
    """Undo `pack_audio`: (B, L, C M) -> (B, C, L, M)."""
    vae = pipe.audio_vae
    latents = pipe._denormalize_audio_latents(latents, vae.latents_mean, vae.latents_std)
    return pipe._unpack_audio_latents(latents, latents.shape[1], num_mel_bins=num_mels)


def keyframe_coords(
    pipe: DiffusionPipeline, size: tuple[int, int], frame: int, fps: float, device: torch.device
) -> torch.Tensor:
    """Return the positions (1, 3, N, 2) of one latent frame's tokens at a frame of LTX-2's clip.

    `size` (height, width) is in latents.
    """
    return pipe._prepare_keyframe_coords(1, *size, frame, 1, fps, device)


# For time, height and width. Kandinsky's Lite models were trained with these position scales at
# every size (see the authors' configurations); diffusers uses others if a side is not 480 to 854.
_LITE_SCALE = (1, 2, 2)


class KandinskyLiteT2VPipeline(Kandinsky5T2VPipeline):
    """Kandinsky 5 Lite text-to-video, with the position scale that it was trained with."""

    def _get_scale_factor(self, *_size: int) -> tuple[float, float, float]:
        return _LITE_SCALE


class KandinskyLiteI2VPipeline(Kandinsky5I2VPipeline):
    """Kandinsky 5 Lite image-to-video, with the position scale that it was trained with."""

    def _get_scale_factor(self, *_size: int) -> tuple[float, float, float]:
        return _LITE_SCALE


def lora_parts(pipe: DiffusionPipeline) -> list[str]:
    """List the parts that a pipeline loads LoRAs into; it silently skips others."""
    return list(pipe._lora_loadable_modules)


def reads_single_files(part: type) -> bool:
    """Say whether `from_single_file` of a class works: some have the method and only raise."""
    return _get_single_file_loadable_mapping_class(part) is not None


def can_offload_layers(part: torch.nn.Module) -> bool:
    """Say whether diffusers can move a part layer by layer: some autoencoders of sound it cannot.

    `enable_group_offload` would only raise.
    """
    return getattr(part, "_supports_group_offloading", True)


def repeated_blocks(transformer: ModelMixin) -> Iterator[torch.nn.Module]:
    """Yield the blocks that `compile_repeated_blocks` compiles."""
    names = getattr(transformer, "_repeated_blocks", None) or ()
    return (x for x in transformer.modules() if type(x).__name__ in names)


def drop_compiled(block: torch.nn.Module) -> None:
    """Undo the compilation of a block: torch has no public way to do so."""
    block._compiled_call_impl = None


def compile_strictly() -> AbstractContextManager[None]:
    """Raise compilation errors inside a `with` block."""
    return torch._dynamo.config.patch(suppress_errors=False)


def compile_leniently() -> None:
    """Fall back to plain code where compilation fails, instead of failing the job."""
    torch._dynamo.config.suppress_errors = True


def share_tokens(transformer: ModelMixin, num_gpus: int) -> None:
    """Split a transformer's tokens among the processes of a group; this cannot be undone.

    Text embeddings are not split. For LTX-Video, diffusers would split them too and then fail on
    their mask, and it would not split the timesteps of the tokens.
    """
    config = ContextParallelConfig(ulysses_degree=num_gpus, ulysses_anything=True)
    if not isinstance(transformer, LTXVideoTransformer3DModel):
        transformer.enable_parallelism(config=config)
        return
    by_token = ContextParallelInput(split_dim=1, expected_dims=2)
    root = {"hidden_states": transformer._cp_plan[""]["hidden_states"], "timestep": by_token}
    transformer.enable_parallelism(config=config, cp_plan=transformer._cp_plan | {"": root})
    for block in repeated_blocks(transformer):
        attention: Any = block.attn2
        attention.processor._parallel_config = None
