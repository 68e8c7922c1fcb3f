"""Every way of holding a model, run here: the same frames, or nearly, as when all is resident.

Moves to a card are moves from the CPU to itself here; that hooks call the right parts in the right
order, and that nothing is computed twice or in another type, shows all the same.
"""

from __future__ import annotations

import importlib.util
import itertools
import math
import shutil
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKLWan,
    UniPCMultistepScheduler,
    WanPipeline,
    WanTransformer3DModel,
)

from pipeline.engines import open_engine
from pipeline.engines.base import SamplingParams, WindowContext
from pipeline.errors import ModelError
from pipeline.models.registry import MODELS
from pipeline.models.spec import ModelSpec, Part
from pipeline.runtime import int8_linear
from pipeline.runtime.int8_linear import Int8Linear
from pipeline.runtime.loading import LoadedModel, load_model
from pipeline.runtime.placement import Placement
from tests.tiny import LTX, tiny_ltx_pipeline, tiny_models
from tests.tiny_families import save_tiny_family
from tests.tiny_ltx2 import save_tiny_ltx2
from tests.tiny_wan import save_tiny_wan

needs_torchao = pytest.mark.skipif(
    importlib.util.find_spec("torchao") is None, reason="torchao is not installed"
)
RESIDENT = Placement("cpu", "float32", "none", tile_decoding=False)


@pytest.fixture(scope="module")
def spec(folder: Path) -> ModelSpec:
    return tiny_models(folder)[LTX]


@pytest.fixture(scope="module")
def resident(spec: ModelSpec) -> tuple[torch.Tensor, np.ndarray]:
    return make(load_model(spec, RESIDENT))


def make(model: LoadedModel) -> tuple[torch.Tensor, np.ndarray]:
    """Make two windows, the second from the first, and decode them: latents and frames."""
    engine = open_engine(model, width=96, height=64)
    prompt = engine.encode_prompt("a red boat", "a cat", 3.0)
    params = SamplingParams(seed=1, num_inference_steps=2, guidance_scale=3.0)
    first = engine.denoise(3, prompt, WindowContext(is_start=True), params)
    following = WindowContext(is_start=False, first=2, before=first[:, :, -1:])
    second = engine.denoise(2, prompt, following, replace(params, seed=2))
    latents = torch.cat([first, second[:, :, 1:]], dim=2)
    return latents, np.concatenate(list(engine._codec.decode(latents)))


