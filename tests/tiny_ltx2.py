"""A tiny random pipeline of LTX-2's own diffusers classes, with the real ratios and rates."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKLLTX2Audio,
    AutoencoderKLLTX2Video,
    FlowMatchEulerDiscreteScheduler,
    LTX2ConditionPipeline,
    LTX2VideoTransformer3DModel,
)
from diffusers.pipelines.ltx2 import LTX2TextConnectors
from diffusers.pipelines.ltx2.vocoder import LTX2VocoderWithBWE
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3TextConfig,
    Gemma4UnifiedConfig,
    Gemma4UnifiedForConditionalGeneration,
    Gemma4UnifiedTextConfig,
    GemmaTokenizer,
    PreTrainedModel,
    SiglipVisionConfig,
)

from pipeline.models.registry import MODELS
from pipeline.models.spec import ModelSpec
from tests.tiny import UPSAMPLER, WORDS
from tests.tiny_upsampler import save_tiny_upsampler, tiny_second_pass

LTX2, LTX25 = "ltx-2.3", "ltx-2.5"
_MELS = 8


def tiny_ltx2() -> LTX2ConditionPipeline:
    """Build a pipeline as that of LTX-2.3: gates, a connector for each half, 48 kHz."""
    tokenizer = gemma_tokenizer()
    torch.manual_seed(0)
    return _tiny_ltx2(tokenizer, _tiny_gemma(len(tokenizer)))


def tiny_ltx25() -> LTX2ConditionPipeline:
    """Build a pipeline as that of LTX-2.5: Gemma 4, and a transformer without some biases."""
    tokenizer = gemma_tokenizer()
    torch.manual_seed(0)
    return _tiny_ltx2(
        tokenizer,
        _tiny_gemma4(len(tokenizer)),
        ff_bias=False,
        audio_ff_bias=False,
        use_prompt_adaln_single=False,
        use_keyframes_abs_pos_embedding=True,
    )


def _tiny_ltx2(
    tokenizer: GemmaTokenizer, text_encoder: PreTrainedModel, **options: bool
) -> LTX2ConditionPipeline:
    text = text_encoder.config.text_config
    transformer = LTX2VideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=16,
        cross_attention_dim=32,
        audio_in_channels=4,
        audio_out_channels=4,
        audio_num_attention_heads=2,
        audio_attention_head_dim=8,
        audio_cross_attention_dim=16,
        num_layers=2,
        gated_attn=True,
        cross_attn_mod=True,
        audio_gated_attn=True,
        audio_cross_attn_mod=True,
        use_prompt_embeddings=False,
        perturbed_attn=True,
        rope_type="split",
        **options,
    )
    connectors = LTX2TextConnectors(
        caption_channels=text.hidden_size,
        text_proj_in_factor=text.num_hidden_layers + 1,
        video_connector_num_attention_heads=2,
        video_connector_attention_head_dim=16,
        video_connector_num_layers=1,
        video_connector_num_learnable_registers=16,
        video_gated_attn=True,
        video_hidden_dim=32,
        audio_connector_num_attention_heads=2,
        audio_connector_attention_head_dim=8,
        audio_connector_num_layers=1,
        audio_connector_num_learnable_registers=16,
        audio_gated_attn=True,
        audio_hidden_dim=16,
        per_modality_projections=True,
        proj_bias=True,
        rope_type="split",
    )
    # As the released one is saved: it would shift the levels of noise.
    scheduler = FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True,
        shift_terminal=0.1,
        base_image_seq_len=1024,
        base_shift=0.95,
        max_image_seq_len=4096,
        max_shift=2.05,
    )
    pipe = LTX2ConditionPipeline(
        scheduler=scheduler,
        vae=_tiny_autoencoder(),
        audio_vae=_tiny_audio_autoencoder(),
        text_encoder=text_encoder.eval(),
        tokenizer=tokenizer,
        connectors=connectors.eval(),
        transformer=transformer.eval(),
        vocoder=_tiny_vocoder(),
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


TINY_LTX2: dict[str, Callable[[], LTX2ConditionPipeline]] = {LTX2: tiny_ltx2, LTX25: tiny_ltx25}


def save_tiny_ltx2(folder: Path, model_id: str = LTX2) -> None:
    """Save one as the Hub has the real one: as another pipeline, with a part nobody uses."""
    TINY_LTX2[model_id]().save_pretrained(folder)
    path = folder / "model_index.json"
    index = json.loads(path.read_text())
    index["_class_name"] = "LTX2Pipeline"
    index["processor"] = ["transformers", "Gemma3Processor"]
    path.write_text(json.dumps(index))
    save_tiny_upsampler(LTX2, folder / UPSAMPLER)


def tiny_ltx2_row(folder: Path) -> ModelSpec:
    """Return the row of what `save_tiny_ltx2` has put into a folder."""
    return replace(
        MODELS[LTX2],
        repository=str(folder),
        revision=None,
        max_sequence_length=32,
        draft_pixels=64 * 64,
        second_pass=tiny_second_pass(LTX2, folder / UPSAMPLER),
    )


def _tiny_autoencoder() -> AutoencoderKLLTX2Video:
    return AutoencoderKLLTX2Video(
        latent_channels=8,
        block_out_channels=(8, 8, 8, 8),
        decoder_block_out_channels=(4, 8, 8, 16),
        layers_per_block=(1,) * 5,
        decoder_layers_per_block=(1,) * 5,
        decoder_spatio_temporal_scaling=(True,) * 4,
        decoder_inject_noise=(False,) * 5,
        upsample_type=("spatiotemporal", "spatiotemporal", "temporal", "spatial"),
        upsample_factor=(2, 2, 1, 2),
        upsample_residual=(False,) * 4,
        spatial_compression_ratio=32,
        temporal_compression_ratio=8,
        decoder_causal=False,
    ).eval()


def _tiny_audio_autoencoder() -> AutoencoderKLLTX2Audio:
    audio_vae = AutoencoderKLLTX2Audio(
        base_channels=4,  # latent channels by a quarter of the mel bands
        latent_channels=2,
        ch_mult=(1, 1, 1),
        num_res_blocks=1,
        resolution=32,
        mel_bins=_MELS,
    ).eval()
    audio_vae.latents_mean.copy_(torch.linspace(-0.5, 0.5, 4))
    audio_vae.latents_std.copy_(torch.linspace(0.5, 1.5, 4))
    return audio_vae


def _tiny_vocoder() -> LTX2VocoderWithBWE:
    vocoder = LTX2VocoderWithBWE(
        in_channels=2 * _MELS,
        hidden_channels=64,
        bwe_in_channels=2 * _MELS,
        bwe_hidden_channels=32,
        num_mel_channels=_MELS,
        resnet_kernel_sizes=[3],
        resnet_dilations=[[1, 3, 5]],
        bwe_resnet_kernel_sizes=[3],
        bwe_resnet_dilations=[[1, 3, 5]],
    ).eval()
    stft = vocoder.mel_stft
    stft.stft_fn.forward_basis.normal_(std=0.05)
    stft.mel_basis.uniform_()
    # As it is drawn it hums the same whatever it is given.
    for name, values in vocoder.named_parameters():
        if name.endswith("bias"):
            values.data.zero_()
    vocoder.vocoder.conv_in.weight.data *= 60
    return vocoder


def gemma_tokenizer() -> GemmaTokenizer:
    """Train a tokenizer of Gemma's class on a few words."""
    specials = ["<pad>", "<eos>", "<bos>", "<unk>"]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(WORDS), *WORDS] * 20, trainer)
    learnt = json.loads(tokenizer.to_str())["model"]
    merges = [tuple(pair) for pair in learnt["merges"]]
    return GemmaTokenizer(vocab=learnt["vocab"], merges=merges, model_max_length=64)


def _tiny_gemma(vocab_size: int) -> Gemma3ForConditionalGeneration:
    text = Gemma3TextConfig(
        vocab_size=vocab_size,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=512,
        sliding_window=64,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
    )
    vision = SiglipVisionConfig(
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
    )
    return Gemma3ForConditionalGeneration(
        Gemma3Config(
            text_config=text.to_dict(),
            vision_config=vision.to_dict(),
            mm_tokens_per_image=4,
            image_token_index=vocab_size - 1,
            boi_token_index=vocab_size - 2,
            eoi_token_index=vocab_size - 3,
        )
    )


def _tiny_gemma4(vocab_size: int) -> Gemma4UnifiedForConditionalGeneration:
    text = Gemma4UnifiedTextConfig(
        vocab_size=vocab_size,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        max_position_embeddings=512,
        sliding_window=64,
    )
    return Gemma4UnifiedForConditionalGeneration(Gemma4UnifiedConfig(text_config=text.to_dict()))
