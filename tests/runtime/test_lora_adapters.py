"""LoRAs on tiny models: what they change, that they leave no trace, and which are refused."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import LTXLatentUpsamplePipeline
from safetensors.torch import load_file, save_file

from pipeline.engines import open_engine
from pipeline.engines.base import SamplingParams, WindowContext
from pipeline.errors import InvalidRequestError
from pipeline.models.lora import Lora
from pipeline.models.registry import MODELS, Models
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.lora_adapters import put_on
from pipeline.runtime.lora_files import AdapterFiles, expert_in
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.placement import Placement
from tests.tiny import CPU, LTX, tiny_ltx_pipeline, tiny_models
from tests.tiny_lora import save_tiny_lora
from tests.tiny_wan import TINY_WAN, save_tiny_wan

RESIDENT = Placement("cpu", "float32", "none", tile_decoding=False)
FRAME_MODELS = ["wan-2.2-5b", "wan-2.2-t2v-a14b", "wan-2.1-vace-1.3b", "skyreels-v2-1.3b"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Save LoRAs: two for LTX-Video, one for each other family."""
    root = tmp_path_factory.mktemp("loras")
    files = {
        "first": save_tiny_lora(tiny_ltx_pipeline(), root / "first", 1),
        "second": save_tiny_lora(tiny_ltx_pipeline(), root / "second", 2),
    }
    return files | {name: save_tiny_lora(TINY_WAN[name](), root / name) for name in FRAME_MODELS}


@pytest.fixture
def model_cache(folder: Path, files: dict[str, Path]) -> ModelCache:
    """Offer the tiny LTX-Video, held as a card holds what fits on it."""
    models = Models(tiny_models(folder).values(), {name: str(x) for name, x in files.items()})
    model_cache = ModelCache(CPU, models)
    model_cache.hold(LTX, RESIDENT)
    return model_cache


def latents(model: LoadedModel) -> torch.Tensor:
    """Make a window of two latents from words."""
    engine = open_engine(model, width=64, height=64)
    words = engine.encode_prompt("a red boat", "a cat", 3.0)
    params = SamplingParams(seed=1, num_inference_steps=2, guidance_scale=3.0)
    return engine.make(2, words, WindowContext(is_start=True), params)


def weights(model: LoadedModel) -> dict[str, torch.Tensor]:
    return {name: x.clone() for name, x in model.pipe.transformer.state_dict().items()}


def test_a_lora_changes_what_is_made_by_as_much_as_is_asked_and_leaves_no_trace(
    model_cache: ModelCache,
) -> None:
    bare = model_cache.load(LTX)
    transformer, before, plain = bare.pipe.transformer, weights(bare), latents(bare)
    made = {}
    for weight in (1.0, 0.5, 0.0):
        model = model_cache.load(LTX, loras=[Lora("first", weight)])
        assert model.pipe.transformer is transformer  # nothing is read again
        made[weight] = latents(model)
    assert torch.equal(made[0.0], plain)
    differences = [(made[weight] - plain).abs().mean() for weight in (0.5, 1.0)]
    assert 0 < differences[0] < differences[1]
    both = latents(model_cache.load(LTX, loras=[Lora("first", 1.0), Lora("second", -0.7)]))
    second = latents(model_cache.load(LTX, loras=[Lora("second", -0.7)]))
    assert not torch.equal(both, made[1.0])
    assert not torch.equal(both, second)
    again = model_cache.load(LTX)
    after = weights(again)
    assert again.pipe.transformer is transformer
    assert before.keys() == after.keys()
    assert all(torch.equal(x, after[name]) for name, x in before.items())
    assert torch.equal(latents(again), plain)


