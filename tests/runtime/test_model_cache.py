"""Loading tiny models that were saved as the real ones are."""

from __future__ import annotations

import dataclasses
import gc
import json
import re
import shutil
import time
import weakref
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
import torch
from diffusers.pipelines.ltx.modeling_latent_upsampler import LTXLatentUpsamplerModel
from safetensors.torch import load_file, save_file

from pipeline.errors import InvalidRequestError, ModelError
from pipeline.models.registry import MODELS
from pipeline.runtime.device import GIGABYTE, Machine
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.placement import Placement
from tests.tiny import CPU, LTX, MINI, tiny_models


@pytest.fixture
def model_cache(folder: Path) -> ModelCache:
    return ModelCache(CPU, tiny_models(folder))


def networks(model: LoadedModel) -> list[torch.nn.Module]:
    """Return the parts of a model that have weights."""
    return [x for x in model.pipe.components.values() if isinstance(x, torch.nn.Module)]


def test_a_model_is_loaded_once_for_all_who_ask(model_cache: ModelCache) -> None:
    with ThreadPoolExecutor(4) as executor:
        models = list(executor.map(model_cache.load, [MINI] * 4))
    assert all(model is models[0] for model in models)
    assert model_cache.load(MINI) is models[0]


def test_another_model_takes_the_place_of_the_first(model_cache: ModelCache) -> None:
    first = weakref.ref(model_cache.load(MINI).pipe.painter)
    second = model_cache.load(LTX)
    gc.collect()
    assert first() is None
    assert second.spec.id == LTX
    assert model_cache.load(LTX) is second


def test_a_released_model_is_gone_and_can_be_loaded_again(model_cache: ModelCache) -> None:
    painter = weakref.ref(model_cache.load(MINI).pipe.painter)
    model_cache.release()
    gc.collect()
    assert painter() is None
    model_cache.release()
    assert model_cache.load(MINI).spec.id == MINI


def test_a_model_in_use_is_neither_let_go_nor_replaced(model_cache: ModelCache) -> None:
    with ThreadPoolExecutor(2) as executor:
        with model_cache.use(MINI) as model:
            released = executor.submit(model_cache.release)
            replaced = executor.submit(model_cache.load, LTX)
            assert not wait([released, replaced], timeout=0.3).done
            assert model_cache.load(MINI) is model
            with model_cache.use(MINI) as again:
                assert again is model
            assert not wait([released, replaced], timeout=0.3).done
        assert replaced.result(timeout=60).spec.id == LTX
        released.result(timeout=60)


def test_a_use_that_fails_ends_too(model_cache: ModelCache) -> None:
    with pytest.raises(RuntimeError, match="stop"), model_cache.use(MINI):
        raise RuntimeError("stop")
    model_cache.release()
    assert model_cache.load(LTX).spec.id == LTX


