"""Tiny random pipelines of Wan's own diffusers classes, with the real ratios in space and time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKLWan,
    DiffusionPipeline,
    SkyReelsV2DiffusionForcingPipeline,
    SkyReelsV2Transformer3DModel,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
    WanVACEPipeline,
    WanVACETransformer3DModel,
)
from transformers import UMT5Config, UMT5EncoderModel

from tests.tiny import t5_tokenizer

_SMALL = {
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "text_dim": 32,
    "freq_dim": 64,
    "ffn_dim": 32,
    "num_layers": 2,
    "cross_attn_norm": True,
    "qk_norm": "rms_norm_across_heads",
    "rope_max_seq_len": 64,
}


def tiny_5b() -> WanPipeline:
    """Build a pipeline as that of Wan 2.2 TI2V 5B: 16 pixels and 4 frames a latent."""
    torch.manual_seed(0)
    vae = AutoencoderKLWan(
        base_dim=4,
        decoder_base_dim=4,
        z_dim=48,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.1] * 48,
        latents_std=[0.9] * 48,
        is_residual=True,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        scale_factor_spatial=16,
        scale_factor_temporal=4,
    )
    transformer = WanTransformer3DModel(in_channels=48, out_channels=48, **_SMALL)
    return WanPipeline(**_parts(vae, transformer), expand_timesteps=True)


def tiny_t2v_a14b() -> WanPipeline:
    """Build a pipeline as that of Wan 2.2 T2V A14B: two experts."""
    torch.manual_seed(0)
    experts = [WanTransformer3DModel(in_channels=16, out_channels=16, **_SMALL) for _ in range(2)]
    parts = _parts(_tiny_autoencoder(), experts[0])
    return WanPipeline(**parts, transformer_2=experts[1].eval(), boundary_ratio=0.875)


def tiny_i2v_a14b() -> WanImageToVideoPipeline:
    """Build a pipeline as that of Wan 2.2 I2V A14B: pictures come as further channels."""
    torch.manual_seed(0)
    experts = [WanTransformer3DModel(in_channels=36, out_channels=16, **_SMALL) for _ in range(2)]
    parts = _parts(_tiny_autoencoder(), experts[0])
    return WanImageToVideoPipeline(
        **parts,
        transformer_2=experts[1].eval(),
        image_encoder=None,
        image_processor=None,
        boundary_ratio=0.9,
    )


def tiny_vace() -> WanVACEPipeline:
    """Build a pipeline as those of Wan 2.1 VACE."""
    torch.manual_seed(0)
    transformer = WanVACETransformer3DModel(
        in_channels=16, out_channels=16, vace_layers=[0], vace_in_channels=96, **_SMALL
    )
    return WanVACEPipeline(**_parts(_tiny_autoencoder(), transformer))


def tiny_skyreels() -> SkyReelsV2DiffusionForcingPipeline:
    """Build a pipeline as that of SkyReels V2 DF 1.3B."""
    torch.manual_seed(0)
    transformer = SkyReelsV2Transformer3DModel(
        in_channels=16, out_channels=16, inject_sample_info=True, **_SMALL
    )
    return SkyReelsV2DiffusionForcingPipeline(**_parts(_tiny_autoencoder(), transformer))


TINY_WAN: dict[str, Callable[[], DiffusionPipeline]] = {
    "wan-2.2-5b": tiny_5b,
    "wan-2.2-t2v-a14b": tiny_t2v_a14b,
    "wan-2.2-i2v-a14b": tiny_i2v_a14b,
    "wan-2.1-vace-1.3b": tiny_vace,
    "wan-2.1-vace-14b": tiny_vace,
    "skyreels-v2-1.3b": tiny_skyreels,
}


def save_tiny_wan(model_id: str, folder: Path) -> None:
    """Save the pipeline of a row into a folder, as the Hub has the real one."""
    TINY_WAN[model_id]().save_pretrained(folder)


def _tiny_autoencoder() -> AutoencoderKLWan:
    return AutoencoderKLWan(
        base_dim=3,
        z_dim=16,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
    )


def _parts(vae: AutoencoderKLWan, transformer: torch.nn.Module) -> dict[str, object]:
    tokenizer = t5_tokenizer()
    text_encoder = UMT5EncoderModel(
        UMT5Config(
            vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4
        )
    )
    return {
        "tokenizer": tokenizer,
        "text_encoder": text_encoder.eval(),
        "vae": vae.eval(),
        "transformer": transformer.eval(),
        "scheduler": UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
    }
