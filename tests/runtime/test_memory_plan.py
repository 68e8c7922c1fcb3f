"""Where a model goes, by table: no machine is looked at but this one."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from pipeline.errors import InvalidRequestError
from pipeline.models.registry import MODELS
from pipeline.models.spec import ModelSpec, Part, WeightsFile
from pipeline.runtime.device import GIGABYTE, Machine, detect_machine, is_zero_gpu
from pipeline.runtime.memory_needs import estimate, full_window
from pipeline.runtime.memory_plan import candidates, describe, place
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.placement import Footage, Placement, source_of, step_down

MINI, LTX_2B, LTX_13B = (MODELS[x] for x in ("kinora-mini", "ltx-video-2b", "ltx-video-13b"))
# As Wan 2.2's largest: two experts of 14 billion, an autoencoder that computes in float32.
EXPERTS = replace(
    LTX_13B,
    id="experts",
    label="Experts",
    default_guidance_scale=4.0,
    engine="pipeline.engines.wan:WAN",
    stacks_guidance=False,
    spatial=16,
    temporal=4,
    num_pixels=832 * 480,
    window_frames=81,
    parts={
        "text_encoder": Part(5_680_000_000),
        "transformer": Part(14_290_000_000),
        "transformer_2": Part(14_290_000_000),
        "vae": Part(127_000_000, bytes_per_parameter=4),
    },
)


def card(gigabytes: int, ram: int | None = None, **more: object) -> Machine:
    ram_bytes = None if ram is None else ram * GIGABYTE
    return Machine("cuda", gigabytes * GIGABYTE, True, ram_bytes=ram_bytes, **more)


@pytest.mark.parametrize(
    ("gigabytes", "ram", "ltx_2b", "ltx_13b", "experts"),
    [
        (6, 16, "group_slow", None, None),
        (6, 32, "group", "group_slow fp8", None),
        (6, 64, "group", "group", "group_slow fp8"),
        (8, 64, "group", "group", "group_slow fp8"),
        (8, 32, "group", "group_slow fp8", None),
        (8, 128, "group", "group", "group"),
        (12, 16, "encode_first", None, None),
        (12, 64, "encode_first", "group", "group_slow fp8"),
        (16, 32, "encode_first", "model fp8", None),
        (16, 64, "encode_first", "group", "group_slow fp8"),
        (24, 32, "none", "encode_first fp8", None),
        (24, 48, "none", "group_lean", "model fp8"),
        (24, 64, "none", "group", "model fp8"),
        (32, 64, "none", "encode_first", "encode_first fp8"),
        (40, 64, "none", "none", "encode_first fp8"),
        (40, 128, "none", "none", "model"),
        (48, 96, "none", "none", "model"),
        (80, 128, "none", "none", "none"),
        (96, 128, "none", "none", "none"),
    ],
)
def test_a_model_is_offloaded_as_far_as_card_and_computer_need_it(
    gigabytes: int, ram: int, ltx_2b: str, ltx_13b: str | None, experts: str | None
) -> None:
    machine = card(gigabytes, ram)
    assert place(MINI, machine) == Placement("cuda", "bfloat16", "none", tile_decoding=False)
    for spec, expected in ((LTX_2B, ltx_2b), (LTX_13B, ltx_13b), (EXPERTS, experts)):
        if expected is None:
            with pytest.raises(InvalidRequestError):
                place(spec, machine)
            continue
        offload, _, weights = expected.partition(" ")
        assert place(spec, machine) == Placement(
            "cuda", "bfloat16", offload, tile_decoding=True, weights=weights or "full"
        )


@pytest.mark.parametrize("spec", [LTX_2B, LTX_13B, EXPERTS], ids=lambda spec: spec.id)
@pytest.mark.parametrize(
    ("gigabytes", "ram"), itertools.product((6, 8, 12, 16, 24, 32, 48, 80, 96), (16, 32, 64, 128))
)
def test_what_is_chosen_fits_with_room_to_spare_or_is_refused(
    spec: ModelSpec, gigabytes: int, ram: int
) -> None:
    machine = card(gigabytes, ram)
    try:
        needs = estimate(spec, place(spec, machine))
    except InvalidRequestError:
        return
    assert needs.card_bytes <= machine.memory_bytes - GIGABYTE
    assert needs.ram_bytes < machine.ram_bytes


@pytest.mark.parametrize(
    ("machine", "dtype"),
    [
        (Machine("cpu", 99 * GIGABYTE, has_fast_bf16=False), "float32"),
        (Machine("cpu", 99 * GIGABYTE, has_fast_bf16=True), "bfloat16"),
        (Machine("mps", 99 * GIGABYTE, has_fast_bf16=True), "bfloat16"),
        (Machine("cuda", 99 * GIGABYTE, has_fast_bf16=False), "float32"),
    ],
)
def test_bf16_is_used_where_it_is_fast_and_nothing_is_offloaded_to_where_it_is(
    machine: Machine, dtype: str
) -> None:
    for spec in (MINI, LTX_2B, LTX_13B):
        placement = place(spec, machine)
        assert (placement.device, placement.dtype) == (machine.device, dtype)
        is_dropped = machine.device == "cpu" and spec is not MINI
        expected = "drop_encoder" if is_dropped else "none"
        assert (placement.offload, placement.weights) == (expected, "full")


def test_a_processor_without_bf16_stores_weights_in_it_before_it_refuses() -> None:
    machine = Machine("cpu", 16 * GIGABYTE, has_fast_bf16=False)
    placement = place(LTX_2B, machine)
    assert (placement.dtype, placement.weights) == ("float32", "bf16")
    assert describe(LTX_2B, placement, machine).endswith(
        " GB of the computer's 16: the text encoder is there first, then everything else, in "
        "float32, the weights in bfloat16."
    )
    assert place(LTX_2B, replace(machine, memory_bytes=64 * GIGABYTE)).weights == "full"


def test_a_processor_that_is_fast_in_int8_only_computes_large_layers_in_it() -> None:
    machine = Machine("cpu", 16 * GIGABYTE, has_fast_bf16=False, has_fast_int8=True)
    placement = place(LTX_2B, machine)
    assert (placement.dtype, placement.weights) == ("float32", "w8a8")
    assert describe(LTX_2B, placement, machine).endswith(
        "in float32, the transformer in eight bits."
    )
    assert place(LTX_2B, replace(machine, has_fast_bf16=True)).weights == "full"
    assert place(MINI, machine).weights == "full"


def test_a_computer_with_16_gb_runs_ltx_video_2b_in_ten() -> None:
    machine = Machine("cpu", 16 * GIGABYTE, has_fast_bf16=True)
    draft = Footage(512, 288, 49)
    assert estimate(LTX_2B, place(LTX_2B, machine, draft), draft).ram_bytes < 10e9


def test_a_mac_leaves_a_quarter_of_its_memory_to_the_system() -> None:
    mac = Machine("mps", 64 * GIGABYTE, has_fast_bf16=True)
    assert place(LTX_13B, mac).offload == "none"
    with pytest.raises(InvalidRequestError, match="a computer with 64 GB of memory"):
        place(LTX_13B, replace(mac, memory_bytes=48 * GIGABYTE))


def test_the_embedded_model_fits_on_the_smallest_computer() -> None:
    assert place(MINI, Machine("cpu", GIGABYTE, has_fast_bf16=False)).dtype == "float32"


@pytest.mark.parametrize(
    ("spec", "size"), [(MINI, "large"), (LTX_2B, "large"), (LTX_13B, "large"), (EXPERTS, "xlarge")]
)
def test_on_zero_gpu_everything_stays_on_a_card_of_the_size_it_takes(
    spec: ModelSpec, size: str
) -> None:
    machine = card(48, is_zero_gpu=True)
    placement = place(spec, machine)
    assert (placement.offload, placement.weights, placement.gpu_size) == ("none", "full", size)
    assert f"ZeroGPU's size '{size}'" in describe(spec, placement, machine)
    assert step_down(placement) is None


def test_what_no_zero_gpu_card_holds_is_refused() -> None:
    huge = replace(EXPERTS, parts={"transformer": Part(60 * 10**9)})
    with pytest.raises(InvalidRequestError, match="more than the 96 GB of ZeroGPU's largest GPU"):
        place(huge, card(48, is_zero_gpu=True))


@pytest.mark.parametrize(
    ("machine", "sentence"),
    [
        (
            card(8, 16),
            "LTX-Video 13B 0.9.8 distilled does not fit on this machine: it needs a GPU "
            "with 8 GB and 32 GB of RAM; choose LTX-Video 2B 0.9.8 distilled, which "
            "does fit, or another machine.",
        ),
        (
            card(2, 64),
            "LTX-Video 13B 0.9.8 distilled does not fit on this machine: it needs a GPU "
            "with 6 GB and 32 GB of RAM; choose Kinora mini, which does fit, or "
            "another machine.",
        ),
        (
            Machine("cpu", 16 * GIGABYTE, has_fast_bf16=True),
            "LTX-Video 13B 0.9.8 distilled does not fit on this machine: it needs a computer with "
            "32 GB of memory; choose LTX-Video 2B 0.9.8 distilled, which does fit, or another "
            "machine.",
        ),
    ],
)
def test_a_refusal_names_what_would_fit(machine: Machine, sentence: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        place(LTX_13B, machine, others=[MINI, LTX_2B, LTX_13B])
    assert str(caught.value) == sentence


def test_the_machine_that_a_refusal_names_does_fit() -> None:
    """Both halves together: with more on the card the computer would need less."""
    assert place(LTX_13B, card(8, 32))
    assert place(LTX_13B, card(6, 32))
    with pytest.raises(InvalidRequestError):
        place(LTX_13B, card(8, 16))


@pytest.mark.parametrize(
    ("machine", "sentence"),
    [
        (
            card(12, 32),
            "About 9 GB of the GPU's 12: the text encoder is there first, then everything else.",
        ),
        (card(24, 64), "About 17 GB of the GPU's 24: everything stays there."),
        (card(6, 32), "About 4 GB of the GPU's 6: layers are moved there while others compute."),
        (
            Machine("mps", 36 * GIGABYTE, has_fast_bf16=True),
            "About 17 GB of the computer's 36: everything is held in bfloat16; Apple's GPUs are "
            "experimental, some models give wrong pictures there.",
        ),
    ],
)
def test_a_placement_is_said_in_a_sentence(machine: Machine, sentence: str) -> None:
    assert describe(LTX_2B, place(LTX_2B, machine), machine) == sentence


def test_a_sentence_says_that_weights_are_stored_in_eight_bits() -> None:
    machine = card(16, 32)
    said = describe(LTX_13B, place(LTX_13B, machine), machine)
    assert said.endswith("one at a time, the transformer's weights in fp8.")


def test_int8_takes_the_place_of_fp8_where_torchao_is_installed() -> None:
    assert place(EXPERTS, card(16, 64)).weights == "fp8"
    held = place(EXPERTS, card(16, 48, has_torchao=True))
    assert (held.encoder_weights, held.weights) == ("int8", "int8")
    assert place(LTX_13B, card(48, 64, has_torchao=True)).weights == "full"


def test_the_text_encoder_is_stored_in_eight_bits_before_the_transformer() -> None:
    """It runs once a prompt; the transformer, which makes the pictures, stays as it is."""
    machine = card(16, 36, has_torchao=True)
    held = place(LTX_13B, machine)
    assert (held.encoder_weights, held.weights) == ("int8", "full")
    assert "the text encoder's weights in int8." in describe(LTX_13B, held, machine)
    storages = [(x.encoder_weights, x.weights) for x in candidates(LTX_13B, machine)]
    assert list(dict.fromkeys(storages)) == [("full", "full"), ("int8", "full"), ("int8", "int8")]


def test_four_bits_come_last_and_only_for_rows_that_name_a_file() -> None:
    spec = replace(LTX_13B, light_files={"transformer": WeightsFile("x.gguf", 8 * 10**9)})
    machine = card(12, 24)
    with pytest.raises(InvalidRequestError):
        place(LTX_13B, machine)
    held = place(spec, machine)
    assert held.weights == "gguf"
    assert "the transformer's weights in four bits." in describe(spec, held, machine)
    assert candidates(spec, machine)[-1].weights == "gguf"
    assert source_of(spec, held).files == spec.light_files
    assert source_of(spec, place(spec, card(80, 128))) == spec


def test_word_embeddings_stay_in_sixteen_bits() -> None:
    held = Placement("cuda", "bfloat16", "none", tile_decoding=False)
    full, light = (
        estimate(MODELS["wan-2.2-5b"], replace(held, encoder_weights=x)).card_bytes
        for x in ("full", "int8")
    )
    # UMT5 has 256384 words of 4096 numbers.
    assert full - light == 5_680_910_336 - 256_384 * 4_096


def test_fp8_is_for_cards_that_compute_in_bf16() -> None:
    with pytest.raises(InvalidRequestError):
        place(LTX_13B, replace(card(16, 32), has_fast_bf16=False))


def test_each_step_down_takes_less_of_the_card_until_there_is_none() -> None:
    placement = place(LTX_13B, card(96, 128))
    steps = []
    while placement is not None:
        steps.append(placement)
        placement = step_down(placement)
    assert [x.offload for x in steps] == ["none", "encode_first", "model", "group", "group"]
    assert [x.splits_autoencoder for x in steps] == [False] * 4 + [True]
    sizes = [estimate(LTX_13B, x).card_bytes for x in steps]
    assert sizes == sorted(set(sizes), reverse=True)


def test_eight_bits_are_never_moved_in_a_stream() -> None:
    """Streams and fp8 casting together gave latents that were no numbers (diffusers, 12609)."""
    held = Placement("cuda", "bfloat16", "model", tile_decoding=True, weights="fp8")
    lowest = step_down(held)
    assert (lowest.offload, lowest.splits_autoencoder) == ("group_slow", False)
    lowest = step_down(lowest)
    assert (lowest.offload, lowest.splits_autoencoder) == ("group_slow", True)
    assert step_down(lowest) is None


def test_where_memory_cannot_be_pinned_less_of_it_is_pinned() -> None:
    held = Placement("cuda", "bfloat16", "group", tile_decoding=True)
    lean = step_down(held, "ram")
    slow = step_down(lean, "ram")
    assert [x.offload for x in (lean, slow)] == ["group_lean", "group_slow"]
    assert step_down(slow, "ram") is None
    needs = [estimate(LTX_2B, x) for x in (held, lean, slow)]
    assert [x.card_bytes for x in needs] == [needs[0].card_bytes] * 3
    sizes = [x.ram_bytes for x in needs]
    assert sizes == sorted(set(sizes), reverse=True)


def test_an_autoencoder_that_is_moved_whole_is_counted_whole() -> None:
    """Wan 5B's, in float32, is 2.8 GB: more than a twentieth of it has to be there at once."""
    wan = MODELS["wan-2.2-5b"]
    held = Placement("cuda", "bfloat16", "group", tile_decoding=False)
    whole, split = (
        estimate(wan, replace(held, splits_autoencoder=x), Footage(64, 64, 5)).card_bytes
        for x in (False, True)
    )
    assert 704_688_668 * 4 < whole < 704_688_668 * 4 + 10**7
    assert split == 5_680_910_336 * 2 // 5  # the vocabulary of its text encoder