def psnr(frames: np.ndarray, others: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio of uint8 frames, in dB."""
    error = np.square(frames.astype(float) - others).mean()
    return 10 * math.log10(255**2 / error) if error else math.inf


@pytest.mark.parametrize(
    ("offload", "splits_autoencoder"),
    [
        ("encode_first", False),
        ("drop_encoder", False),
        *itertools.product(("group", "group_lean", "group_slow"), (0, 1)),
    ],
)
def test_offloading_changes_no_bit(
    spec: ModelSpec,
    resident: tuple[torch.Tensor, np.ndarray],
    offload: str,
    splits_autoencoder: bool,
) -> None:
    held = replace(RESIDENT, offload=offload, splits_autoencoder=bool(splits_autoencoder))
    latents, frames = make(load_model(spec, held))
    assert torch.equal(latents, resident[0])
    np.testing.assert_array_equal(frames, resident[1])


def test_moving_part_by_part_changes_no_latent_and_no_frame_by_more_than_a_level(
    spec: ModelSpec, resident: tuple[torch.Tensor, np.ndarray]
) -> None:
    """Weights are copied on the way, to addresses at which the CPU adds up in another order."""
    latents, frames = make(load_model(spec, replace(RESIDENT, offload="model")))
    assert torch.equal(latents, resident[0])
    assert np.abs(frames.astype(int) - resident[1]).max() <= 1


@pytest.mark.parametrize("offload", ["none", "encode_first", "model", "group_slow"])
def test_weights_in_fp8_change_little(
    spec: ModelSpec, resident: tuple[torch.Tensor, np.ndarray], offload: str
) -> None:
    model = load_model(spec, replace(RESIDENT, offload=offload, weights="fp8"))
    stored = {x.dtype for x in model.pipe.transformer.transformer_blocks[0].attn1.to_q.parameters()}
    assert stored == {torch.float8_e4m3fn}
    _, frames = make(model)
    assert 45 < psnr(frames, resident[1]) < math.inf


@needs_torchao
@pytest.mark.parametrize("offload", ["none", "encode_first", "model", "group_slow"])
def test_weights_in_int8_change_less(
    spec: ModelSpec, resident: tuple[torch.Tensor, np.ndarray], offload: str
) -> None:
    model = load_model(spec, replace(RESIDENT, offload=offload, weights="int8"))
    stored = model.pipe.transformer.transformer_blocks[0].attn1.to_q.weight
    assert stored.qdata.dtype == torch.int8
    _, frames = make(model)
    assert 50 < psnr(frames, resident[1]) < math.inf


def test_decoding_in_tiles_differs_at_the_seams_only(spec: ModelSpec) -> None:
    latents = torch.randn(1, 8, 2, 18, 20, generator=torch.Generator().manual_seed(0))
    size = {"width": 640, "height": 576}  # more than a tile of 512, the first 448 of it its own
    whole, tiled = (
        load_model(spec, replace(RESIDENT, tile_decoding=is_tiled)) for is_tiled in (False, True)
    )
    frames, in_tiles = (
        np.concatenate(list(open_engine(x, **size)._codec.decode(latents))) for x in (whole, tiled)
    )
    assert in_tiles.shape == frames.shape == (9, 576, 640, 3)
    assert 20 < psnr(in_tiles, frames) < math.inf
    assert psnr(in_tiles[:, :300, :300], frames[:, :300, :300]) > 55


def test_bf16_makes_nearly_the_same(
    spec: ModelSpec, resident: tuple[torch.Tensor, np.ndarray]
) -> None:
    _, frames = make(load_model(spec, replace(RESIDENT, dtype="bfloat16")))
    assert 40 < psnr(frames, resident[1]) < math.inf


@pytest.mark.parametrize("offload", ["none", "drop_encoder"])
def test_float32_over_weights_in_bf16_makes_what_float32_makes_of_rounded_weights(
    spec: ModelSpec, resident: tuple[torch.Tensor, np.ndarray], offload: str
) -> None:
    model = load_model(spec, replace(RESIDENT, offload=offload, weights="bf16"))
    projection = model.pipe.transformer.transformer_blocks[0].attn1.to_q
    assert projection.parametrizations.weight.original.dtype == torch.bfloat16
    assert projection.weight.dtype == torch.float32
    _, frames = make(model)
    assert 40 < psnr(frames, resident[1]) < math.inf


def test_large_layers_in_int8_change_little(
    spec: ModelSpec,
    resident: tuple[torch.Tensor, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(int8_linear, "_MIN_FEATURES", 8)
    model = load_model(spec, replace(RESIDENT, weights="w8a8"))
    attention = model.pipe.transformer.transformer_blocks[0].attn1
    assert isinstance(attention.to_q, Int8Linear)
    assert not any(isinstance(x, Int8Linear) for x in model.pipe.vae.modules())
    _, frames = make(model)
    assert 35 < psnr(frames, resident[1]) < math.inf


def test_an_autoencoder_that_has_to_computes_in_float32_beside_a_transformer_in_bf16(
    spec: ModelSpec, resident: tuple[torch.Tensor, np.ndarray]
) -> None:
    parts = spec.parts | {"vae": Part(560_000_000, bytes_per_parameter=4)}
    model = load_model(replace(spec, parts=parts), replace(RESIDENT, dtype="bfloat16"))
    dtypes = {name: getattr(model.pipe, name).dtype for name in ("vae", "transformer")}
    assert dtypes == {"vae": torch.float32, "transformer": torch.bfloat16}
    assert model.pipe.text_encoder.dtype == torch.bfloat16
    _, frames = make(model)
    assert 40 < psnr(frames, resident[1]) < math.inf


def test_text_encoder_and_all_the_rest_take_turns(spec: ModelSpec) -> None:
    model = load_model(spec, replace(RESIDENT, offload="encode_first"))
    pipe = model.pipe
    hook = pipe.transformer._hf_hook
    engine = open_engine(model, width=64, height=64)
    assert hook.present == []
    prompt = engine.encode_prompt("a red boat", "", 1.0)
    assert hook.present == [pipe.text_encoder]
    latents = engine.denoise(1, prompt, WindowContext(is_start=True), SamplingParams(seed=0))
    assert set(hook.present) == {pipe.transformer, pipe.vae}
    engine.encode_prompt("a green boat", "", 1.0)
    assert hook.present == [pipe.text_encoder]
    list(engine._codec.decode(latents))
    assert set(hook.present) == {pipe.transformer, pipe.vae}
    engine.encode_prompt("a red boat", "", 1.0)  # known: nothing has to move
    assert set(hook.present) == {pipe.transformer, pipe.vae}


def test_layer_by_layer_the_autoencoder_moves_whole_and_away_for_all_other_parts(
    spec: ModelSpec,
) -> None:
    """It runs for each tile, so that its layers were moved hundreds of times for a clip."""
    model = load_model(spec, replace(RESIDENT, offload="group"))
    pipe, moves = model.pipe, []
    hook = pipe.vae._hf_hook
    move = pipe.vae.to
    pipe.vae.to = lambda device: moves.append(str(device)) or move(device)
    engine = open_engine(model, width=64, height=64)
    prompt = engine.encode_prompt("a red boat", "", 1.0)
    latents = engine.denoise(2, prompt, WindowContext(is_start=True), SamplingParams(seed=0))
    assert (hook.present, moves) == (None, [])
    frames = list(engine._codec.decode(latents))
    assert len(np.concatenate(frames)) == 9
    assert (hook.present, moves) == (pipe.vae, ["cpu"])
    engine.encode_prompt("a green boat", "", 1.0)
    assert (hook.present, moves) == (None, ["cpu", "cpu"])
    layers = [x for x in pipe.vae.modules() if hasattr(x, "_diffusers_hook")]
    assert layers == []
    assert hasattr(pipe.transformer.proj_out, "_diffusers_hook")


def experts(folder: Path) -> ModelSpec:
    """Save a pipeline of Wan's classes with two transformers, and return a row for it."""
    others = tiny_ltx_pipeline()
    torch.manual_seed(0)
    size = {"num_attention_heads": 2, "attention_head_dim": 12, "text_dim": 32, "ffn_dim": 32}
    transformers = [WanTransformer3DModel(num_layers=2, **size).eval() for _ in range(2)]
    # Whole ratios: 8 pixels, 4 frames.
    blocks = {"dim_mult": [1, 1, 1, 1], "temperal_downsample": [False, True, True]}
    WanPipeline(
        tokenizer=others.tokenizer,
        text_encoder=others.text_encoder,
        transformer=transformers[0],
        transformer_2=transformers[1],
        vae=AutoencoderKLWan(base_dim=3, num_res_blocks=1, **blocks).eval(),
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
        ),
        boundary_ratio=0.875,
    ).save_pretrained(folder)
    parts = {"transformer": Part(1), "transformer_2": Part(1), "vae": Part(1, 4)}
    return replace(
        MODELS[LTX],
        pipeline="WanPipeline",
        repository=str(folder),
        checkpoint=None,
        revision=None,
        parts=parts,
    )


