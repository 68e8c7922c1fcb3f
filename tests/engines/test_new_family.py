"""A family of models is a row and an engine file: one that Kinora does not have makes a clip."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import (
    AutoencoderKLMochi,
    FlowMatchEulerDiscreteScheduler,
    MochiPipeline,
    MochiTransformer3DModel,
)

from pipeline.generation.generate import generate
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.models.registry import Models, describe_models
from pipeline.models.spec import ModelSpec
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from tests.tiny import CPU, tiny_ltx_pipeline


@pytest.fixture(scope="module")
def row(tmp_path_factory: pytest.TempPathFactory) -> ModelSpec:
    """Return the row of the new family, with weights of a few thousand numbers."""
    folder = tmp_path_factory.mktemp("mochi")
    tiny_mochi().save_pretrained(folder)
    reason = "This model makes clips from text only; choose another one."
    return ModelSpec(
        id="mochi-tiny",
        label="Mochi",
        description="A family that only a test has.",
        repository=str(folder),
        licence="Apache-2.0",
        fps=30.0,
        num_pixels=64 * 64,
        window_frames=19,
        overlap_latents=1,
        default_num_inference_steps=2,
        default_guidance_scale=2.0,
        engine="tests.engines.new_family:MOCHI",
        pipeline="MochiPipeline",
        cannot=dict.fromkeys(("image_to_video", "extend_video", "continue"), reason),
        spatial=16,
        temporal=6,
        max_sequence_length=16,
    )


def tiny_mochi() -> MochiPipeline:
    other = tiny_ltx_pipeline()  # the same kind of text encoder
    torch.manual_seed(0)
    transformer = MochiTransformer3DModel(
        patch_size=2,
        num_attention_heads=2,
        attention_head_dim=8,
        num_layers=2,
        pooled_projection_dim=16,
        in_channels=12,
        text_embed_dim=32,
        time_embed_dim=4,
        activation_fn="swiglu",
        max_sequence_length=16,
    )
    vae = AutoencoderKLMochi(
        latent_channels=12,
        out_channels=3,
        encoder_block_out_channels=(32, 32, 32, 32),
        decoder_block_out_channels=(32, 32, 32, 32),
        layers_per_block=(1, 1, 1, 1, 1),
    )
    return MochiPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=vae.eval(),
        text_encoder=other.text_encoder,
        tokenizer=other.tokenizer,
        transformer=transformer.eval(),
    )


def test_a_new_family_is_a_row_and_an_engine_file(row: ModelSpec, tmp_path: Path) -> None:
    models = Models([row])
    assert [x["id"] for x in describe_models(models)] == [row.id]
    request = build_request(
        "text_to_video", model=row.id, models=models, prompt="a red boat", duration=0.5, seed=3
    )
    clip = generate(
        request,
        model_cache=ModelCache(CPU, models),
        output=tmp_path / "clip.mp4",
        on_progress=lambda _: None,
        is_cancelled=lambda: False,
    )
    info = probe_clip(clip.path)
    frames = [frame for chunk in iterate_frames(clip.path, info) for frame in chunk]
    assert (info.width, info.height, float(info.fps), len(frames)) == (80, 48, 30.0, 19)
    assert frames[0].std() > 1