def test_what_is_worked_on_grows_with_the_size_and_with_guidance() -> None:
    placement = place(LTX_2B, card(96))
    footage = full_window(LTX_2B)
    weights = LTX_2B.num_bytes
    small, large = (
        estimate(LTX_2B, placement, Footage(side, side, footage.num_frames)).card_bytes - weights
        for side in (4096, 8192)
    )
    assert large == pytest.approx(4 * small, rel=0.1)
    guided = replace(LTX_2B, default_guidance_scale=3.0)
    one, two = (
        estimate(spec, placement, Footage(4096, 4096, 121)).card_bytes - weights
        for spec in (LTX_2B, guided)
    )
    assert two == pytest.approx(2 * one)


def test_tiles_bound_what_decoding_takes() -> None:
    placement = place(LTX_2B, card(96))
    whole = replace(placement, tile_decoding=False)
    footage = Footage(704, 480, 121)
    tiled, untiled = (estimate(LTX_2B, x, footage).card_bytes for x in (placement, whole))
    assert untiled - tiled > 3 * GIGABYTE


def test_only_large_models_are_decoded_in_tiles() -> None:
    machine = Machine("cpu", 99 * GIGABYTE, has_fast_bf16=False)
    for spec in MODELS.values():
        if spec.num_bytes * 2.2 < machine.memory_bytes:
            assert place(spec, machine).tile_decoding == (spec is not MINI)


