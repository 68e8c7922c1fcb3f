"""The switches on tiny random models of the real classes: on, off again, and never beyond."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.models.attention_dispatch import (
    AttentionBackendName,
    attention_backend,
    dispatch_attention_fn,
)

from pipeline.engines import open_engine
from pipeline.engines.base import OnEngineStep, SamplingParams, WindowContext
from pipeline.errors import GenerationCancelledError, KinoraError
from pipeline.generation.generate import generate
from pipeline.models.registry import MODELS
from pipeline.models.spec import ModelSpec
from pipeline.planning.request import GenerationRequest
from pipeline.planning.validation import build_request
from pipeline.runtime.acceleration import NATIVE, PLAIN, Acceleration, AccelerationSettings, Work
from pipeline.runtime.acceleration_hooks import (
    apply_acceleration,
    can_build,
    check_attention,
    denoisers,
    use_compiled_blocks,
)
from pipeline.runtime.device import detect_machine
from pipeline.runtime.loading import LoadedModel, load_model
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.placement import Placement
from tests.hub import serve_hub
from tests.tiny import CPU, LTX, tiny_models
from tests.tiny_wan import save_tiny_wan

WAN_5B, T2V, VACE, SKYREELS = (
    "wan-2.2-5b",
    "wan-2.2-t2v-a14b",
    "wan-2.1-vace-1.3b",
    "skyreels-v2-1.3b",
)
BLOCKS = Path(__file__).parents[1] / "zero_blocks.py"
CACHED = Acceleration(cache_threshold=0.2)
NUM_STEPS = 20


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> dict[str, ModelSpec]:
    rows = {LTX: tiny_models(folder)[LTX]}
    for name in (WAN_5B, T2V, VACE, SKYREELS):
        saved = tmp_path_factory.mktemp(name)
        save_tiny_wan(name, saved)
        rows[name] = replace(
            MODELS[name],
            repository=str(saved),
            revision=None,
            max_sequence_length=32,
            num_pixels=64 * 64,
            sizes={},
            window_frames=9,
        )
    return rows


@pytest.fixture(scope="module")
def models(rows: dict[str, ModelSpec]) -> dict[str, LoadedModel]:
    return {name: ModelCache(CPU, rows).load(name) for name in rows}


@pytest.fixture(autouse=True)
def plain_process() -> Iterator[None]:
    """See to it that each test leaves the attention of the process as it was."""
    assert active_backend() == NATIVE
    yield
    assert active_backend() == NATIVE


def active_backend() -> str:
    """Return what attention uses where nobody has chosen: diffusers has no public way to ask."""
    from diffusers.models import attention_dispatch

    return attention_dispatch._AttentionBackendRegistry.get_active_backend()[0].value


class Blocks:
    """Counts the calls of the last block of every transformer, while the `with` block lasts."""

    def __init__(self, model: LoadedModel) -> None:
        self.counts = [0 for _ in denoisers(model.pipe)]
        self._model = model

    def __enter__(self) -> Blocks:
        def count(index: int) -> None:
            self.counts[index] += 1

        self._hooks = [
            # Of a part within it: the cache takes the place of the block's own call.
            transformer.blocks[-1].ffn.register_forward_hook(lambda *_, i=i: count(i))
            for i, transformer in enumerate(denoisers(self._model.pipe))
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()


def make(
    model: LoadedModel,
    seed: int = 5,
    num_steps: int = NUM_STEPS,
    on_step: OnEngineStep | None = None,
) -> torch.Tensor:
    engine = open_engine(model, width=64, height=64)
    prompt = engine.encode_prompt("a red car", "", 3.0)
    params = SamplingParams(seed, num_steps, guidance_scale=3.0)
    return engine.make(2, prompt, WindowContext(is_start=True), params, on_step)


@pytest.fixture
def switched(models: dict[str, LoadedModel]) -> Iterator[object]:
    """Return a function that puts switches on a model; they are off after the test."""
    on: list[tuple[LoadedModel, Acceleration]] = []

    def switch(name: str, acceleration: Acceleration) -> LoadedModel:
        apply_acceleration(models[name].pipe, PLAIN, acceleration)
        on.append((models[name], acceleration))
        return replace(models[name], acceleration=acceleration)

    yield switch
    for model, acceleration in on:
        apply_acceleration(model.pipe, acceleration, PLAIN)


@pytest.mark.parametrize("name", [WAN_5B, T2V])
def test_a_cache_calls_fewer_blocks_of_every_expert_and_off_again_none_the_less(
    models: dict[str, LoadedModel], name: str
) -> None:
    model = models[name]
    with Blocks(model) as plain:
        before = make(model)
    apply_acceleration(model.pipe, PLAIN, CACHED)
    with Blocks(model) as cached:
        made = make(model)
    apply_acceleration(model.pipe, CACHED, PLAIN)
    with Blocks(model) as again:
        after = make(model)
    assert torch.equal(before, after)
    assert again.counts == plain.counts
    assert all(0 < few < all_ for few, all_ in zip(cached.counts, plain.counts, strict=True))
    assert made.isfinite().all()
    assert 0 < (made - before).abs().max() < before.std()


def test_a_cache_remembers_nothing_of_the_window_before(switched: object) -> None:
    """Nor of one that was broken off in the middle of its steps."""
    model = switched(WAN_5B, CACHED)
    first = make(model)
    other = make(model, seed=6)
    assert not torch.equal(first, other)

    def stop(step: int, _latents: torch.Tensor) -> None:
        if step == 7:
            raise GenerationCancelledError

    with pytest.raises(GenerationCancelledError):
        make(model, seed=6, on_step=stop)
    assert torch.equal(make(model), first)


@pytest.mark.parametrize(
    "acceleration", [CACHED, Acceleration(is_compiled=True), Acceleration(attention="flash")]
)
def test_what_a_switch_makes_goes_by_another_name(
    models: dict[str, LoadedModel], acceleration: Acceleration
) -> None:
    plain = models[WAN_5B]
    names = {plain.fingerprint, replace(plain, acceleration=acceleration).fingerprint}
    names.add(replace(plain, acceleration=replace(acceleration, cache_threshold=0.3)).fingerprint)
    assert len(names) == 3
    assert (
        replace(plain, acceleration=Acceleration()).fingerprint
        == plain.fingerprint
        == plain.weights
    )


def request_of(**changes: object) -> GenerationRequest:
    fields = {"prompt": "a red car", "duration": 0.6, "num_inference_steps": NUM_STEPS}
    return build_request("text_to_video", **fields | {"model": WAN_5B, "seed": 3} | changes)


def run(model_cache: ModelCache, folder: Path, **changes: object) -> dict[str, object]:
    """Make a clip of two windows and return its recipe; the windows are kept in the folder."""
    clip = generate(
        request_of(**changes),
        model_cache=model_cache,
        output=folder / "clip.mp4",
        on_progress=lambda _: None,
        is_cancelled=lambda: False,
        keep=folder,
    )
    return clip.recipe


def windows(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("windows/*")}


def test_windows_on_disk_are_found_again_with_the_same_switches_only(
    rows: dict[str, ModelSpec], tmp_path: Path
) -> None:
    plain = ModelCache(CPU, rows)
    assert run(plain, tmp_path)["speed"] == {}
    kept = windows(tmp_path)
    assert len(kept) == 2
    cached = ModelCache(CPU, rows, AccelerationSettings(cache_threshold=0.2))
    assert run(cached, tmp_path)["speed"] == {"cache_threshold": 0.2}
    assert not windows(tmp_path).keys() & kept.keys()
    kept = windows(tmp_path)
    run(cached, tmp_path)
    assert windows(tmp_path) == kept


def test_each_job_has_its_own_switches_on_the_same_weights(rows: dict[str, ModelSpec]) -> None:
    """A short one after a long one is made as if there had been no other."""
    model_cache = ModelCache(CPU, rows, AccelerationSettings(cache_threshold=0.2))
    with model_cache.use(WAN_5B, work=Work(8, 0)) as model:
        transformer, before = model.pipe.transformer, make(model, num_steps=8)
    with model_cache.use(WAN_5B, work=Work(NUM_STEPS, 0)) as model:
        assert model.acceleration == CACHED
        assert model.pipe.transformer is transformer
        assert transformer.is_cache_enabled
    with model_cache.use(WAN_5B, work=Work(8, 0)) as model:
        assert model.acceleration == PLAIN
        assert torch.equal(make(model, num_steps=8), before)


@pytest.mark.skipif(not detect_machine().has_compiler, reason="there is no C++ compiler")
def test_compiled_blocks_make_nearly_the_same_and_plain_ones_the_same_bits_again(
    models: dict[str, LoadedModel],
) -> None:
    model, compiled = models[WAN_5B], Acceleration(is_compiled=True)
    before = make(model, num_steps=3)
    apply_acceleration(model.pipe, PLAIN, compiled)
    blocks = model.pipe.transformer.blocks
    assert all(block._compiled_call_impl is not None for block in blocks)
    made = make(model, num_steps=3)
    apply_acceleration(model.pipe, compiled, PLAIN)
    assert torch.equal(make(model, num_steps=3), before)
    torch.testing.assert_close(made, before, atol=1e-4, rtol=1e-4)
    assert not torch.equal(made, before)  # else a name of its own would be for nothing


@pytest.fixture
def broken_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Take the C++ compiler away, and what it has made."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    with torch._inductor.config.patch({"cpp.cxx": ("no-such-compiler",)}):
        yield
    torch._dynamo.reset()


@pytest.mark.usefixtures("broken_compiler")
def test_a_compiler_that_does_not_work_is_noticed(caplog: pytest.LogCaptureFixture) -> None:
    assert not can_build("cpu")
    assert "a test compilation failed" in caplog.text


@pytest.mark.usefixtures("broken_compiler")
def test_blocks_that_cannot_be_compiled_do_not_end_a_job(
    models: dict[str, LoadedModel], switched: object
) -> None:
    before = make(models[WAN_5B], num_steps=2)
    assert torch.equal(make(switched(WAN_5B, Acceleration(is_compiled=True)), num_steps=2), before)


@pytest.mark.parametrize("offload", ["encode_first", "model", "group_slow"])
def test_a_cache_works_where_parts_are_moved(
    rows: dict[str, ModelSpec], switched: object, offload: str
) -> None:
    """Hooks of three libraries in one transformer, window after window."""
    moved = load_model(rows[WAN_5B], Placement("cpu", "float32", offload, tile_decoding=True))
    apply_acceleration(moved.pipe, PLAIN, CACHED)
    cached = make(switched(WAN_5B, CACHED))
    for _ in range(2):
        with Blocks(moved) as blocks:
            assert torch.equal(make(moved), cached)
        assert blocks.counts[0] < 2 * NUM_STEPS


def test_attention_is_chosen_for_a_model_and_not_for_the_process(
    models: dict[str, LoadedModel], switched: object
) -> None:
    """diffusers' own call leaves it on for all that is loaded later: issue 14249."""
    plain = make(models[T2V], num_steps=2)
    model = switched(T2V, Acceleration(attention="_native_math"))
    chosen = {
        module.processor._attention_backend
        for transformer in denoisers(model.pipe)
        for module in transformer.modules()
        if hasattr(module, "processor")
    }
    assert chosen == {AttentionBackendName._NATIVE_MATH}
    assert active_backend() == NATIVE
    torch.testing.assert_close(make(model, num_steps=2), plain, atol=1e-3, rtol=1e-3)
    assert active_backend() == NATIVE


