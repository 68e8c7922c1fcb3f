"""Tiny random models with the real ratios, 32 pixels and 8 frames a latent, built in a moment.

One is of LTX-Video's own diffusers classes, one of the embedded model's. They are saved to a folder
and loaded by the app's model cache; their rows have the names that requests may ask for.
"""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    LTXConditionPipeline,
    LTXVideoTransformer3DModel,
)
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import T5Config, T5EncoderModel, T5TokenizerFast

from pipeline.mini import (
    AutoencoderKinora,
    KinoraMiniPipeline,
    PainterModel,
    SlotTextConfig,
    SlotTextEncoder,
    build_tokenizer,
)
from pipeline.mini.tables import ATTRIBUTES
from pipeline.models.registry import MODELS
from pipeline.models.spec import ModelSpec
from pipeline.runtime.device import GIGABYTE, Machine
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.placement import Placement
from tests.tiny_upsampler import save_tiny_upsampler, tiny_second_pass
from training.sprites import VALUE_NAMES, all_kinds

MINI, LTX = "kinora-mini", "ltx-video-2b"
# Roomy: the tiny models' rows say how large their sisters are.
CPU = Machine("cpu", 1024 * GIGABYTE, has_fast_bf16=False)
WORDS = ["a", "red", "green", "blue", "car", "boat", "cat", "by", "night", "day", ",", "."]
UPSAMPLER = "upsampler.safetensors"
_SMALL = {"num_pixels": 64 * 64}


def save_tiny_models(folder: Path) -> None:
    """Save both tiny models under a folder."""
    tiny_mini_pipeline().save_pretrained(folder / "mini")
    tiny_ltx_pipeline().save_pretrained(folder / "ltx")
    save_tiny_upsampler(LTX, folder / UPSAMPLER)


def tiny_model_caches(folder: Path) -> dict[str, ModelCache]:
    """Return a model cache for each tiny model of a folder, so that neither is ever let go."""
    return {name: ModelCache(CPU, tiny_models(folder)) for name in (MINI, LTX)}


def tiny_models(folder: Path) -> dict[str, ModelSpec]:
    """Return the rows of the tiny models that `save_tiny_models` has put into a folder.

    The LTX row is no embedded one, so that its decoding is tiled; its windows hold five latents.
    HD of it is half as large again.
    """
    mini = dataclasses.replace(MODELS[MINI], repository=folder / "mini", **_SMALL)
    ltx = dataclasses.replace(
        MODELS[LTX],
        repository=str(folder / "ltx"),
        revision=None,
        checkpoint=None,
        window_frames=33,
        timesteps=None,
        max_sequence_length=32,
        default_num_inference_steps=2,
        draft_pixels=32 * 32,
        second_pass=tiny_second_pass(LTX, folder / UPSAMPLER),
        **_SMALL,
    )
    return {MINI: mini, LTX: ltx}


def tiny_mini_pipeline() -> KinoraMiniPipeline:
    """Build a pipeline of the embedded model's classes, a few thousand weights each."""
    torch.manual_seed(0)
    tokenizer = build_tokenizer(WORDS, len(ATTRIBUTES))
    text_encoder = SlotTextEncoder(
        SlotTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            slot_names=list(ATTRIBUTES),
            slot_values=list(ATTRIBUTES.values()),
        )
    )
    return _quiet(
        KinoraMiniPipeline(
            tokenizer=tokenizer,
            text_encoder=text_encoder.eval(),
            painter=tiny_painter(),
            vae=tiny_mini_autoencoder(),
        )
    )


def tiny_painter() -> PainterModel:
    """Build a painter of every kind, four cells each."""
    kinds = all_kinds()
    model = PainterModel(
        kinds, [(128, 12, 8)] * len(kinds), [4] * len(kinds), VALUE_NAMES,
        [ATTRIBUTES[name] for name in VALUE_NAMES], width=8, depth=1, num_layers=2,
    )  # fmt: skip
    model.places.copy_(torch.tensor([60, 61, 68, 69] * len(kinds)))
    return model.eval()