def test_many_jobs_at_once_load_each_model_as_seldom_as_they_can(
    model_cache: ModelCache, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pipeline.runtime.model_cache")

    def use(name: str) -> str:
        with model_cache.use(name) as model:
            time.sleep(0.05)
            assert all(not x.is_meta for part in networks(model) for x in part.parameters())
            return model.spec.id

    names = [MINI, LTX] * 4
    with ThreadPoolExecutor(8) as executor:
        assert list(executor.map(use, names)) == names
    num_loads = sum("Loading" in record.message for record in caplog.records)
    assert 2 <= num_loads <= 8


def test_after_a_step_down_the_model_is_held_more_frugally_and_is_let_go_first(
    model_cache: ModelCache,
) -> None:
    assert not model_cache.step_down(LTX)  # on a CPU
    model_cache.hold(LTX, Placement("cpu", "float32", "none", tile_decoding=True))
    first = model_cache.load(LTX)
    transformer = weakref.ref(first.pipe.transformer)
    fingerprint = first.fingerprint
    del first
    assert model_cache.step_down(LTX)
    offloads = [model_cache.load(LTX).placement.offload]
    gc.collect()
    assert transformer() is None
    while model_cache.step_down(LTX):
        offloads.append(model_cache.load(LTX).placement.offload)
    assert offloads == ["encode_first", "model", "group", "group"]
    assert model_cache.placement(LTX).splits_autoencoder
    assert model_cache.load(LTX).fingerprint == fingerprint
    assert model_cache.placement(MINI).offload == "none"


def test_the_upsampler_is_loaded_when_hd_is_asked_for_and_nothing_else_again(
    model_cache: ModelCache,
) -> None:
    standard = model_cache.load(LTX)
    assert standard.upsampler is None
    hd = model_cache.load(LTX, quality="hd")
    assert isinstance(hd.upsampler, LTXLatentUpsamplerModel)
    assert not any(x.is_meta for x in hd.upsampler.parameters())
    assert {x.dtype for x in hd.upsampler.parameters()} == {torch.float32}
    assert hd.pipe is standard.pipe
    assert model_cache.load(LTX).pipe is standard.pipe
    assert model_cache.load(LTX, quality="hd").upsampler is hd.upsampler


def test_a_broken_upsampler_is_a_sentence_and_the_model_works_without_it(
    folder: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.safetensors"
    save_file({"a": torch.zeros(1)}, broken)
    row = tiny_models(folder)[LTX]
    second_pass = dataclasses.replace(row.second_pass, checkpoint=str(broken))
    model_cache = ModelCache(CPU, {LTX: dataclasses.replace(row, second_pass=second_pass)})
    with pytest.raises(ModelError, match=row.label):
        model_cache.load(LTX, quality="hd")
    assert model_cache.load(LTX).upsampler is None


def test_qualities_step_down_on_their_own(folder: Path) -> None:
    """HD needs more memory: what is too much for it need not be for the others."""
    roomy = Machine("cuda", 1024 * GIGABYTE, has_fast_bf16=True)
    model_cache = ModelCache(roomy, tiny_models(folder))
    assert model_cache.step_down(LTX, quality="hd")
    assert model_cache.placement(LTX, "hd").offload == "encode_first"
    assert model_cache.placement(LTX).offload == "none"


def test_a_model_that_does_not_fit_is_refused_before_anything_is_read(folder: Path) -> None:
    small = dataclasses.replace(CPU, memory_bytes=4 * GIGABYTE)
    model_cache = ModelCache(small, tiny_models(folder))
    held = model_cache.load(MINI)
    with pytest.raises(InvalidRequestError, match="choose Kinora mini, which does fit"):
        model_cache.load(LTX)
    assert model_cache.load(MINI) is held


def test_what_is_loaded_is_said_in_the_log(
    model_cache: ModelCache, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pipeline.runtime.model_cache")
    model_cache.load(LTX)
    assert (
        "About 18 GB of the computer's 1024: the text encoder is there first, then everything "
        "else, in float32." in caplog.text
    )


def authors_name(name: str) -> str:
    """Return what LTX-Video's authors call a weight of the autoencoder (diffusers renames them)."""
    up = re.sub(r"up_blocks\.(\d)\.", lambda m: f"up_blocks.{2 * int(m[1]) + 2}.", name)
    up = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up_blocks.{int(m[1]) - 1}", up)
    down = up.replace("encoder.mid_block", "encoder.down_blocks.9")
    if match := re.search(r"down_blocks\.([0-3])(\.downsamplers\.0)?\.", down):
        index = {"0": 0, "1": 3, "2": 6, "3": 8}[match[1]] + bool(match[2])
        down = down.replace(match[0], f"down_blocks.{index}.")
    for ours, theirs in (
        ("decoder.mid_block", "decoder.up_blocks.0"),
        ("decoder.time_embedder", "decoder.last_time_embedder"),
        ("decoder.scale_shift_table", "decoder.last_scale_shift_table"),
        ("latents_mean", "per_channel_statistics.mean-of-means"),
        ("latents_std", "per_channel_statistics.std-of-means"),
    ):
        down = down.replace(ours, theirs)
    return f"vae.{down}"


def test_parts_of_a_single_file_take_the_place_of_the_folders(folder: Path, tmp_path: Path) -> None:
    """The folder need not have them then."""
    shutil.copytree(folder / "ltx", tmp_path / "ltx")
    weights = {}
    for part in ("transformer", "vae"):
        path = tmp_path / "ltx" / part / "diffusion_pytorch_model.safetensors"
        name = {"transformer": "model.diffusion_model.{}".format, "vae": authors_name}[part]
        weights |= {name(key): x + 1 for key, x in load_file(path).items()}
        path.unlink()
    save_file(weights, tmp_path / "one.safetensors")
    models = tiny_models(tmp_path)
    one = dataclasses.replace(models[LTX], checkpoint=str(tmp_path / "one.safetensors"))
    model_caches = ModelCache(CPU, {LTX: one}), ModelCache(CPU, tiny_models(folder))
    for model_cache in model_caches:
        model_cache.hold(LTX, Placement("cpu", "float32", "none", tile_decoding=True))
    pipe, original = (model_cache.load(LTX).pipe for model_cache in model_caches)
    for part in ("transformer", "vae"):
        ours, theirs = (getattr(x, part).state_dict() for x in (pipe, original))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name] + 1) for name in ours)
    theirs = original.text_encoder.state_dict()
    assert all(torch.equal(x, theirs[name]) for name, x in pipe.text_encoder.state_dict().items())


