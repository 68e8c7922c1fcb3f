"""Folders and repositories of one's own: what they are recognised as, and which are refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import LTXPipeline, WanPipeline

from pipeline.errors import InvalidRequestError
from pipeline.models.detection import detect_model
from pipeline.models.registry import MODELS
from pipeline.models.spec import ModelSpec
from tests.tiny import LTX, MINI, tiny_ltx_pipeline
from tests.tiny_wan import TINY_WAN, save_tiny_wan, tiny_5b, tiny_i2v_a14b, tiny_t2v_a14b

ROWS = [MINI, LTX, *TINY_WAN]


@pytest.fixture(scope="module")
def folders(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("own")
    for name in TINY_WAN:
        save_tiny_wan(name, root / name)
    return {MINI: folder / "mini", LTX: folder / "ltx"} | {name: root / name for name in TINY_WAN}


@pytest.fixture
def own(folders: dict[str, Path], tmp_path: Path) -> Path:
    """Return a whole LTX-Video of one's own, to be damaged."""
    return shutil.copytree(folders[LTX], tmp_path / "my-ltx")


def rows_of(size: float) -> list[ModelSpec]:
    """Return the catalogue with transformers as small as the tiny ones are, by a factor."""
    return [
        replace(
            spec,
            parts={
                name: replace(part, num_parameters=max(1, round(part.num_parameters * size)))
                for name, part in spec.parts.items()
            },
        )
        for spec in MODELS.values()
    ]


@pytest.mark.parametrize("name", ROWS)
def test_a_pipeline_of_a_rows_classes_is_asked_as_that_row_is(
    name: str, folders: dict[str, Path]
) -> None:
    spec, row = detect_model(str(folders[name])), MODELS[name]
    # By size a tiny one is the smaller of two that have the same classes.
    row = MODELS["wan-2.1-vace-1.3b"] if name == "wan-2.1-vace-14b" else row
    assert row.label in spec.description
    assert spec.id == str(folders[name])
    assert spec.label == folders[name].name
    assert Path(spec.repository) == folders[name]
    assert (spec.checkpoint, spec.revision) == (None, None)
    for field in (
        "engine",
        "pipeline",
        "fps",
        "cannot",
        "spatial",
        "temporal",
        "call_arguments",
        "takes_loras",
        "streams_decoding",
        "default_num_inference_steps",
    ):
        assert getattr(spec, field) == getattr(row, field), field
    assert not spec.ships_with_app  # whatever the row does: its files are elsewhere
    assert spec.parts.keys() == row.parts.keys()


def test_weights_are_counted_as_they_are(folders: dict[str, Path]) -> None:
    pipe = tiny_t2v_a14b()
    parts = detect_model(str(folders["wan-2.2-t2v-a14b"])).parts
    for name, part in parts.items():
        assert part.num_parameters == sum(x.numel() for x in getattr(pipe, name).parameters())
    assert parts["vae"].bytes_per_parameter == 4


@pytest.mark.parametrize(("name", "row"), [("small", LTX), ("large", "ltx-video-13b")])
def test_of_two_rows_of_a_kind_the_one_nearest_in_size_is_taken(
    name: str, row: str, own: Path
) -> None:
    size = 52_584 / MODELS[row].parts["transformer"].num_parameters
    assert MODELS[row].label in detect_model(str(own), name, rows_of(size)).description


def test_what_other_pipelines_of_the_same_parts_have_saved_is_known_too(tmp_path: Path) -> None:
    LTXPipeline(**tiny_ltx_pipeline().components).save_pretrained(tmp_path / "ltx")
    assert detect_model(str(tmp_path / "ltx")).pipeline == "LTXConditionPipeline"
    pipe = tiny_5b()
    pipe.save_pretrained(tmp_path / "5b")
    change(tmp_path / "5b" / "model_index.json", _class_name="WanImageToVideoPipeline")
    spec = detect_model(str(tmp_path / "5b"))
    assert (spec.pipeline, spec.spatial) == ("WanPipeline", 32)


def test_a_wan_with_one_expert_is_asked_without_the_second_ones_guidance(tmp_path: Path) -> None:
    """Wan 2.1, which has no row: its pipeline refuses a second guidance scale."""
    two = tiny_t2v_a14b()
    parts = {name: x for name, x in two.components.items() if name != "transformer_2"}
    WanPipeline(**parts, transformer_2=None).save_pretrained(tmp_path)
    spec = detect_model(str(tmp_path))
    assert set(spec.parts) == {"transformer", "vae", "text_encoder"}
    assert spec.call_arguments == {}


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def nothing_there(own: Path) -> None:
    shutil.rmtree(own)


def no_index(own: Path) -> None:
    (own / "model_index.json").unlink()


def broken_index(own: Path) -> None:
    (own / "model_index.json").write_text("{")


def another_class(own: Path) -> None:
    change(own / "model_index.json", _class_name="StableDiffusionPipeline")


def code_beside(own: Path) -> None:
    (own / "transformer" / "my_transformer.py").write_text("raise SystemExit")