def tiny_mini_autoencoder() -> AutoencoderKinora:
    """Build the embedded model's autoencoder: twelve slow waves are what it sees of a clip."""
    torch.manual_seed(1)
    vae = AutoencoderKinora(latent_channels=12).eval()
    x, t = (torch.arange(size) + 0.5 for size in (32, 8))
    wave = (math.pi * x / 32).cos()
    waves = torch.stack(
        [
            torch.ones(8, 32, 32),
            wave.view(1, 1, 32).expand(8, 32, 32),
            wave.view(1, 32, 1).expand(8, 32, 32),
            (math.pi * t / 8).cos().view(8, 1, 1).expand(8, 32, 32),
        ]
    ).flatten(1)
    # One set of waves for each of red, green and blue: orthonormal rows.
    vae.basis.copy_(torch.kron(torch.eye(3), torch.nn.functional.normalize(waves)))
    vae.latents_mean.copy_(torch.linspace(-5, 5, 12))
    vae.latents_std.copy_(torch.linspace(20, 40, 12))
    return vae


def tiny_ltx_pipeline() -> LTXConditionPipeline:
    """Build a pipeline of LTX-Video's classes; its decoder has a timestep, as the released one."""
    tokenizer = t5_tokenizer()
    torch.manual_seed(0)
    text_encoder = T5EncoderModel(
        T5Config(vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4)
    )
    transformer = LTXVideoTransformer3DModel(
        in_channels=8,
        out_channels=8,
        num_attention_heads=2,
        attention_head_dim=16,
        cross_attention_dim=32,
        num_layers=2,
        caption_channels=32,
    )
    blocks = (8, 8, 8, 8)
    vae = AutoencoderKLLTXVideo(
        latent_channels=8,
        block_out_channels=blocks,
        decoder_block_out_channels=blocks,
        layers_per_block=(1,) * 5,
        decoder_layers_per_block=(1,) * 5,
        spatio_temporal_scaling=(True, True, True, False),
        decoder_spatio_temporal_scaling=(True, True, True, False),
        decoder_inject_noise=(False,) * 5,
        upsample_residual=(False,) * 4,
        upsample_factor=(1,) * 4,
        timestep_conditioning=True,
        patch_size=4,
        patch_size_t=1,
        encoder_causal=True,
        decoder_causal=False,
    )
    return _quiet(
        LTXConditionPipeline(
            scheduler=FlowMatchEulerDiscreteScheduler(),
            vae=vae.eval(),
            text_encoder=text_encoder.eval(),
            tokenizer=tokenizer,
            transformer=transformer.eval(),
        )
    )


def picture(width: int = 96, height: int = 64) -> np.ndarray:
    """Return a bright picture (H, W, 3) uint8 with an edge, a slope and a different colour each."""
    y, x = np.mgrid[:height, :width]
    colours = [x * 255 // width, y * 255 // height, 255 * (x > width // 2)]
    return np.stack(colours, axis=-1).astype(np.uint8)


def load_whole(spec: ModelSpec) -> LoadedModel:
    """Load a model with its text encoder kept, so that diffusers' own call can use it."""
    model_cache = ModelCache(CPU, {spec.id: spec})
    tile_decoding = not spec.streams_decoding
    model_cache.hold(spec.id, Placement("cpu", "float32", "none", tile_decoding))
    return model_cache.load(spec.id)


class Calls:
    """What a model's transformer is called with, in order, while the `with` block lasts."""

    def __init__(self, model: LoadedModel) -> None:
        """Prepare to listen to a loaded model."""
        self._transformer = model.pipe.transformer
        self.arguments: list[dict[str, torch.Tensor]] = []

    def __enter__(self) -> Calls:
        """Begin to listen."""
        self._hook = self._transformer.register_forward_pre_hook(
            lambda _module, _args, arguments: self.arguments.append(dict(arguments)),
            with_kwargs=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._hook.remove()

    def of(self, name: str) -> list[torch.Tensor]:
        """Return one argument of every call."""
        return [arguments[name] for arguments in self.arguments]


def _quiet(pipe: DiffusionPipeline) -> DiffusionPipeline:
    pipe.set_progress_bar_config(disable=True)
    return pipe


def t5_tokenizer() -> T5TokenizerFast:
    """Train a tokenizer of T5's class on a few words."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    specials = ["<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=64, special_tokens=specials, unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator([" ".join(WORDS), *WORDS] * 20, trainer)
    pieces = json.loads(tokenizer.to_str())["model"]["vocab"]
    return T5TokenizerFast(
        vocab=[(piece, score) for piece, score in pieces], extra_ids=0, model_max_length=64
    )