def test_windows_are_named_by_the_loras_and_their_weights(
    model_cache: ModelCache, files: dict
) -> None:
    names = [
        model_cache.load(LTX, loras=loras).fingerprint
        for loras in (
            (),
            [Lora("first")],
            [Lora("first", 0.5)],
            [Lora("second")],
            [Lora("first"), Lora("second")],
        )
    ]
    assert len(set(names)) == 5
    assert model_cache.load(LTX).fingerprint == names[0]
    assert model_cache.load(LTX, loras=[Lora("second")]).fingerprint == names[3]
    # A file that is replaced by another one of the same name is another LoRA.
    kept = files["second"].read_bytes()
    try:
        shutil.copy2(files["first"], files["second"])
        assert model_cache.load(LTX, loras=[Lora("second")]).fingerprint == names[1]
    finally:
        files["second"].write_bytes(kept)


def test_the_prompts_of_other_loras_are_not_taken_for_the_same(model_cache: ModelCache) -> None:
    plain = model_cache.load(LTX)
    asked = []
    for model in (plain, model_cache.load(LTX, loras=[Lora("first")]), model_cache.load(LTX)):
        model.read_prompt("a", "", False, lambda m=model: (asked.append(m), torch.ones(1))[1:])
    assert [model.adapters for model in asked] == [(), asked[1].adapters]
    assert len(asked) == 2


@pytest.mark.parametrize("offload", ["encode_first", "model", "group", "group_lean"])
def test_a_lora_is_the_same_however_the_model_is_held(
    model_cache: ModelCache, offload: str
) -> None:
    loras = [Lora("first", 0.8), Lora("second", 0.5)]
    plain, changed = latents(model_cache.load(LTX)), latents(model_cache.load(LTX, loras=loras))
    model_cache.hold(LTX, replace(RESIDENT, offload=offload))
    assert torch.equal(latents(model_cache.load(LTX, loras=loras)), changed)
    assert torch.equal(latents(model_cache.load(LTX)), plain)
    assert torch.equal(latents(model_cache.load(LTX, loras=loras)), changed)


def test_a_lora_is_nearly_the_same_in_eight_bits(model_cache: ModelCache) -> None:
    loras = [Lora("first", 0.8)]
    plain, changed = latents(model_cache.load(LTX)), latents(model_cache.load(LTX, loras=loras))
    model_cache.hold(LTX, replace(RESIDENT, weights="fp8"))
    model = model_cache.load(LTX, loras=loras)
    stored = {x.dtype for x in model.pipe.transformer.transformer_blocks[0].parameters()}
    assert torch.float8_e4m3fn in stored
    light = latents(model)
    assert (light - changed).abs().mean() < 0.2 * (plain - changed).abs().mean()


@pytest.mark.parametrize("name", FRAME_MODELS)
def test_every_expert_of_a_frame_model_takes_the_lora(
    name: str, files: dict[str, Path], tmp_path: Path
) -> None:
    save_tiny_wan(name, tmp_path)
    row = replace(MODELS[name], repository=str(tmp_path), revision=None, max_sequence_length=32)
    model_cache = ModelCache(CPU, Models([row], {"lora": str(files[name])}))
    model_cache.hold(name, RESIDENT)
    made = [latents(model_cache.load(name, loras=loras)) for loras in ((), [Lora("lora", 1.5)], ())]
    assert not torch.equal(made[0], made[1])
    assert torch.equal(made[0], made[2])
    model_cache.load(name, loras=[Lora("lora")])
    pipe = model_cache.load(name, loras=[Lora("lora")]).pipe
    experts = [x for x in ("transformer", "transformer_2") if getattr(pipe, x, None) is not None]
    assert pipe.get_list_adapters() == {expert: ["lora_1"] for expert in experts}


EXPERTS = "wan-2.2-t2v-a14b"


@pytest.mark.parametrize(
    ("name", "expert"),
    [
        ("high_noise_model.safetensors", "high"),
        ("wan2.2_t2v_A14b_low_noise_lora_rank64.safetensors", "low"),
        ("Wan2.2-Lightning_T2V-A14B-4steps-lora_HIGH_fp16.safetensors", "high"),
        ("Wan_2_2_I2V_A14B_LOW_lightx2v_4step_lora.safetensors", "low"),
        ("high_detail_style.safetensors", ""),
        ("SLOW_motion.safetensors", ""),
        ("pytorch_lora_weights.safetensors", ""),
    ],
)
def test_a_file_says_by_its_name_which_expert_it_is_for(name: str, expert: str) -> None:
    assert expert_in(name) == expert