@pytest.mark.parametrize("spec", MODELS.values(), ids=list(MODELS))
def test_every_row_fits_on_some_machine_of_today(spec: ModelSpec) -> None:
    assert place(spec, card(96, 256)).device == "cuda"


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


def test_a_card_without_bfloat16_computes_in_float16_what_does_not_overflow_there() -> None:
    """T4 and RTX 20 emulate bfloat16, many times slower."""
    old = Machine("cuda", 15 * GIGABYTE, False, ram_bytes=64 * GIGABYTE, has_fast_fp16=True)
    assert place(MODELS["wan-2.2-5b"], old).dtype == "float16"
    assert place(LTX_2B, old).dtype == "float32"
    little = place(LTX_2B, replace(old, ram_bytes=30 * GIGABYTE))
    assert (little.dtype, little.weights, little.offload) == ("float32", "bf16", "encode_first")
    assert "the weights in bfloat16" in describe(LTX_2B, little, old)
    assert place(MODELS["wan-2.2-5b"], replace(old, has_fast_bf16=True)).dtype == "bfloat16"
    half = Placement("cuda", "float16", "none", tile_decoding=True)
    full = replace(half, dtype="float32")
    small, large = (estimate(MODELS["wan-2.2-5b"], x).card_bytes for x in (half, full))
    assert small < 0.7 * large


