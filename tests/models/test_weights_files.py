"""Single files of weights (GGUF, fp8): what they are taken for, loaded, and refused in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import WanTransformer3DModel
from safetensors.torch import save_file

from pipeline.errors import InvalidRequestError, ModelError
from pipeline.models.custom import read_models
from pipeline.models.detection import detect_model
from pipeline.models.lora import Lora
from pipeline.models.registry import MODELS, Models
from pipeline.models.spec import ModelSpec, WeightsFile
from pipeline.runtime.device import GIGABYTE, Machine
from pipeline.runtime.loading import LoadedModel, load_model, name_weights
from pipeline.runtime.lora_files import AdapterFiles
from pipeline.runtime.memory_needs import estimate
from pipeline.runtime.memory_plan import place
from tests.runtime.test_offload import RESIDENT, make, psnr
from tests.tiny import LTX, tiny_ltx_pipeline, tiny_models
from tests.tiny_families import T2V, save_tiny_family
from tests.tiny_gguf import save_fp8, save_gguf
from tests.tiny_lora import save_tiny_lora
from tests.tiny_ltx2 import save_tiny_ltx2, tiny_ltx2
from tests.tiny_wan import save_tiny_wan, tiny_t2v_a14b


@pytest.fixture(scope="module")
def row(folder: Path) -> ModelSpec:
    return tiny_models(folder)[LTX]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save the tiny LTX-Video's transformer in every kind of file."""
    root, transformer = tmp_path_factory.mktemp("files"), tiny_ltx_pipeline().transformer
    save_gguf(transformer, root / "tiny-Q8_0.gguf")
    save_gguf(transformer, root / "tiny-Q4_0.gguf", "Q4_0", prefix="model.diffusion_model.")
    save_fp8(transformer, root / "fp8.safetensors")
    save_fp8(transformer, root / "scaled.safetensors", is_scaled=True)
    save_file(transformer.state_dict(), root / "plain.safetensors")
    wide = {name: x.to(torch.float8_e5m2) for name, x in transformer.state_dict().items()}
    save_file(wide, root / "e5m2.safetensors")
    (root / "empty.gguf").write_bytes(b"")
    (root / "weights.ckpt").write_bytes(b"GGUF")
    (root / "no.safetensors").write_bytes(b"weights")
    return root


def with_file(row: ModelSpec, path: Path) -> ModelSpec:
    return detect_model(f"{row.id}+{path}", rows=[row])


def load(spec: ModelSpec, **changes: object) -> LoadedModel:
    storages = {file.storage for file in spec.files.values()}
    placement = replace(RESIDENT, weights=storages.pop() if storages else "full", **changes)
    return load_model(spec, placement)


@pytest.mark.parametrize(("kind", "least"), [("Q8_0", 45), ("Q4_0", 25)])
@pytest.mark.parametrize("offload", ["none", "encode_first", "model", "group", "group_slow"])
def test_weights_in_gguf_stay_in_blocks_and_change_as_little_as_their_bits_allow(
    kind: str, least: float, offload: str, row: ModelSpec, files: Path
) -> None:
    spec = with_file(row, files / f"tiny-{kind}.gguf")
    model = load(spec, offload=offload)
    layer = model.pipe.transformer.transformer_blocks[0].attn1.to_q
    bits = {"Q8_0": 8.5, "Q4_0": 4.5}[kind]
    assert layer.weight.dtype == torch.uint8
    assert layer.weight.numel() == 32 * 32 * bits / 8
    frames = make(model)[1]
    assert least < psnr(frames, make(load_model(row, RESIDENT))[1]) < float("inf")


def test_weights_in_fp8_are_those_that_fp8_makes_of_the_whole(row: ModelSpec, files: Path) -> None:
    spec = with_file(row, files / "fp8.safetensors")
    assert spec.files["transformer"].storage == "fp8"
    latents, frames = make(load(spec))
    cast, frames_of_cast = make(load_model(row, replace(RESIDENT, weights="fp8")))
    assert torch.equal(latents, cast)
    assert (frames == frames_of_cast).all()