def test_a_model_is_held_as_its_placement_says(folder: Path) -> None:
    machine = dataclasses.replace(CPU, has_fast_bf16=True)
    for model_cache, dtype in (
        (ModelCache(CPU, tiny_models(folder)), torch.float32),
        (ModelCache(machine, tiny_models(folder)), torch.bfloat16),
    ):
        for name in (MINI, LTX):
            model = model_cache.load(name)
            assert {part.dtype for part in networks(model)} == {dtype}
            assert model.device == torch.device("cpu")
            assert model.pipe.vae.__dict__.get("use_tiling", False) == (name == LTX)


def test_nothing_is_loaded_or_looked_at_before_a_model_is_asked_for() -> None:
    missing = dataclasses.replace(MODELS[MINI], repository=Path("nowhere"))
    assert ModelCache(models={MINI: missing}).spec(MINI) is missing


def test_an_unknown_model_is_refused(model_cache: ModelCache) -> None:
    with pytest.raises(InvalidRequestError, match="no model named 'sora'"):
        model_cache.load("sora")


def break_nothing_there(folder: Path) -> None:
    shutil.rmtree(folder)


def break_empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def break_no_painter(folder: Path) -> None:
    shutil.rmtree(folder / "painter")


def break_no_weights(folder: Path) -> None:
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()


def break_no_tokenizer(folder: Path) -> None:
    shutil.rmtree(folder / "tokenizer")


def break_cut_weights(folder: Path) -> None:
    path = folder / "painter" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])


def break_pointer(folder: Path) -> None:
    """A clone without Git LFS has small text files in the place of the weights."""
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 14021352\n"
    (folder / "painter" / "diffusion_pytorch_model.safetensors").write_text(text)


def break_text_encoder_pointer(folder: Path) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 957168\n"
    (folder / "text_encoder" / "model.safetensors").write_text(text)


def break_configuration(folder: Path) -> None:
    (folder / "vae" / "config.json").write_text("{")


def break_other_shape(folder: Path) -> None:
    path = folder / "painter" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"depth": config["depth"] + 1}))


def break_pickled(folder: Path) -> None:
    """Weights as a pickle could run anything; they are not even looked for."""
    path = folder / "vae" / "diffusion_pytorch_model.safetensors"
    torch.save({}, path.with_suffix(".bin"))
    path.unlink()


@pytest.mark.parametrize(
    "damage",
    [value for name, value in dict(globals()).items() if name.startswith("break_")],
)
def test_weights_that_are_missing_or_damaged_are_named_in_a_sentence(
    folder: Path, tmp_path: Path, damage: object
) -> None:
    shutil.copytree(folder / "mini", tmp_path / "mini")
    damage(tmp_path / "mini")
    model_cache = ModelCache(CPU, tiny_models(tmp_path))
    with pytest.raises(ModelError) as caught:
        model_cache.load(MINI)
    assert str(caught.value) == (
        "The weights of Kinora mini are missing or damaged; download the repository again, with "
        "its assets folder."
    )


def test_a_model_that_cannot_be_downloaded_is_said_to_be_so(folder: Path, tmp_path: Path) -> None:
    row = tiny_models(folder)[LTX]
    for repository, sentence in (
        ("nobody/nothing", "could not be downloaded"),
        (str(tmp_path / "nowhere"), "no longer exists; choose another model"),
    ):
        model_cache = ModelCache(CPU, {LTX: dataclasses.replace(row, repository=repository)})
        with pytest.raises(ModelError, match=sentence):
            model_cache.load(LTX)


def test_a_failed_load_leaves_the_loader_usable(folder: Path, tmp_path: Path) -> None:
    models = tiny_models(folder)
    broken = dataclasses.replace(models[LTX], repository=str(tmp_path / "nowhere"))
    model_cache = ModelCache(CPU, models | {LTX: broken})
    with pytest.raises(ModelError):
        model_cache.load(LTX)
    assert model_cache.load(MINI).spec.id == MINI