@pytest.mark.parametrize(
    ("model_id", "gigabytes", "ram", "expected"),
    [
        ("ltx-video-2b", 8, 16, "group_slow full full"),
        ("ltx-video-2b", 8, 32, "group full full"),
        ("ltx-video-2b", 12, 16, "encode_first full full"),
        ("ltx-video-2b", 16, 32, "encode_first full full"),
        ("ltx-video-2b", 24, 32, "none full full"),
        ("ltx-video-13b", 8, 32, "group_slow int8 int8"),
        ("ltx-video-13b", 12, 48, "group_lean full full"),
        ("ltx-video-13b", 16, 32, "model int8 int8"),
        ("ltx-video-13b", 24, 64, "group full full"),
        ("ltx-video-13b", 48, 64, "none full full"),
        # Four bits where nothing else fits; its autoencoder alone would take 2.8 of the 8 GB.
        ("wan-2.2-5b", 8, 16, "group_lean int8 gguf"),
        ("wan-2.2-5b", 12, 32, "group_lean full full"),
        ("wan-2.2-5b", 48, 64, "none full full"),
        ("kandinsky-5-t2v", 12, 32, "group full full"),
        ("kandinsky-5-t2v", 24, 48, "encode_first full full"),
        ("ltx-2.3", 12, 48, "group_slow int8 int8"),
        ("ltx-2.3", 24, 48, "model int8 int8"),
        ("ltx-2.3", 24, 64, "group_lean int8 full"),
        ("ltx-2.3", 48, 64, "encode_first int8 full"),
        ("ltx-2.3", 80, 128, "none full full"),
    ],
)
def test_models_run_on_the_cards_that_people_have(
    model_id: str, gigabytes: int, ram: int, expected: str
) -> None:
    machine = card(gigabytes, ram, has_torchao=True)
    held = place(MODELS[model_id], machine)
    assert f"{held.offload} {held.encoder_weights} {held.weights}" == expected
    needs = estimate(MODELS[model_id], held)
    assert needs.card_bytes <= machine.memory_bytes - GIGABYTE
    assert needs.ram_bytes < machine.ram_bytes