def test_a_plain_file_gives_the_same_bits_as_the_folder_it_was_made_of(
    row: ModelSpec, files: Path
) -> None:
    latents, _ = make(load(with_file(row, files / "plain.safetensors")))
    assert torch.equal(latents, make(load_model(row, RESIDENT))[0])


def test_each_expert_has_a_file_of_its_own(tmp_path: Path) -> None:
    save_tiny_wan("wan-2.2-t2v-a14b", tmp_path / "wan")
    pipe = tiny_t2v_a14b()
    names = ["transformer", "transformer_2"]
    paths = [save_gguf(getattr(pipe, name), tmp_path / f"{name}.gguf") for name in names]
    folder = str(tmp_path / "wan")
    spec = detect_model("+".join([folder, *map(str, paths)]))
    assert [spec.files[name].name for name in names] == [path.name for path in paths]
    assert str(tmp_path) not in spec.label
    model = load(spec)
    for name in names:
        ours, theirs = (getattr(x, name).blocks[0].ffn.net[2] for x in (model.pipe, pipe))
        assert ours.weight.dtype == torch.uint8
        given = torch.randn(1, theirs.in_features, generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(ours(given), theirs(given), atol=0.02, rtol=0.05)
    with pytest.raises(InvalidRequestError, match="has 2 transformers, but 1 files are named"):
        detect_model(f"{folder}+{paths[0]}")


def test_the_files_of_ltx_2_with_the_authors_names_are_read(tmp_path: Path) -> None:
    """The names in Lightricks' files, which GGUF files of LTX-2 have too."""
    save_tiny_ltx2(tmp_path / "ltx2")
    transformer = tiny_ltx2().transformer
    theirs = {
        "audio_proj_in": "audio_patchify_proj",
        "proj_in": "patchify_proj",
        "av_cross_attn_video_scale_shift": "av_ca_video_scale_shift_adaln_single",
        "av_cross_attn_audio_scale_shift": "av_ca_audio_scale_shift_adaln_single",
        "av_cross_attn_video_a2v_gate": "av_ca_a2v_gate_adaln_single",
        "av_cross_attn_audio_v2a_gate": "av_ca_v2a_gate_adaln_single",
        "video_a2v_cross_attn_scale_shift_table": "scale_shift_table_a2v_ca_video",
        "audio_a2v_cross_attn_scale_shift_table": "scale_shift_table_a2v_ca_audio",
        "audio_time_embed": "audio_adaln_single",
        "time_embed": "adaln_single",
        "norm_q": "q_norm",
        "norm_k": "k_norm",
    }
    weights = {}
    for name, tensor in transformer.state_dict().items():
        for ours, authors in theirs.items():
            name = name.replace(ours, authors)
        weights[f"model.diffusion_model.{name}"] = tensor
    save_file(weights, tmp_path / "one.safetensors")
    row = replace(MODELS["ltx-2.3"], repository=str(tmp_path / "ltx2"), revision=None)
    spec = with_file(row, tmp_path / "one.safetensors")
    read = load_model(spec, RESIDENT).pipe.transformer.state_dict()
    assert all(torch.equal(read[name], x) for name, x in transformer.state_dict().items())


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["nothing.gguf"], "The file nothing.gguf could not be read; check the path"),
        (["empty.gguf"], "empty.gguf is no GGUF file; get it again"),
        (["no.safetensors"], "The file no.safetensors could not be read"),
        (["weights.ckpt"], "other formats can run code when they are opened"),
        (["scaled.safetensors"], "scaled.safetensors has scaled fp8 weights, which Kinora does"),
        (["e5m2.safetensors"], "e5m2.safetensors has scaled fp8 weights, which Kinora does"),
        (["fp8.safetensors"] * 2, "has 1 transformer, but 2 files are named"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(
    names: list[str], sentence: str, row: ModelSpec, files: Path
) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        detect_model("+".join([LTX, *(str(files / name) for name in names)]), rows=[row])
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        (f"{LTX}+nobody/nothing/x.gguf", "could not be read from the Hub; check its name"),
        (f"{LTX}+x.gguf", "is neither a file nor a place on the Hub"),
        ("nothing+nobody/nothing/x.gguf", "'nothing' is neither a folder nor a Hub repository"),
    ],
)
def test_a_file_that_is_nowhere_is_a_sentence(reference: str, sentence: str) -> None:
    with pytest.raises(InvalidRequestError, match=sentence):
        detect_model(reference)