def test_pipelines_of_other_classes_are_held_in_the_same_ways(tmp_path: Path) -> None:
    row = experts(tmp_path)

    def run(placement: Placement) -> tuple[LoadedModel, np.ndarray]:
        model = load_model(row, placement)
        made = model.pipe(
            prompt="a red boat",
            height=32,
            width=32,
            num_frames=9,
            num_inference_steps=2,
            max_sequence_length=16,
            generator=torch.Generator().manual_seed(0),
        )
        return model, (made.frames[0] * 255).round().astype(np.uint8)

    _, frames = run(RESIDENT)
    for offload in ("encode_first", "group"):
        np.testing.assert_array_equal(run(replace(RESIDENT, offload=offload))[1], frames)
    placement = Placement("cpu", "bfloat16", "encode_first", tile_decoding=True, weights="fp8")
    model, in_fp8 = run(placement)
    assert psnr(in_fp8, frames) > 20
    assert model.pipe.vae.dtype == torch.float32
    for transformer in (model.pipe.transformer, model.pipe.transformer_2):
        assert transformer.blocks[0].attn1.to_q.weight.dtype == torch.float8_e4m3fn


def test_a_dropped_text_encoder_is_in_memory_only_while_it_reads_new_words(
    spec: ModelSpec,
) -> None:
    model = load_model(spec, replace(RESIDENT, offload="drop_encoder"))
    pipe = model.pipe
    assert pipe.text_encoder is None
    engine = open_engine(model, width=64, height=64)
    prompt = engine.encode_prompt("a red boat", "", 1.0)
    engine.encode_prompt("a blue boat", "", 1.0)
    encoder = weakref.ref(pipe.text_encoder)
    assert encoder() is not None
    engine.denoise(1, prompt, WindowContext(is_start=True), SamplingParams(seed=0))
    assert pipe.text_encoder is None
    assert encoder() is None
    engine.encode_prompt("a red boat", "", 1.0)
    assert pipe.text_encoder is None
    engine.encode_prompt("a green boat", "", 1.0)
    assert pipe.text_encoder is not None
    engine.encode(np.zeros((1, 64, 64, 3), np.uint8), torch.Generator())
    assert pipe.text_encoder is None