def code_in_the_index(own: Path) -> None:
    change(own / "model_index.json", _class_name=["pipeline", "MyPipeline"])


def code_by_config(own: Path) -> None:
    change(own / "text_encoder" / "config.json", auto_map={"AutoModel": "x--y.Z"})


def another_library(own: Path) -> None:
    change(own / "model_index.json", transformer=["os", "system"])


def a_module_of_a_library(own: Path) -> None:
    """What is inside diffusers is no class that its pipelines are saved with."""
    change(own / "model_index.json", transformer=["diffusers.utils", "BaseOutput"])


def unknown_part_class(own: Path) -> None:
    change(own / "model_index.json", transformer=["diffusers", "NoTransformer"])


def no_weights(own: Path) -> None:
    (own / "vae" / "diffusion_pytorch_model.safetensors").unlink()


def pickles(own: Path) -> None:
    no_weights(own)
    torch.save({}, own / "vae" / "diffusion_pytorch_model.bin")


def pickles_by_an_index(own: Path) -> None:
    """transformers opens what the index names, whatever it is."""
    part = own / "text_encoder"
    (part / "model.safetensors").rename(part / "other.safetensors")
    torch.save({}, part / "evil.bin")
    index = {"metadata": {}, "weight_map": {"shared.weight": "evil.bin"}}
    (part / "model.safetensors.index.json").write_text(json.dumps(index))


def weights_of_elsewhere(own: Path) -> None:
    index = {"metadata": {}, "weight_map": {"a": "../../another/model.safetensors"}}
    (own / "vae" / "x.safetensors.index.json").write_text(json.dumps(index))


def a_class_that_is_none(own: Path) -> None:
    change(own / "model_index.json", vae=["diffusers", "utils"])


def no_patches(own: Path) -> None:
    change(own / "transformer" / "config.json", patch_size=[])


def no_config(own: Path) -> None:
    (own / "transformer" / "config.json").unlink()


def wrong_config(own: Path) -> None:
    change(own / "transformer" / "config.json", num_layers="many")


def no_text_encoder(own: Path) -> None:
    change(own / "model_index.json", text_encoder=[None, None])


def a_part_more(own: Path) -> None:
    change(own / "model_index.json", image_encoder=["transformers", "CLIPVisionModel"])


def an_early_ltx(own: Path) -> None:
    change(own / "scheduler" / "scheduler_config.json", use_dynamic_shifting=True)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (nothing_there, "There is no folder "),
        (no_index, "is not a complete diffusers pipeline, because it has no model_index.json"),
        (broken_index, "The model_index.json of my-ltx is damaged"),
        (
            another_class,
            "my-ltx is a StableDiffusionPipeline, which Kinora does not support; use",
        ),
        (code_beside, "contains its own code (transformer/my_transformer.py), which Kinora does"),
        (code_in_the_index, "contains its own code (model_index.json)"),
        (code_by_config, "contains its own code (text_encoder/config.json)"),
        (a_module_of_a_library, "is from 'diffusers.utils', which Kinora does not load"),
        (another_library, "The transformer of my-ltx is from 'os', which Kinora does not load"),
        (unknown_part_class, "is a 'NoTransformer', which the installed version of diffusers"),
        (no_weights, "The vae of my-ltx has no weights; get its files again"),
        (pickles, "has weights that can run code when they are opened, and no .safetensors"),
        (pickles_by_an_index, "names files that are not .safetensors in its folder"),
        (weights_of_elsewhere, "names files that are not .safetensors in its folder"),
        (a_class_that_is_none, "is a 'utils', which the installed version of diffusers"),
        (no_patches, "A token of my-ltx covers 0 pixels a side"),
        (no_config, "because it has no transformer/config.json"),
        (wrong_config, "The configuration of my-ltx's transformer does not describe a LTXVideo"),
        (no_text_encoder, "my-ltx has no text_encoder, unlike every LTXConditionPipeline"),
        (a_part_more, "my-ltx has a part named image_encoder, unlike every LTXConditionPipeline"),
        (an_early_ltx, "my-ltx is an LTX-Video from before 0.9.5"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(
    damage: Callable[[Path], None], sentence: str, own: Path
) -> None:
    damage(own)
    with pytest.raises(InvalidRequestError) as caught:
        detect_model(str(own))
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "reference",
    ["owner/name/file", "no place", "a/b/../../etc", "x" * 400, "/" + "x" * 400, "~\0/x"],
)
def test_what_is_neither_a_folder_nor_a_place_is_refused(reference: str) -> None:
    with pytest.raises(InvalidRequestError, match="is neither a folder nor a Hub repository"):
        detect_model(reference)


def test_without_a_network_a_repository_that_is_not_here_is_a_sentence() -> None:
    with pytest.raises(InvalidRequestError, match="could not be read from the Hub; check its"):
        detect_model("nobody/nothing")


def test_experts_of_pictures_are_told_from_those_of_words(tmp_path: Path) -> None:
    tiny_i2v_a14b().save_pretrained(tmp_path)
    assert "image_to_video" not in detect_model(str(tmp_path)).cannot