def test_a_file_of_another_model_is_said_to_be_one(row: ModelSpec, tmp_path: Path) -> None:
    size = {"num_attention_heads": 2, "attention_head_dim": 16, "text_dim": 32, "ffn_dim": 32}
    path = save_gguf(WanTransformer3DModel(num_layers=1, **size), tmp_path / "wan.gguf")
    with pytest.raises(ModelError, match=r"wan\.gguf is damaged, or made for another model"):
        load(with_file(row, path))


def test_a_family_without_such_files_says_so(files: Path, tmp_path: Path) -> None:
    save_tiny_family(T2V, tmp_path / "kandinsky")
    spec = detect_model(f"{tmp_path / 'kandinsky'}+{files / 'tiny-Q8_0.gguf'}")
    with pytest.raises(ModelError, match="cannot be read from a single file like tiny-Q8_0"):
        load(spec)


def test_the_owners_files_are_offered_by_names_without_folders(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KINORA_MODELS", f"{LTX}+{files / 'tiny-Q8_0.gguf'}")
    models = read_models(is_private=False)
    spec = models[f"{LTX}+tiny-Q8_0"]
    assert spec.label == f"{MODELS[LTX].label} (tiny-Q8_0.gguf)"
    assert str(files) not in spec.label + spec.description
    assert spec.tasks == MODELS[LTX].tasks


def test_a_file_in_fewer_bits_takes_the_memory_of_its_bytes() -> None:
    four_bits = WeightsFile("/nowhere/x.gguf", 1_200_000_000)
    spec = replace(MODELS[LTX], files={"transformer": four_bits})
    machine = Machine("cuda", 80 * GIGABYTE, has_fast_bf16=True)
    full, light = (estimate(x, place(x, machine)).ram_bytes for x in (MODELS[LTX], spec))
    assert full - light == 1_923_385_472 * 2 - 1_200_000_000
    assert place(spec, machine).weights == "gguf"
    fp8 = replace(spec, files={"transformer": replace(four_bits, storage="fp8")})
    assert place(fp8, machine).weights == "fp8"


def test_another_file_is_another_model_to_the_cache(row: ModelSpec, files: Path) -> None:
    specs = [row, *(with_file(row, files / f"tiny-{x}.gguf") for x in ("Q8_0", "Q4_0"))]
    held = [RESIDENT, *[replace(RESIDENT, weights="gguf")] * 2]
    names = [name_weights(x, None, y) for x, y in zip(specs, held, strict=True)]
    names.append(name_weights(row, None, replace(RESIDENT, encoder_weights="int8")))
    assert len(set(names)) == 4


def test_the_four_bits_of_a_row_are_read_only_where_the_placement_says_so(
    row: ModelSpec, files: Path
) -> None:
    light = WeightsFile(str(files / "tiny-Q4_0.gguf"), 1)
    spec = replace(row, light_files={"transformer": light})
    models = [load_model(spec, replace(RESIDENT, weights=x)) for x in ("full", "gguf")]
    layers = [model.pipe.transformer.transformer_blocks[0].attn1.to_q for model in models]
    assert [layer.weight.dtype for layer in layers] == [torch.float32, torch.uint8]
    assert models[0].weights != models[1].weights


def test_a_lora_is_put_on_a_transformer_in_gguf(
    row: ModelSpec, files: Path, tmp_path: Path
) -> None:
    lora = save_tiny_lora(tiny_ltx_pipeline(), tmp_path)
    adapters = AdapterFiles(Models([row], recognise=detect_model)).open([Lora(str(lora), 1.5)])
    spec, held = with_file(row, files / "tiny-Q8_0.gguf"), replace(RESIDENT, weights="gguf")
    plain, changed = (make(load_model(spec, held, adapters=x))[1] for x in ((), adapters))
    whole = make(load_model(row, RESIDENT, adapters=adapters))[1]
    assert psnr(changed, plain) < 40 < psnr(changed, whole)
