"""Tiny random pipelines of Kandinsky's and Helios' own diffusers classes, with the real ratios."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKLHunyuanVideo,
    AutoencoderKLWan,
    DiffusionPipeline,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    HeliosDMDScheduler,
    HeliosPyramidPipeline,
    HeliosTransformer3DModel,
    Kandinsky5I2VPipeline,
    Kandinsky5T2VPipeline,
    Kandinsky5Transformer3DModel,
    Kandinsky6TI2VAPipeline,
    Kandinsky6Transformer3DModel,
    MMAudioVAE,
    MMAudioVocoder,
    PiflowScheduler,
    SanaVideoPipeline,
    SanaVideoTransformer3DModel,
)
from diffusers.pipelines.kandinsky6 import pipeline_kandinsky6_ti2va
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    Gemma2Config,
    Gemma2Model,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Tokenizer,
    UMT5Config,
    UMT5EncoderModel,
)

from tests.tiny import WORDS, t5_tokenizer
from tests.tiny_ltx2 import gemma_tokenizer

T2V, I2V, HELIOS = "kandinsky-5-t2v", "kandinsky-5-i2v", "helios-distilled"
K6, SANA = "kandinsky-6-lite", "sana-video-2b"
_WIDTH = 32


def tiny_kandinsky(kind: type[DiffusionPipeline]) -> DiffusionPipeline:
    """Build a pipeline as those of Kandinsky 5 Lite, from words or from a picture."""
    torch.manual_seed(0)
    transformer = Kandinsky5Transformer3DModel(
        in_visual_dim=4,
        out_visual_dim=4,
        in_text_dim=_WIDTH,
        in_text_dim2=_WIDTH,
        time_dim=_WIDTH,
        model_dim=48,
        ff_dim=64,
        num_text_blocks=1,
        num_visual_blocks=2,
        axes_dims=(8, 8, 8),
        visual_cond=True,
    )
    vae = AutoencoderKLHunyuanVideo(
        latent_channels=4, block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=4
    )
    text_encoder, text_encoder_2 = _qwen(), _clip()
    pipe = kind(
        transformer=transformer.eval(),
        vae=vae.eval(),
        text_encoder=text_encoder.eval(),
        tokenizer=None,
        text_encoder_2=text_encoder_2.eval(),
        tokenizer_2=_clip_tokenizer(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=5.0),
    )
    # As many pieces as the released one has: what the pipeline puts before a prompt takes 128.
    pipe.register_modules(tokenizer=_qwen_tokenizer(pipe.prompt_template))
    return pipe


def tiny_kandinsky6() -> Kandinsky6TI2VAPipeline:
    """Build a pipeline as that of Kandinsky 6 Lite distilled: two predictions for each latent."""
    torch.manual_seed(0)
    transformer = Kandinsky6Transformer3DModel(
        in_visual_dim=4,
        out_visual_dim=8,
        in_text_dim=_WIDTH,
        in_text_dim2=_WIDTH,
        time_dim=_WIDTH,
        model_dim=48,
        ff_dim=64,
        num_text_blocks=1,
        num_visual_blocks=2,
        axes_dims=(8, 8, 8),
        in_audio_dim=4,
        out_audio_dim=8,
        model_dim_a=24,
        ff_dim_a=32,
        text_token_padding=True,
        ca_rope=True,
        cross_gates=True,
        fix_modulation=True,
        visual_token_type_num_embeddings=2,
    )
    vae = AutoencoderKLHunyuanVideo(
        latent_channels=4, block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=4
    )
    audio_vae = MMAudioVAE(mel_bins=8, latent_channels=4, hidden_channels=16, layers_per_block=1)
    vocoder = MMAudioVocoder(
        num_mels=8,
        upsample_initial_channel=32,
        upsample_rates=(8, 8, 8),
        upsample_kernel_sizes=(16, 16, 16),
        resblock_kernel_sizes=(3,),
        resblock_dilation_sizes=((1, 3, 5),),
    )
    text_encoder, text_encoder_2 = _qwen(), _clip()
    return Kandinsky6TI2VAPipeline(
        transformer=transformer.eval(),
        vae=vae.eval(),
        text_encoder=text_encoder.eval(),
        tokenizer=_qwen_tokenizer(pipeline_kandinsky6_ti2va._PROMPT_TEMPLATE),
        text_encoder_2=text_encoder_2.eval(),
        tokenizer_2=_clip_tokenizer(),
        scheduler=PiflowScheduler(n_grid=2),
        audio_vae=audio_vae.eval(),
        vocoder=vocoder.eval(),
    )


def tiny_sana_video() -> SanaVideoPipeline:
    """Build a pipeline as that of Sana-Video 2B 480p."""
    torch.manual_seed(0)
    tokenizer = gemma_tokenizer()
    text_encoder = Gemma2Model(
        Gemma2Config(
            vocab_size=len(tokenizer),
            hidden_size=_WIDTH,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=16,
        )
    )
    transformer = SanaVideoTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        num_layers=2,
        num_cross_attention_heads=2,
        cross_attention_head_dim=12,
        cross_attention_dim=24,
        caption_channels=_WIDTH,
    )
    return SanaVideoPipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder.eval(),
        vae=tiny_wan_autoencoder(),
        transformer=transformer.eval(),
        scheduler=DPMSolverMultistepScheduler(
            use_flow_sigmas=True, prediction_type="flow_prediction", flow_shift=8.0
        ),
    )


def tiny_wan_autoencoder() -> AutoencoderKLWan:
    """Build an autoencoder as Wan 2.1's."""
    return AutoencoderKLWan(
        base_dim=3,
        z_dim=16,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
    ).eval()