def test_diffusers_still_leaks_it_or_our_mending_can_go(models: dict[str, LoadedModel]) -> None:
    transformer = models[WAN_5B].pipe.transformer
    with attention_backend(NATIVE):
        transformer.set_attention_backend("_native_math")
        transformer.reset_attention_backend()
        assert active_backend() == "_native_math"


@pytest.mark.parametrize("name", [WAN_5B, T2V, VACE, SKYREELS, LTX])
def test_every_family_takes_the_attention_that_is_chosen(
    models: dict[str, LoadedModel], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = set()

    def note(*args: object, backend: object = None, **kwargs: object) -> torch.Tensor:
        used.add(backend)
        return dispatch_attention_fn(*args, backend=backend, **kwargs)

    for module in ("wan", "skyreels_v2", "ltx"):
        path = f"diffusers.models.transformers.transformer_{module}.dispatch_attention_fn"
        monkeypatch.setattr(path, note)
    acceleration = Acceleration(attention="_native_math")
    apply_acceleration(models[name].pipe, PLAIN, acceleration)
    make(models[name], num_steps=4)
    assert used == {AttentionBackendName._NATIVE_MATH}
    apply_acceleration(models[name].pipe, acceleration, PLAIN)
    used.clear()
    make(models[name], num_steps=4)
    assert used == {None}


def test_attention_that_knows_no_masks_fails_on_ltx_as_the_decision_says(switched: object) -> None:
    model = switched(LTX, Acceleration(attention="_native_flash"))
    with pytest.raises(ValueError, match="attn_mask"):
        make(model, num_steps=2)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("fast", r"KINORA_ATTENTION is 'fast', which diffusers does not have; set it to one of .*"),
        ("flash_hub", r"KINORA_ATTENTION is 'flash_hub', which would load code from the Hub, .*"),
        ("flex", r"KINORA_ATTENTION is 'flex', which would load code from the Hub, or hold all .*"),
        ("_native_cudnn", r"KINORA_ATTENTION is '_native_cudnn', which cannot run here: .*"),
        ("sage", r"KINORA_ATTENTION is 'sage', which cannot run here: .*"),
    ],
)
def test_attention_that_is_not_there_or_cannot_run_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(KinoraError, match=sentence):
        check_attention(name, CPU)


