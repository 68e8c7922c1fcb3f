"""Loading tiny models that were saved as the real ones are."""

from __future__ import annotations

import dataclasses
import gc
import shutil
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from pipeline.errors import InvalidRequestError, ModelError
from pipeline.loader import Loader, is_uniform
from pipeline.models import MODELS
from tests.tiny import CPU, LTX, MINI, tiny_models


@pytest.fixture
def loader(folder: Path) -> Loader:
    return Loader(CPU, tiny_models(folder))


def test_a_model_is_loaded_once_for_all_who_ask(loader: Loader) -> None:
    with ThreadPoolExecutor(4) as executor:
        models = list(executor.map(loader.load, [MINI] * 4))
    assert all(model is models[0] for model in models)
    assert loader.load(MINI) is models[0]


def test_another_model_takes_the_place_of_the_first(loader: Loader) -> None:
    first = weakref.ref(loader.load(MINI).pipe.transformer)
    second = loader.load(LTX)
    gc.collect()
    assert first() is None
    assert second.spec.id == LTX
    assert loader.load(LTX) is second


def test_a_released_model_is_gone_and_can_be_loaded_again(loader: Loader) -> None:
    transformer = weakref.ref(loader.load(MINI).pipe.transformer)
    loader.release()
    gc.collect()
    assert transformer() is None
    loader.release()
    assert loader.load(MINI).spec.id == MINI


def test_a_model_is_held_as_its_placement_says(folder: Path) -> None:
    machine = dataclasses.replace(CPU, has_fast_bf16=True)
    for loader, dtype in (
        (Loader(CPU, tiny_models(folder)), torch.float32),
        (Loader(machine, tiny_models(folder)), torch.bfloat16),
    ):
        for name in (MINI, LTX):
            model = loader.load(name)
            parts = (model.pipe.vae, model.pipe.transformer, model.pipe.text_encoder)
            assert {part.dtype for part in parts} == {dtype}
            assert model.device == torch.device("cpu")
            assert model.pipe.vae.__dict__.get("use_tiling", False) == (name == LTX)
            assert is_uniform(model.pipe.vae) == (name == MINI)


def test_nothing_is_loaded_or_looked_at_before_a_model_is_asked_for() -> None:
    missing = dataclasses.replace(MODELS[MINI], repository=Path("nowhere"))
    assert Loader(models={MINI: missing}).spec(MINI) is missing


def test_an_unknown_model_is_refused(loader: Loader) -> None:
    with pytest.raises(InvalidRequestError, match="no model named 'sora'"):
        loader.load("sora")


def break_nothing_there(folder: Path) -> None:
    shutil.rmtree(folder)


def break_empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def break_no_transformer(folder: Path) -> None:
    shutil.rmtree(folder / "transformer")


def break_no_weights(folder: Path) -> None:
    (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink()


def break_no_tokenizer(folder: Path) -> None:
    shutil.rmtree(folder / "tokenizer")


def break_cut_weights(folder: Path) -> None:
    path = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])


def break_pointer(folder: Path) -> None:
    """A clone without Git LFS has small text files in the place of the weights."""
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 14021352\n"
    (folder / "transformer" / "diffusion_pytorch_model.safetensors").write_text(text)


def break_text_encoder_pointer(folder: Path) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 957168\n"
    (folder / "text_encoder" / "model.safetensors").write_text(text)


def break_configuration(folder: Path) -> None:
    (folder / "vae" / "config.json").write_text("{")


def break_other_shape(folder: Path) -> None:
    path = folder / "transformer" / "config.json"
    path.write_text(path.read_text().replace('"num_layers": 2', '"num_layers": 3'))


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
    loader = Loader(CPU, tiny_models(tmp_path))
    with pytest.raises(ModelError) as caught:
        loader.load(MINI)
    assert str(caught.value) == (
        "The weights of Kinora mini are missing or damaged; get the repository again, with its "
        "assets folder."
    )


def test_a_model_that_cannot_be_downloaded_is_said_to_be_so(tmp_path: Path) -> None:
    loader = Loader(CPU, tiny_models(tmp_path / "nowhere"))
    with pytest.raises(ModelError, match="could not be loaded from the Hub"):
        loader.load(LTX)


def test_a_failed_load_leaves_the_loader_usable(folder: Path, tmp_path: Path) -> None:
    models = tiny_models(folder)
    broken = dataclasses.replace(models[LTX], repository=str(tmp_path / "nowhere"))
    loader = Loader(CPU, models | {LTX: broken})
    with pytest.raises(ModelError):
        loader.load(LTX)
    assert loader.load(MINI).spec.id == MINI