def tiny_helios() -> HeliosPyramidPipeline:
    """Build a pipeline as that of Helios-Distilled."""
    torch.manual_seed(0)
    tokenizer = t5_tokenizer()
    text_encoder = UMT5EncoderModel(
        UMT5Config(
            vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4
        )
    )
    transformer = HeliosTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=32,
        freq_dim=64,
        ffn_dim=32,
        num_layers=2,
        rope_dim=(4, 4, 4),
    )
    return HeliosPyramidPipeline(
        tokenizer=tokenizer,
        text_encoder=text_encoder.eval(),
        vae=tiny_wan_autoencoder(),
        scheduler=HeliosDMDScheduler(use_dynamic_shifting=True, time_shift_type="linear"),
        transformer=transformer.eval(),
        is_distilled=True,
    )


TINY_FAMILIES: dict[str, Callable[[], DiffusionPipeline]] = {
    T2V: lambda: tiny_kandinsky(Kandinsky5T2VPipeline),
    I2V: lambda: tiny_kandinsky(Kandinsky5I2VPipeline),
    HELIOS: tiny_helios,
    K6: tiny_kandinsky6,
    SANA: tiny_sana_video,
}


def save_tiny_family(model_id: str, folder: Path) -> None:
    """Save the pipeline of a row into a folder, as the Hub has the real one.

    There Kandinsky's first tokenizer is said to be a processor of pictures and video.
    """
    TINY_FAMILIES[model_id]().save_pretrained(folder)
    if model_id not in (T2V, I2V, K6):
        return
    path = folder / "model_index.json"
    index = json.loads(path.read_text("utf-8"))
    index["tokenizer"] = ["transformers", "Qwen2_5_VLProcessor"]
    path.write_text(json.dumps(index), "utf-8")


def _qwen() -> Qwen2_5_VLForConditionalGeneration:
    return Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(
            text_config={
                "vocab_size": 1024,
                "hidden_size": _WIDTH,
                "intermediate_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "num_key_value_heads": 2,
                "rope_parameters": {
                    "rope_type": "default",
                    "rope_theta": 1e6,
                    "mrope_section": [2, 2, 4],
                },
            },
            vision_config={
                "depth": 1,
                "hidden_size": 16,
                "intermediate_size": 16,
                "num_heads": 2,
                "out_hidden_size": _WIDTH,
            },
            bos_token_id=None,
            eos_token_id=None,
        )
    )


def _clip() -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=1024,
            hidden_size=_WIDTH,
            intermediate_size=32,
            num_attention_heads=2,
            num_hidden_layers=1,
            projection_dim=_WIDTH,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
    )


def _clip_tokenizer() -> CLIPTokenizer:
    """Read letter by letter."""
    letters = [chr(code) for code in range(ord("!"), ord("~") + 1)]
    pieces = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{x}</w>" for x in letters)]
    vocab = {piece: number for number, piece in enumerate(pieces)}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77)


def _qwen_tokenizer(template: str) -> Qwen2Tokenizer:
    """Learn pieces of words until every word of a template is a single one."""
    marks = ["<|im_start|>", "<|im_end|>"]
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=["<|endoftext|>", *marks],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator([template, " ".join(WORDS)] * 9, trainer)
    learnt = json.loads(bpe.to_str())["model"]
    merges = [tuple(pair) for pair in learnt["merges"]]
    tokenizer = Qwen2Tokenizer(vocab=learnt["vocab"], merges=merges)
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    return tokenizer
