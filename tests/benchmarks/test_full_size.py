"""Full-size models with random weights: their shapes are the released ones, and they make clips."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from benchmarks import full_size
from benchmarks.card import CardCheck, check_model, check_models, check_turns
from benchmarks.full import Clip, at_full_size, measure_full
from benchmarks.full_size import CONFIGURATIONS, build_empty, fill, letter_tokenizer, save_random
from pipeline.models.registry import MODELS
from tests.tiny import CPU

LTX_ROW = MODELS["ltx-video-2b"]
# Of the class, at a size that is built in a moment.
TINY = {
    "text_encoder": (
        "T5EncoderModel",
        {"vocab_size": 128, "d_model": 32, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 4},
    ),
    "transformer": (
        "LTXVideoTransformer3DModel",
        {
            "in_channels": 8,
            "out_channels": 8,
            "num_attention_heads": 2,
            "attention_head_dim": 12,
            "cross_attention_dim": 24,
            "num_layers": 1,
            "caption_channels": 32,
        },
    ),
    "vae": (
        "AutoencoderKLLTXVideo",
        {
            **full_size._LTX_VAE,
            "latent_channels": 8,
            "block_out_channels": (8, 8, 8, 8, 8),
            "decoder_block_out_channels": (8, 16, 32),
            "layers_per_block": (1, 1, 1, 1, 1),
            "decoder_layers_per_block": (1, 1, 1, 1),
        },
    ),
}


@pytest.mark.parametrize(
    ("model", "part"), [(model, part) for model, parts in CONFIGURATIONS.items() for part in parts]
)
def test_a_released_configuration_has_as_many_weights_as_the_row_says(
    model: str, part: str
) -> None:
    """The rows were counted apart from these: either would show a wrong number in the other."""
    module = build_empty(*CONFIGURATIONS[model][part])
    assert all(x.is_meta for x in module.parameters())
    counted = sum(x.numel() for x in module.parameters())
    assert counted == MODELS[model].parts[part].num_parameters


def test_random_weights_keep_the_size_of_what_passes_through_them() -> None:
    part = fill(build_empty(*TINY["transformer"]), torch.float32)
    assert not any(x.is_meta for x in part.parameters())
    weights = part.proj_in.weight
    assert weights.std() == pytest.approx(weights.shape[1] ** -0.5, rel=0.2)
    assert torch.equal(
        fill(build_empty(*TINY["transformer"]), torch.float32).proj_in.weight, weights
    )


def test_the_tokenizer_reads_every_letter_of_a_prompt() -> None:
    tokenizer = letter_tokenizer()
    tokens = tokenizer("a red car").input_ids
    assert len(tokens) >= len("a red car")
    assert tokenizer.unk_token_id not in tokens


def test_a_full_run_goes_through_the_loader_and_says_what_it_took(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(CONFIGURATIONS, "ltx-video-2b", TINY)
    row = measure_full(LTX_ROW, tmp_path, Clip(0.5, 128 * 96), machine=CPU)
    assert "random weights" in row["model"]
    assert (row["offload"], row["frames"], row["size"]) == ("drop_encoder", 17, [160, 96])
    assert row["steps"] >= 7
    assert row["all, s"] > row["a step, s"] > 0
    index = json.loads((tmp_path / "model_index.json").read_text())
    assert index["text_encoder"] == ["transformers", "T5EncoderModel"]


def test_weights_are_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(CONFIGURATIONS, "ltx-video-2b", TINY)
    save_random(LTX_ROW, tmp_path)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    save_random(LTX_ROW, tmp_path)
    assert files == {
        path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()
    }


def test_a_card_check_says_what_each_check_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(CONFIGURATIONS, "ltx-video-2b", TINY)
    what = CardCheck(seconds=0.5, num_pixels=128 * 96)
    rows = {row["check"]: row for row in check_model(LTX_ROW, tmp_path, what, CPU)}
    assert [*rows] == ["weights", "clip", "stop", "step down", "same frames"]
    assert rows["clip"]["frames"] == 17
    assert 0 <= rows["stop"]["stopped after, s"] < 10
    assert rows["step down"]["skipped"] == "everything fits"
    assert rows["same frames"]["PSNR to the first, dB (none: the same)"] == {"drop_encoder": None}
    turns = check_turns([at_full_size(LTX_ROW, tmp_path / LTX_ROW.id, 128 * 96)], CPU)
    assert [row["model"] for row in turns["rows"]] == [LTX_ROW.id, LTX_ROW.id]


def test_a_card_check_that_fails_says_so() -> None:
    rows = [*check_models(["no-model"], minutes=1, options=["--folder", "unused"])]
    assert [row["error"] for row in rows] == ["ended with code 1"]
    assert "no-model" in "".join(rows[0]["log"])
    assert [*check_models(["a", "b"], minutes=0, options=[])] == [
        {"model": name, "error": "not begun: the time is up"} for name in ("a", "b", "a and b")
    ]