def test_a_text_encoder_whose_files_went_is_a_sentence(spec: ModelSpec, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(spec.repository, folder)
    model = load_model(replace(spec, repository=folder), replace(RESIDENT, offload="drop_encoder"))
    shutil.rmtree(folder / "text_encoder")
    engine = open_engine(model, width=64, height=64)
    with pytest.raises(ModelError, match="files in its folder are missing or damaged"):
        engine.encode_prompt("a red boat", "", 1.0)


@needs_torchao
@pytest.mark.parametrize("offload", ["none", "encode_first", "model", "group", "group_slow"])
def test_a_text_encoder_in_int8_changes_little(
    spec: ModelSpec, resident: tuple[torch.Tensor, np.ndarray], offload: str
) -> None:
    model = load_model(spec, replace(RESIDENT, offload=offload, encoder_weights="int8"))
    encoder = model.pipe.text_encoder
    assert encoder.encoder.block[0].layer[0].SelfAttention.q.weight.qdata.dtype == torch.int8
    assert encoder.shared.weight.dtype == torch.float32
    _, frames = make(model)
    assert 45 < psnr(frames, resident[1]) < math.inf


@needs_torchao
@pytest.mark.parametrize("family", ["ltx-2.3", "wan-2.2-5b", "kandinsky-5-t2v"])
def test_the_text_encoders_of_all_families_can_be_in_int8(family: str, tmp_path: Path) -> None:
    if family == "ltx-2.3":
        save_tiny_ltx2(tmp_path)
    else:
        {"wan-2.2-5b": save_tiny_wan}.get(family, save_tiny_family)(family, tmp_path)
    row = replace(MODELS[family], repository=str(tmp_path), revision=None)
    states = []
    for weights in ("full", "int8"):
        encoder = load_model(row, replace(RESIDENT, encoder_weights=weights)).pipe.text_encoder
        with torch.no_grad():
            made = encoder(input_ids=torch.arange(5, 13)[None], output_hidden_states=True)
        states.append(made.hidden_states[-1].flatten())
    assert not torch.equal(*states)
    assert torch.nn.functional.cosine_similarity(*states, dim=0) > 0.99