def test_a_pair_of_loras_goes_to_one_expert_each(files: dict[str, Path], tmp_path: Path) -> None:
    save_tiny_wan(EXPERTS, tmp_path / "model")
    row = replace(
        MODELS[EXPERTS],
        repository=str(tmp_path / "model"),
        revision=None,
        max_sequence_length=32,
    )
    pair = {}
    for expert in ("high", "low"):
        pair[expert] = tmp_path / f"{expert}_noise_model.safetensors"
        shutil.copy2(files[EXPERTS], pair[expert])
    model_cache = ModelCache(CPU, Models([row], {name: str(x) for name, x in pair.items()}))
    model_cache.hold(EXPERTS, RESIDENT)

    def adapters(*loras: Lora) -> dict[str, list[str]]:
        return model_cache.load(EXPERTS, loras=loras).pipe.get_list_adapters()

    both = {"transformer": ["lora_1"], "transformer_2": ["lora_2"]}
    assert adapters(Lora("high"), Lora("low")) == both
    assert adapters(Lora("high")) == {"transformer": ["lora_1"]}
    assert adapters(Lora("low")) == {"transformer_2": ["lora_1"]}
    assert adapters(Lora("high", expert="low")) == {"transformer_2": ["lora_1"]}  # as asked for
    loaded = model_cache.load(EXPERTS, loras=[Lora("low", 0.5), Lora("high", 1.5)])
    assert [x.facts["expert"] for x in loaded.adapters] == ["low", "high"]
    made = latents(loaded)
    swapped = latents(model_cache.load(EXPERTS, loras=[Lora("low", 1.5), Lora("high", 0.5)]))
    assert not torch.equal(made, swapped)
    pipe = model_cache.load(EXPERTS, loras=[Lora("low", 0.5), Lora("high", 1.5)]).pipe
    layers = [x.blocks[0].attn1.to_q for x in (pipe.transformer, pipe.transformer_2)]
    assert [x.active_adapters for x in layers] == [["lora_2"], ["lora_1"]]


def test_a_models_own_loras_are_loaded_with_it_and_others_come_on_top(
    files: dict[str, Path], tmp_path: Path
) -> None:
    save_tiny_wan(EXPERTS, tmp_path / "model")
    own = tuple(Lora(str(files[EXPERTS]), expert=expert) for expert in ("high", "low"))
    row = replace(
        MODELS[f"{EXPERTS}-lightning"],
        repository=str(tmp_path / "model"),
        revision=None,
        max_sequence_length=32,
        own_loras=own,
    )
    bare = replace(row, id="bare", own_loras=())
    model_cache = ModelCache(CPU, Models([row, bare], {"style": str(files[EXPERTS])}))
    model_cache.hold(row.id, RESIDENT)
    loaded = model_cache.load(row.id)
    assert loaded.pipe.get_list_adapters() == {
        "transformer": ["lora_1"],
        "transformer_2": ["lora_2"],
    }
    assert [x.facts["expert"] for x in loaded.adapters] == ["high", "low"]
    with_style = model_cache.load(row.id, loras=[Lora("style")])
    assert with_style.pipe.get_list_adapters() == {
        "transformer": ["lora_1", "lora_3"],
        "transformer_2": ["lora_2", "lora_3"],
    }
    made = latents(model_cache.load(row.id))
    assert torch.isfinite(made).all()
    assert not torch.equal(made, latents(model_cache.load("bare")))


def another_model(file: Path, files: dict[str, Path]) -> None:
    shutil.copy2(files["wan-2.2-5b"], file)


def other_shapes(file: Path, files: dict[str, Path]) -> None:
    tensors = load_file(files["first"])
    wide = {
        name: torch.cat([x, x], dim=1 if "lora_A" in name else 0) for name, x in tensors.items()
    }
    save_file(wide, file)


def one_layer_too_many(file: Path, files: dict[str, Path]) -> None:
    tensors = load_file(files["first"])
    deeper = {name.replace("blocks.1.", "blocks.9."): x + 1 for name, x in tensors.items()}
    save_file(tensors | deeper, file)


