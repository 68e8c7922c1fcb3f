"""Where a model goes, by table: no machine is looked at but this one."""

from __future__ import annotations

import pytest

from pipeline.loader import detect_machine
from pipeline.models import MODELS
from pipeline.placement import GIGABYTE, Machine, Placement, is_zero_gpu, place


@pytest.mark.parametrize(
    ("gigabytes", "mini", "ltx_2b", "ltx_13b"),
    [
        (6, "none", "group", "group"),
        (8, "none", "group", "group"),
        (12, "none", "model", "group"),
        (16, "none", "model", "group"),
        (24, "none", "none", "group"),
        (40, "none", "none", "model"),
        (48, "none", "none", "none"),
        (80, "none", "none", "none"),
        (96, "none", "none", "none"),
    ],
)
def test_a_model_is_offloaded_as_far_as_a_graphics_card_needs_it(
    gigabytes: int, mini: str, ltx_2b: str, ltx_13b: str
) -> None:
    machine = Machine("cuda", gigabytes * GIGABYTE, has_fast_bf16=True)
    placements = [place(spec, machine) for spec in MODELS.values()]
    assert [placement.offload for placement in placements] == [mini, ltx_2b, ltx_13b]
    assert {placement.device for placement in placements} == {"cuda"}
    assert {placement.dtype for placement in placements} == {"bfloat16"}


@pytest.mark.parametrize(
    ("machine", "dtype"),
    [
        (Machine("cpu", GIGABYTE, has_fast_bf16=False), "float32"),
        (Machine("cpu", GIGABYTE, has_fast_bf16=True), "bfloat16"),
        (Machine("mps", GIGABYTE, has_fast_bf16=True), "bfloat16"),
        (Machine("cuda", 99 * GIGABYTE, has_fast_bf16=False), "float32"),
    ],
)
def test_bf16_is_used_where_it_is_fast_and_nothing_is_offloaded_to_where_it_is(
    machine: Machine, dtype: str
) -> None:
    for spec in MODELS.values():
        placement = place(spec, machine)
        assert (placement.device, placement.dtype) == (machine.device, dtype)
        assert placement.offload == "none"


def test_nothing_is_offloaded_on_zero_gpu() -> None:
    machine = Machine("cuda", GIGABYTE, has_fast_bf16=True, is_zero_gpu=True)
    for spec in MODELS.values():
        assert place(spec, machine).offload == "none"


def test_only_large_models_are_decoded_in_tiles() -> None:
    machine = Machine("cpu", 8 * GIGABYTE, has_fast_bf16=False)
    tiled = {name: place(spec, machine).tile_decoding for name, spec in MODELS.items()}
    assert tiled == {"kinora-mini": False, "ltx-video-2b": True, "ltx-video-13b": True}
    assert place(MODELS["kinora-mini"], machine) == Placement("cpu", "float32", "none", False)


@pytest.mark.parametrize(("value", "expected"), [("1", True), ("true", True), ("", False)])
def test_zero_gpu_is_known_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: bool
) -> None:
    monkeypatch.setenv("SPACES_ZERO_GPU", value)
    assert is_zero_gpu() is expected
    if expected:
        assert detect_machine().is_zero_gpu


def test_this_machine_is_recognised_and_has_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    machine = detect_machine()
    assert machine.device in ("cpu", "cuda", "mps")
    assert machine.memory_bytes > GIGABYTE
    assert not machine.is_zero_gpu
