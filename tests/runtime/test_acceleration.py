"""Which switches are on for a job, by table: nothing is loaded, no machine is looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.errors import KinoraError
from pipeline.models.registry import MODELS
from pipeline.models.spec import ModelSpec
from pipeline.planning.plan import plan_generation
from pipeline.planning.validation import build_request
from pipeline.runtime.acceleration import (
    COMPILE_SECONDS,
    NATIVE,
    PLAIN,
    SUGGESTED_THRESHOLD,
    Acceleration,
    AccelerationSettings,
    Work,
    can_cache,
    choose_acceleration,
    is_worth_compiling,
    list_accelerations,
    read_settings,
    work_of,
)
from pipeline.runtime.device import GIGABYTE, Machine
from pipeline.runtime.placement import Placement

LTX, WAN, A14B = (MODELS[name] for name in ("ltx-video-2b", "wan-2.2-5b", "wan-2.2-t2v-a14b"))
VACE, SKYREELS = MODELS["wan-2.1-vace-1.3b"], MODELS["skyreels-v2-1.3b"]
CARD = Machine(
    "cuda", 96 * GIGABYTE, has_fast_bf16=True, has_compiler=True, operations_per_second=1e14
)
RESIDENT = Placement("cuda", "bfloat16", "none", tile_decoding=True)
LONG, SHORT = Work(50, 1e17), Work(50, 1e16)


def test_nothing_is_on_unless_somebody_asks() -> None:
    assert read_settings({}) == AccelerationSettings()
    for spec in MODELS.values():
        assert choose_acceleration(AccelerationSettings(), spec, RESIDENT, CARD, LONG) == PLAIN
    assert PLAIN.facts == {}


def test_settings_come_from_the_environment() -> None:
    environment = {"KINORA_CACHE": "0.1", "KINORA_COMPILE": "auto", "KINORA_ATTENTION": "sage"}
    assert read_settings(environment) == AccelerationSettings(0.1, "auto", "sage")
    assert read_settings(dict.fromkeys(environment, "")) == AccelerationSettings()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("KINORA_CACHE", "much", "KINORA_CACHE is 'much', but it must be a number from 0 to 1."),
        ("KINORA_CACHE", "nan", "KINORA_CACHE is 'nan', but it must be a number from 0 to 1."),
        ("KINORA_CACHE", "-1", "KINORA_CACHE is '-1', but it must be a number from 0 to 1."),
        ("KINORA_CACHE", "2", "KINORA_CACHE is '2', but it must be a number from 0 to 1."),
        ("KINORA_COMPILE", "on", "KINORA_COMPILE is 'on', but it must be 'off' or 'auto'."),
    ],
)
def test_a_wrong_value_is_a_sentence(name: str, value: str, sentence: str) -> None:
    with pytest.raises(KinoraError) as caught:
        read_settings({name: value})
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("spec", "num_steps", "offload", "expected"),
    [
        (WAN, 50, "none", True),
        (A14B, 40, "group_slow", True),
        (A14B, 40, "group", False),  # its layers are moved ahead of time
        (A14B, 40, "group_lean", False),
        (WAN, 8, "none", False),  # too few for two to be alike
        (LTX, 50, "none", False),  # distilled
        (VACE, 50, "none", False),  # its hints would be added twice
        (SKYREELS, 50, "none", False),  # diffusers does not know its blocks
        (MODELS["kinora-mini"], 50, "none", False),
    ],
)
def test_steps_are_skipped_of_many_step_models_that_allow_it(
    spec: object, num_steps: int, offload: str, expected: bool
) -> None:
    placement = replace(RESIDENT, offload=offload)
    assert can_cache(spec, placement, num_steps) is expected
    acceleration = choose_acceleration(
        AccelerationSettings(0.1), spec, placement, CARD, Work(num_steps, 1e16)
    )
    assert acceleration == (Acceleration(0.1) if expected else PLAIN)


@pytest.mark.parametrize(
    ("placement", "machine", "work", "expected"),
    [
        (RESIDENT, CARD, LONG, True),
        (RESIDENT, CARD, SHORT, False),
        (RESIDENT, replace(CARD, has_compiler=False), LONG, False),
        (RESIDENT, replace(CARD, is_zero_gpu=True), LONG, False),
        (replace(RESIDENT, device="cpu"), replace(CARD, device="cpu"), LONG, False),
        (replace(RESIDENT, weights="fp8"), CARD, LONG, False),
        *((replace(RESIDENT, offload=x), CARD, LONG, False) for x in ("model", "group")),
    ],
)
def test_blocks_are_compiled_on_a_card_that_holds_them_for_a_long_job(
    placement: Placement, machine: Machine, work: Work, expected: bool
) -> None:
    settings = AccelerationSettings(compiling="auto")
    assert choose_acceleration(settings, WAN, placement, machine, work).is_compiled is expected


def test_compiling_gives_way_to_the_other_switches() -> None:
    for settings in (AccelerationSettings(0.1, "auto"), AccelerationSettings(0, "auto", "flash")):
        assert not choose_acceleration(settings, WAN, RESIDENT, CARD, LONG).is_compiled


def test_a_job_is_long_enough_when_it_saves_more_than_compiling_takes() -> None:
    """A fifth of the time that its steps take."""
    enough = 5 * COMPILE_SECONDS * CARD.operations_per_second
    assert not is_worth_compiling(CARD, Work(50, enough * 0.99))
    assert is_worth_compiling(CARD, Work(50, enough * 1.01))
    assert not is_worth_compiling(replace(CARD, operations_per_second=0), Work(50, enough * 9))


@pytest.mark.parametrize(("spec", "seconds", "expected"), [(WAN, 20, True), (LTX, 20, False)])
def test_twenty_seconds_pay_with_fifty_steps_and_not_with_eight(
    spec: ModelSpec, seconds: float, expected: bool
) -> None:
    request = build_request("text_to_video", model=spec.id, prompt="a cat", duration=seconds)
    assert is_worth_compiling(CARD, work_of(plan_generation(request, spec), spec)) is expected


@pytest.mark.parametrize(("backend", "is_for_ltx"), [("flash", False), ("_native_cudnn", True)])
def test_models_that_hide_padding_never_get_attention_that_knows_no_masks(
    backend: str, is_for_ltx: bool
) -> None:
    settings = AccelerationSettings(attention=backend)
    assert choose_acceleration(settings, WAN, RESIDENT, CARD, LONG).attention == backend
    expected = backend if is_for_ltx else NATIVE
    for spec in (LTX, MODELS["kinora-mini"]):
        assert choose_acceleration(settings, spec, RESIDENT, CARD, LONG).attention == expected


def test_a_job_that_is_taken_up_again_has_the_same_switches() -> None:
    """They follow from all its windows, not from those that are left; else none would be found."""
    settings = AccelerationSettings(compiling="auto")
    accelerations = {choose_acceleration(settings, WAN, RESIDENT, CARD, LONG) for _ in range(2)}
    assert len(accelerations) == 1
    assert [acceleration.facts for acceleration in accelerations] == [{"is_compiled": True}]


def test_a_benchmark_measures_each_switch_that_can_run_alone() -> None:
    assert list_accelerations(WAN, RESIDENT, CARD, ["flash"]) == [
        Acceleration(attention="flash"),
        Acceleration(is_compiled=True),
        Acceleration(cache_threshold=SUGGESTED_THRESHOLD),
    ]
    assert (
        list_accelerations(LTX, replace(RESIDENT, offload="group"), CARD, ["flash", NATIVE]) == []
    )


def test_who_measures_gets_the_switch_whether_it_pays_or_not() -> None:
    asked = Acceleration(is_compiled=True)
    assert (
        choose_acceleration(AccelerationSettings(always=asked), WAN, RESIDENT, CARD, SHORT) == asked
    )


def test_no_repository_of_compiled_blocks_is_known_for_any_row() -> None:
    """One that is found has to be tried on a Space before its row names it."""
    assert {spec.aot_blocks for spec in MODELS.values()} == {None}


def test_rows_that_several_cards_can_share_have_a_plan() -> None:
    import diffusers

    classes = {
        "LTXConditionPipeline": "LTXVideoTransformer3DModel",
        "WanPipeline": "WanTransformer3DModel",
        "WanImageToVideoPipeline": "WanTransformer3DModel",
    }
    rows = [spec for spec in MODELS.values() if spec.can_split]
    assert all(spec in rows for spec in (LTX, WAN, A14B))
    for spec in rows:
        assert getattr(diffusers, classes[spec.pipeline])._cp_plan
    assert not VACE.can_split