@pytest.mark.parametrize("name", [NATIVE, "_native_math"])
def test_attention_that_can_run_is_not(name: str) -> None:
    check_attention(name, CPU)
    check_attention("sage", replace(CPU, is_zero_gpu=True))  # there is no card to try it on


def test_blocks_of_a_repository_are_asked_for_every_expert(models: dict[str, LoadedModel]) -> None:
    model, asked = models[T2V], []

    def load_blocks(transformer: torch.nn.Module, repository: str) -> None:
        asked.append((transformer, repository))

    assert not use_compiled_blocks(model.pipe, model.spec, load_blocks)
    assert asked == []
    row = replace(model.spec, aot_blocks="someone/blocks")
    assert use_compiled_blocks(model.pipe, row, load_blocks)
    parts = (model.pipe.transformer, model.pipe.transformer_2)
    assert asked == [(part, "someone/blocks") for part in parts]


@pytest.mark.parametrize("fails", ["while they are loaded", "when called", "by another size"])
def test_blocks_that_fail_give_way_to_the_plain_ones_and_the_log_says_so(
    rows: dict[str, ModelSpec], fails: str, caplog: pytest.LogCaptureFixture
) -> None:
    """ZeroGPU's library reads them when they are first called."""

    def fail(*args: torch.Tensor, **__: object) -> torch.Tensor:
        if fails == "by another size":
            return args[0][:, :-1]
        raise RuntimeError("made for another card")

    def load_blocks(transformer: torch.nn.Module, _repository: str) -> None:
        transformer.blocks[0].forward = fail
        if fails == "while they are loaded":
            raise OSError("no such repository")

    plain = make(ModelCache(CPU, rows).load(WAN_5B), num_steps=2)
    row = replace(rows[WAN_5B], aot_blocks="someone/blocks")
    model = ModelCache(CPU, {WAN_5B: row}, load_blocks=load_blocks).load(WAN_5B)
    assert torch.equal(make(model, num_steps=2), plain)
    assert "plain" in caplog.text
    has_name = model.fingerprint.endswith("someone/blocks")
    assert has_name == (fails != "while they are loaded")