def a_text_encoders_too(file: Path, files: dict[str, Path]) -> None:
    layer = "text_encoder.encoder.block.0.layer.0.SelfAttention.q"
    factors = {f"{layer}.lora_A.weight": torch.ones(2, 32)}
    factors[f"{layer}.lora_B.weight"] = torch.ones(32, 2)
    save_file(load_file(files["first"]) | factors, file)


def no_lora(file: Path, files: dict[str, Path]) -> None:
    del files
    save_file({"weight": torch.ones(2, 2)}, file)


def damaged(file: Path, files: dict[str, Path]) -> None:
    file.write_bytes(files["first"].read_bytes()[:100])


def half_of_it(file: Path, files: dict[str, Path]) -> None:
    save_file({n: x for n, x in load_file(files["first"]).items() if "lora_A" in n}, file)


@pytest.mark.parametrize(
    "spoil",
    [
        another_model,
        other_shapes,
        one_layer_too_many,
        a_text_encoders_too,
        no_lora,
        damaged,
        half_of_it,
    ],
)
def test_a_lora_that_does_not_fit_is_refused_and_the_model_is_as_before(
    spoil: object, model_cache: ModelCache, files: dict[str, Path], folder: Path, tmp_path: Path
) -> None:
    spoil(tmp_path / "bad.safetensors", files)
    loras = {"bad": str(tmp_path / "bad.safetensors"), "first": str(files["first"])}
    model_cache = ModelCache(CPU, Models(tiny_models(folder).values(), loras))
    model_cache.hold(LTX, RESIDENT)
    plain, changed = (latents(model_cache.load(LTX, loras=x)) for x in ((), [Lora("first")]))
    with pytest.raises(InvalidRequestError) as caught:
        model_cache.load(LTX, loras=[Lora("first"), Lora("bad")])
    sentence = "The LoRA 'bad' does not fit LTX-Video 2B 0.9.8 distilled; it was made for another "
    assert str(caught.value) == f"{sentence}model, or is not a LoRA."
    assert torch.equal(latents(model_cache.load(LTX)), plain)
    assert torch.equal(latents(model_cache.load(LTX, loras=[Lora("first")])), changed)


def test_a_pipeline_that_takes_no_loras_says_so(files: dict[str, Path]) -> None:
    """Every row's takes them today; this is one of diffusers that does not."""
    parts = tiny_ltx_pipeline().components
    pipe = LTXLatentUpsamplePipeline(parts["vae"], latent_upsampler=None)
    adapters = AdapterFiles(Models(loras={"first": str(files["first"])})).open([Lora("first")])
    with pytest.raises(InvalidRequestError, match="takes no LoRAs; choose another model"):
        put_on(pipe, adapters, MODELS[LTX])
    put_on(pipe, [], MODELS[LTX])


def test_the_frames_of_a_decoded_window_show_the_lora(model_cache: ModelCache) -> None:
    frames = []
    for loras in ((), [Lora("first", 2.0)]):
        model = model_cache.load(LTX, loras=loras)
        engine = open_engine(model, width=64, height=64)
        shown = engine.decode_shot(WindowContext(is_start=True), [latents(model)])
        frames.append(np.concatenate(list(shown)).astype(int))
    assert np.abs(frames[0] - frames[1]).mean() > 1


@pytest.mark.parametrize("left", ["nothing", "an empty folder", "two files"])
def test_an_offered_lora_that_is_not_there_any_more_tells_no_path(
    left: str, tmp_path: Path
) -> None:
    """Visitors were told where its owner keeps it."""
    path = tmp_path / "style"
    if left != "nothing":
        path.mkdir()
    for name in ("a", "b") if left == "two files" else ():
        (path / f"{name}.safetensors").touch()
    offered = AdapterFiles(Models(loras={"style": str(path)}))
    with pytest.raises(InvalidRequestError, match="'style'") as caught:
        offered.open([Lora("style")])
    assert str(tmp_path) not in str(caught.value)