@pytest.mark.parametrize(
    ("ram", "expected"), [(48, "group_slow full gguf"), (64, "group_lean full gguf")]
)
def test_twelve_gigabytes_run_an_ltx_2_in_four_bits(ram: int, expected: str) -> None:
    """A transformer of 14 GB, as LTX-2.5's in four bits: its layers and Gemma's are moved."""
    file = WeightsFile("https://huggingface.co/x/y/blob/main/z.gguf", 14 * 10**9)
    spec = replace(MODELS["ltx-2.3"], files={"transformer": file})
    held = place(spec, card(12, ram, has_torchao=True))
    assert f"{held.offload} {held.encoder_weights} {held.weights}" == expected
    assert estimate(spec, held).card_bytes < 6 * GIGABYTE


@pytest.mark.parametrize("spec", [LTX_2B, LTX_13B, MODELS["ltx-2.3"]])
def test_hd_counts_its_upsampler_and_four_times_the_pixels_and_nothing_else_does(
    spec: ModelSpec,
) -> None:
    resident = Placement("cuda", "bfloat16", "none", tile_decoding=True)
    draft, standard, hd = (
        estimate(spec.at(quality), resident) for quality in ("draft", "standard", "hd")
    )
    assert standard == estimate(spec, resident)
    assert draft.card_bytes < standard.card_bytes
    assert draft.ram_bytes == standard.ram_bytes == spec.num_bytes
    # 505 MB in float32 (LTX-Video), 996 MB in bfloat16 (LTX-2.3): the published files.
    upsampler = {"ltx-2.3": 995_735_808}.get(spec.id, 505_002_496 // 2)
    assert hd.ram_bytes - standard.ram_bytes == upsampler
    small, large = full_window(spec), full_window(spec.at("hd"))
    assert (large.width, large.height) == (2 * small.width, 2 * small.height)
    working, working_in_hd = (x.card_bytes - x.ram_bytes for x in (standard, hd))
    assert working_in_hd > 1.2 * working


def test_where_only_hd_does_not_fit_that_is_said() -> None:
    tight = next(
        machine
        for machine in (Machine("cpu", n * GIGABYTE // 4, True) for n in range(20, 400))
        if _fits(LTX_13B, machine) and not _fits(LTX_13B.at("hd"), machine)
    )
    model_cache = ModelCache(tight)
    assert model_cache.placement(LTX_13B.id).device == "cpu"
    with pytest.raises(InvalidRequestError, match="not in HD; choose the quality standard"):
        model_cache.placement(LTX_13B.id, "hd")


def _fits(spec: ModelSpec, machine: Machine) -> bool:
    try:
        place(spec, machine)
    except InvalidRequestError:
        return False
    return True