@pytest.mark.skipif(not detect_machine().has_compiler, reason="there is no C++ compiler")
def test_blocks_that_zero_gpus_library_has_compiled_are_loaded_by_it_and_used(
    rows: dict[str, ModelSpec], tmp_path: Path
) -> None:
    """The library itself, in a process of its own: on the processor here, from a Hub of our own."""
    repository, result = tmp_path / "blocks", tmp_path / "result.json"
    repository.mkdir()
    with serve_hub({"someone/blocks": repository}) as hub:
        environment = os.environ | {
            "HF_ENDPOINT": hub.url,
            "HF_HUB_OFFLINE": "0",
            "HF_HUB_CACHE": str(tmp_path / "cache"),
        }
        command = [sys.executable, str(BLOCKS), repository, rows[WAN_5B].repository, result]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    figures = json.loads(result.read_text())
    assert hub.downloads == ["someone/blocks/WanTransformerBlock/package.pt2"]
    assert figures["fingerprint"].endswith("someone/blocks")
    assert 0 < figures["difference"] < 1e-4 < figures["deviation"]
    assert figures["other size is plain"]
    assert run.stderr.count("Compiled blocks failed") == 1


def test_a_cached_clip_is_near_the_plain_one(
    models: dict[str, LoadedModel], switched: object
) -> None:
    """As random weights go: what a cache costs in quality is for real ones to show."""
    plain = decode(models[WAN_5B], make(models[WAN_5B]))
    model = switched(WAN_5B, CACHED)
    error = np.square(decode(model, make(model)).astype(float) - plain).mean()
    assert 10 * math.log10(255**2 / error) > 25


def decode(model: LoadedModel, part: torch.Tensor) -> np.ndarray:
    engine = open_engine(model, width=64, height=64)
    return np.concatenate(list(engine.decode_shot(WindowContext(is_start=True), [part])))
