"""Every large model is run as its authors publish it: figures written down from their sources."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from diffusers import UniPCMultistepScheduler

from page.components import offer_settings, offer_shapes
from page.messages import describe_model, describe_negative_prompt
from pipeline.engines.base import SamplingParams, WindowContext
from pipeline.engines.pipeline_call import PipelineCallEngine
from pipeline.engines.wan import WAN
from pipeline.errors import InvalidRequestError
from pipeline.generation.generate import generate
from pipeline.models.lora import Lora
from pipeline.models.registry import MODELS, SHIPPED, Models, describe_models
from pipeline.models.spec import ModelSpec, Task
from pipeline.planning.plan import Source, plan_generation
from pipeline.planning.recipe import build_recipe, public_recipe
from pipeline.planning.request import GenerationRequest
from pipeline.planning.validation import build_request
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.placement import Placement
from tests.tiny import CPU, Calls
from tests.tiny_lora import save_tiny_lora
from tests.tiny_wan import TINY_WAN, save_tiny_wan

# The SHA-256 of each negative prompt, computed from the file that has it.
WAN_WORDS = "ce96e0324e4b54ce4b6e867f669ca520952e1a34cc116543516b1897f0d3c47e"
KANDINSKY_WORDS = "0c7acab80fec7c0fc9195770616e90570e9a33cb4a1826f11a65215582119e82"
HELIOS_WORDS = "e488b06083693241fbe71bed61a3eb0035f4ec96d858d235be1662c226452fac"
LTX_WORDS = "cc03817c76db647b5fd931900efd1d4eaf2a78f25a506f82c9a084f467494af6"
LTX2_WORDS = "3b57a0df38897410505431c481fdc9b8e4b6e86d18b1c425a1bc26ab96067379"
LTX2_5_WORDS = "5d3fc170ddbab647fd3baf4694dfcca44dd817fe489bc3ab0684e12505472be4"
SANA_WORDS = "a38af16b9506f1c9817a43315c360fdef323c7483ea3b050803c349de9e73d8d"
NO_WORDS = hashlib.sha256(b"").hexdigest()
ANY_SHAPE = None


@dataclass(frozen=True)
class Published:
    """What a model's authors publish, and where; `sizes` are those that they make from text."""

    sources: str
    negative_prompt: str  # its SHA-256
    steps: int
    fps: float
    num_frames: int
    guidance: float | None
    shift: float | None = None
    sizes: tuple[tuple[int, int], ...] | None = ANY_SHAPE
    picture_shape_is_free: bool = True
    noise_levels: tuple[float, ...] | None = None
    from_picture: Mapping[str, float] = field(default_factory=dict)
    more: Mapping[str, float] = field(default_factory=dict)
    picture: tuple[float, int, float] = (0, 0, 0)  # its blur, CRF and noise


LANDSCAPE, PORTRAIT = (832, 480), (480, 832)
ONE_PASS = (1.0, 0.9937, 0.9875, 0.9812, 0.975, 0.9094, 0.725, 0.4219)
LTX_VIDEO = Published(
    "Lightricks/LTX-Video 5260738, ltx_video/inference.py and configs/ltxv-*-0.9.8-distilled.yaml; "
    "Lightricks/ComfyUI-LTXVideo 33aec22, 13b-distilled/ltxv-13b-dist-i2v-base.json (one pass)",
    LTX_WORDS,
    steps=8,
    fps=24,  # the graph's; the runner's default is 30
    num_frames=121,
    guidance=1,
    noise_levels=ONE_PASS,
    picture=(1.0, 29, 0.15),
)
VACE = Published(
    "ali-vilab/VACE 48eb44f, vace/vace_wan_inference.py; Wan-Video/Wan2.1 9737cba, generate.py and "
    "wan/configs",
    WAN_WORDS,
    steps=50,
    fps=16,
    num_frames=81,
    guidance=5,
    shift=16,
    sizes=(LANDSCAPE, PORTRAIT),
)
PUBLISHED = {
    "ltx-video-2b": LTX_VIDEO,
    "ltx-video-13b": LTX_VIDEO,
    "ltx-2.3": Published(
        "Lightricks/LTX-2 9377758, ltx_pipelines/utils/constants.py; diffusers 0.42.1, "
        "pipelines/ltx2/utils.py",
        LTX2_WORDS,
        steps=8,
        fps=24,
        num_frames=121,
        guidance=1,
        noise_levels=(1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875),
        picture=(0, 33, 0),
    ),
    "wan-2.2-5b": Published(
        "Wan-Video/Wan2.2 42bf4cf, wan/configs/wan_ti2v_5B.py and __init__.py",
        WAN_WORDS,
        steps=50,
        fps=24,
        num_frames=121,
        guidance=5,
        shift=5,
        sizes=((1280, 704), (704, 1280)),
    ),
    "wan-2.2-t2v-a14b": Published(
        "Wan-Video/Wan2.2 42bf4cf, wan/configs/wan_t2v_A14B.py and __init__.py",
        WAN_WORDS,
        steps=40,
        fps=16,
        num_frames=81,
        guidance=4,
        shift=12,
        sizes=(LANDSCAPE, PORTRAIT),
        more={"guidance_scale_2": 3, "boundary_ratio": 0.875},
    ),
    "wan-2.2-i2v-a14b": Published(
        "Wan-Video/Wan2.2 42bf4cf, wan/configs/wan_i2v_A14B.py",
        WAN_WORDS,
        steps=40,
        fps=16,
        num_frames=81,
        guidance=3.5,
        shift=5,
        more={"guidance_scale_2": 3.5, "boundary_ratio": 0.9},
    ),
    "wan-2.2-t2v-a14b-lightning": Published(
        "ModelTC/Wan2.2-Lightning 92efeb4, wan/configs/wan_t2v_A14B.py, generate.py and README.md",
        WAN_WORDS,
        steps=4,
        fps=16,
        num_frames=81,
        guidance=1,
        shift=5,
        sizes=(LANDSCAPE, PORTRAIT),
        more={"guidance_scale_2": 1, "boundary_ratio": 0.875},
    ),
    "wan-2.2-i2v-a14b-lightning": Published(
        "ModelTC/Wan2.2-Lightning 92efeb4, wan/configs/wan_i2v_A14B.py, generate.py and README.md",
        WAN_WORDS,
        steps=4,
        fps=16,
        num_frames=81,
        guidance=1,
        shift=5,
        more={"guidance_scale_2": 1, "boundary_ratio": 0.9},
    ),
    "wan-2.1-vace-1.3b": VACE,
    "wan-2.1-vace-14b": VACE,
    "skyreels-v2-1.3b": Published(
        "SkyworkAI/SkyReels-V2 abed76f, generate_video_df.py and README.md",
        WAN_WORDS,
        steps=30,
        fps=24,
        num_frames=97,
        guidance=6,
        shift=8,
        sizes=((960, 544), (544, 960)),
        picture_shape_is_free=False,
        from_picture={"guidance": 5, "shift": 5},
        more={"addnoise_condition": 20, "fps": 24},
    ),
    "kandinsky-5-t2v": Published(
        "kandinskylab/kandinsky-5 6e2a805, configs/k5_lite_t2v_5s_distil_sd.yaml, test.py and "
        "kandinsky/t2v_pipeline.py",
        KANDINSKY_WORDS,
        steps=16,
        fps=24,
        num_frames=121,
        guidance=1,
        shift=5,
        sizes=((512, 512), (512, 768), (768, 512)),
    ),
    "kandinsky-5-i2v": Published(
        "kandinskylab/kandinsky-5 6e2a805, configs/k5_lite_i2v_5s_sft_sd.yaml and "
        "kandinsky/i2v_pipeline.py",
        KANDINSKY_WORDS,
        steps=50,
        fps=24,
        num_frames=121,
        guidance=5,
        shift=10,
    ),
    "ltx-2.5": Published(
        "Lightricks/LTX-2 400fd31, ltx_pipelines/utils/constants.py and README.md; diffusers "
        "0.42.1, pipelines/ltx2/utils.py",
        LTX2_5_WORDS,
        steps=8,
        fps=24,
        num_frames=121,
        guidance=1,
        noise_levels=(1.0, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875),
        picture=(0, 18, 0),
    ),
    "kandinsky-6-lite": Published(
        "diffusers 0.42.1, pipelines/kandinsky6 and its documentation; kandinskylab/kandinsky-6, "
        "comfyui/kandinsky6/piflow_contract.py",
        NO_WORDS,
        steps=10,
        fps=24,
        num_frames=121,
        guidance=None,
        sizes=((864, 480), (480, 864)),
        more={"frame_rate": 24},
    ),
    "sana-video-2b": Published(
        "diffusers 0.42.1, pipelines/sana_video/pipeline_sana_video.py",
        SANA_WORDS,
        steps=50,
        fps=16,
        num_frames=81,
        guidance=6,
        sizes=(LANDSCAPE, PORTRAIT),
        picture_shape_is_free=False,
    ),
    "helios-distilled": Published(
        "PKU-YuanGroup/Helios 2276f8f, scripts/inference/helios-distilled_*.sh and infer_helios.py",
        HELIOS_WORDS,
        steps=2,
        fps=24,
        num_frames=4 * 33,
        guidance=1,
        sizes=((640, 384),),
        picture_shape_is_free=False,
    ),
}
each_row = pytest.mark.parametrize("name", PUBLISHED)
guided = [name for name in PUBLISHED if (MODELS[name].default_guidance_scale or 0) > 1]
T2V = "wan-2.2-t2v-a14b"


def test_the_figures_of_every_model_that_others_made_are_written_down_here() -> None:
    assert {*PUBLISHED} == {name for name, spec in MODELS.items() if not spec.ships_with_app}


@each_row
def test_a_model_samples_with_the_figures_of_its_authors(name: str) -> None:
    spec, published = MODELS[name], PUBLISHED[name]
    assert spec.default_num_inference_steps == published.steps
    assert spec.fps == published.fps
    assert spec.window_frames == published.num_frames
    assert spec.guidance_scale_for("text_to_video") == published.guidance
    assert spec.shift_for("text_to_video") == published.shift
    from_picture = {"guidance": published.guidance, "shift": published.shift}
    from_picture |= published.from_picture
    assert spec.guidance_scale_for("image_to_video") == from_picture["guidance"]
    assert spec.shift_for("image_to_video") == from_picture["shift"]
    assert {**spec.call_arguments, **spec.pipeline_options} == published.more
    if published.noise_levels is None:
        assert spec.timesteps is None
    else:
        assert spec.timesteps == pytest.approx([1000 * x for x in published.noise_levels])


@each_row
def test_a_given_picture_is_treated_as_its_authors_do(name: str) -> None:
    how = MODELS[name].given_picture
    assert (how.blur, how.crf, how.noise) == PUBLISHED[name].picture


@each_row
def test_a_model_avoids_what_its_authors_avoid(name: str) -> None:
    words = MODELS[name].default_negative_prompt
    assert hashlib.sha256(words.encode()).hexdigest() == PUBLISHED[name].negative_prompt


@each_row
def test_a_model_makes_only_sizes_that_its_authors_make(name: str) -> None:
    spec, published = MODELS[name], PUBLISHED[name]
    sizes = {task: {*spec.sizes_for(task).values()} for task in spec.tasks}
    if published.sizes is not ANY_SHAPE:
        assert sizes["text_to_video"] == {*published.sizes}
        assert spec.num_pixels == max(width * height for width, height in published.sizes)
        is_same = sizes.get("image_to_video") == sizes["text_to_video"]
        assert is_same is (not published.picture_shape_is_free and "image_to_video" in sizes)
    assert all("16:9" in spec.sizes_for(task) for task in spec.tasks)


def test_a_shape_that_a_model_does_not_make_is_refused_with_those_that_it_makes() -> None:
    asked = {"prompt": "a cat", "duration": 1.0, "aspect_ratio": "1:1"}
    with pytest.raises(InvalidRequestError) as caught:
        build_request("text_to_video", model="wan-2.2-5b", **asked)
    assert str(caught.value) == (
        "Wan 2.2 TI2V 5B does not make 1:1; choose 16:9 (1280x704) or 9:16 (704x1280)."
    )


def test_the_page_offers_the_shapes_of_the_model_and_keeps_the_chosen_one_if_it_can() -> None:
    spec = MODELS["wan-2.2-5b"]
    text = offer_shapes(spec, "text_to_video", "1:1")
    assert text == {"choices": ["16:9", "9:16"], "value": "16:9"}
    assert offer_shapes(spec, "text_to_video", "9:16")["value"] == "9:16"
    picture = offer_shapes(spec, "image_to_video", "1:1")
    assert picture["choices"][:4] == ["auto", "16:9", "9:16", "1:1"]
    assert picture["value"] == "1:1"


@pytest.mark.parametrize(
    ("name", "size", "made"),
    [
        ("wan-2.2-5b", (100, 100), (960, 960)),
        ("skyreels-v2-1.3b", (100, 300), (544, 960)),
        ("skyreels-v2-1.3b", (101, 100), (960, 544)),
        ("helios-distilled", (100, 300), (640, 384)),
    ],
)
def test_a_picture_decides_the_shape_as_far_as_the_model_can(
    name: str, size: tuple[int, int], made: tuple[int, int]
) -> None:
    request = ask(name, "image_to_video", aspect_ratio="auto")
    assert plan_generation(request, MODELS[name], Source(*size)).model_size == made


def ask(name: str, task: Task = "text_to_video", **more: object) -> GenerationRequest:
    """Ask a model, without a picture's file: only plans are made here."""
    request = build_request("text_to_video", models=None, prompt="a cat", duration=1.0, model=name)
    return replace(request, task=task, **more)


@pytest.mark.parametrize("name", guided)
def test_the_default_negative_prompt_is_used_with_guidance_if_there_is_no_other(name: str) -> None:
    spec = MODELS[name]
    task = spec.tasks[0]
    known = Source(16, 9)

    def used(**more: object) -> str:
        return plan_generation(ask(name, task, **more), spec, known).negative_prompt

    assert used() == spec.default_negative_prompt != ""
    assert used(negative_prompt="rain") == "rain"
    assert used(guidance_scale=1.0) == ""


def test_a_distilled_model_uses_its_negative_prompt_only_when_guidance_is_asked_for() -> None:
    spec = MODELS["ltx-video-2b"]
    assert plan_generation(ask(spec.id), spec).negative_prompt == ""
    with_guidance = plan_generation(ask(spec.id, guidance_scale=3.0), spec)
    assert with_guidance.negative_prompt == spec.default_negative_prompt


def test_the_recipe_says_which_shift_and_negative_prompt_were_used() -> None:
    spec = MODELS[T2V]
    request = ask(T2V)
    recipe = public_recipe(build_recipe(request, spec, plan_generation(request, spec)))
    assert recipe["shift"] == 12
    assert recipe["default_negative_prompt"] == spec.default_negative_prompt
    request = ask(T2V, shift=7.5, negative_prompt="rain")
    recipe = build_recipe(request, spec, plan_generation(request, spec))
    assert recipe["shift"] == 7.5
    assert recipe["default_negative_prompt"] == ""


@pytest.mark.parametrize(
    ("name", "task", "expected"),
    [
        ("skyreels-v2-1.3b", "text_to_video", (8.0, 6.0)),
        ("skyreels-v2-1.3b", "image_to_video", (5.0, 5.0)),
        ("skyreels-v2-1.3b", "extend_video", (8.0, 6.0)),
        (T2V, "text_to_video", (12.0, 4.0)),
        ("kinora-mini", "text_to_video", (None, None)),
    ],
)
def test_a_plan_has_the_defaults_of_its_task(
    name: str, task: Task, expected: tuple[float | None, float | None]
) -> None:
    plan = plan_generation(ask(name, task), MODELS[name], Source(16, 9, fps=MODELS[name].fps))
    assert (plan.shift, plan.guidance_scale) == expected


def test_a_shift_is_refused_where_there_is_none_and_outside_its_range() -> None:
    asked = {"prompt": "a cat", "duration": 1.0}
    for name in ("kinora-mini", "ltx-video-2b"):
        with pytest.raises(InvalidRequestError, match="has no flow shift to set; leave shift out"):
            build_request("text_to_video", model=name, shift=3.0, **asked)
    assert build_request("text_to_video", model=T2V, shift=3, **asked).shift == 3.0
    for wrong in (0.5, 31, "much", True):
        with pytest.raises(InvalidRequestError, match="flow shift"):
            build_request("text_to_video", model=T2V, shift=wrong, **asked)


@pytest.mark.parametrize("name", MODELS)
def test_the_page_shows_the_settings_of_the_recipe_that_a_model_has(name: str) -> None:
    spec = MODELS[name]
    changes = offer_settings(spec, SHIPPED)
    assert changes["shift"]["visible"] is (spec.default_shift is not None)
    assert spec.default_negative_prompt in str(changes["negative_prompt"]["info"])
    assert changes["negative_prompt"]["info"] == describe_negative_prompt(spec)


def test_clients_are_told_the_recipe() -> None:
    told = {row["id"]: row for row in json.loads(json.dumps(describe_models()))}
    assert told["skyreels-v2-1.3b"]["shift"] == 8.0
    from_picture = {"image_to_video": {"shift": 5.0, "guidance_scale": 5.0}}
    assert told["skyreels-v2-1.3b"]["task_defaults"] == from_picture
    assert told["wan-2.2-5b"]["sizes"] == {"16:9": [1280, 704], "9:16": [704, 1280]}
    assert told["wan-2.2-5b"]["default_negative_prompt"].startswith("色调艳丽")
    assert "shift" not in told["ltx-video-2b"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder = tmp_path_factory.mktemp("a14b")
    save_tiny_wan(T2V, folder)
    return load(MODELS[T2V], folder)


def load(spec: ModelSpec, folder: Path) -> LoadedModel:
    row = replace(spec, repository=str(folder), revision=None, max_sequence_length=32)
    return ModelCache(CPU, {spec.id: row}).load(spec.id)


@pytest.mark.parametrize("shift", [12.0, 5.0])
def test_the_noise_levels_follow_the_shift(tiny: LoadedModel, shift: float) -> None:
    """sigma' = s sigma / (1 + (s - 1) sigma) for the second of two even levels."""
    engine = PipelineCallEngine(tiny, WAN, width=64, height=64)
    prompt = engine.encode_prompt("a red car", "", 1.0)
    start = WindowContext(is_start=True)
    with Calls(tiny) as first:
        engine.make(2, prompt, start, SamplingParams(1, 2, 1.0, shift))
    levels = [float(x.max()) / 1000 for x in first.of("timestep")]
    sigma = 0.5 + 0.5 / 1000
    expected = shift * sigma / (1 + (shift - 1) * sigma)
    # The other expert takes over below the boundary.
    assert levels[0] == pytest.approx(1, abs=2e-3)
    if expected >= 0.875:
        assert levels[1] == pytest.approx(expected, abs=3e-3)
    else:
        assert len(levels) == 1


def test_a_row_s_boundary_takes_the_place_of_the_saved_one(tmp_path: Path) -> None:
    save_tiny_wan(T2V, tmp_path)
    spec = replace(MODELS[T2V], pipeline_options={"boundary_ratio": 0.4})
    assert load(spec, tmp_path).pipe.config["boundary_ratio"] == 0.4
    assert load(MODELS[T2V], tmp_path).pipe.config["boundary_ratio"] == 0.875


@pytest.mark.parametrize("name", [T2V, "wan-2.2-i2v-a14b"])
def test_the_four_steps_are_those_of_eulers_method_at_the_authors_levels(name: str) -> None:
    """ModelTC/Wan2.2-Lightning, wan/utils/fm_solvers_euler.py: five even levels, shifted by 5."""
    spec = MODELS[f"{name}-lightning"]
    scheduler = UniPCMultistepScheduler(
        prediction_type="flow_prediction",
        use_flow_sigmas=True,
        flow_shift=spec.default_shift,
        **spec.scheduler_options,
    )
    scheduler.set_timesteps(spec.default_num_inference_steps)
    assert scheduler.sigmas.tolist() == pytest.approx([1, 0.9375, 5 / 6, 0.625, 0], abs=1e-3)
    assert [t >= 875 for t in scheduler.timesteps] == [True, True, False, False]
    generator = torch.Generator().manual_seed(0)
    x, velocity = (torch.randn(1, 4, 2, 3, 3, generator=generator) for _ in range(2))
    levels = itertools.pairwise(scheduler.sigmas.tolist())
    for t, (sigma, next_sigma) in zip(scheduler.timesteps, levels, strict=True):
        expected = x + (next_sigma - sigma) * (velocity + x)
        x = scheduler.step(velocity + x, t, x, return_dict=False)[0]
        torch.testing.assert_close(x, expected, rtol=1e-4, atol=1e-4)


def test_the_four_steps_come_from_a_pair_of_loras_one_for_each_expert() -> None:
    folders = {
        T2V: "Wan2.2-T2V-A14B-4steps-lora-250928",
        "wan-2.2-i2v-a14b": "Wan2.2-I2V-A14B-4steps-lora-rank64-Seko-V1",
    }
    for name, folder in folders.items():
        spec = MODELS[f"{name}-lightning"]
        assert {lora.expert: lora.lora for lora in spec.own_loras} == {
            expert: f"lightx2v/Wan2.2-Lightning/{folder}/{expert}_noise_model.safetensors"
            for expert in ("high", "low")
        }
        assert spec.repository == MODELS[name].repository


LICENCES = {
    # What may be used by whom, in the authors' own texts.
    **dict.fromkeys(("ltx-video-2b", "ltx-video-13b"), ("LTXV Open Weights License 0.X", "$10M")),
    "ltx-2.3": ("LTX-2 Community License", "$10M"),
    "ltx-2.5": ("LTX-2.x Community License", "$10M"),
    "kandinsky-6-lite": ("MIT", "South Korea"),
    "sana-video-2b": ("NVIDIA Open Model License", "Gemma 2"),
    "skyreels-v2-1.3b": ("Skywork Community License", "Commercial use is allowed"),
    **dict.fromkeys(("kandinsky-5-t2v", "kandinsky-5-i2v"), ("MIT", "South Korea")),
    "helios-distilled": ("Apache-2.0", ""),
    **dict.fromkeys([name for name in PUBLISHED if name.startswith("wan")], ("Apache-2.0", "")),
}


@each_row
def test_a_licence_is_told_before_the_download(name: str) -> None:
    licence, note = LICENCES[name]
    assert MODELS[name].licence == licence
    words = describe_model(MODELS[name])
    assert f"Licence: {licence}." in words
    assert note in words
    assert bool(MODELS[name].licence_note) is bool(note)
    told = next(row for row in describe_models() if row["id"] == name)
    assert (told["licence"], told["licence_note"]) == (licence, MODELS[name].licence_note)


def test_a_clip_of_four_steps_says_which_loras_made_it(tmp_path: Path) -> None:
    save_tiny_wan(T2V, tmp_path / "model")
    lora = str(save_tiny_lora(TINY_WAN[T2V](), tmp_path / "lora"))
    name = f"{T2V}-lightning"
    row = replace(
        MODELS[name],
        repository=str(tmp_path / "model"),
        revision=None,
        max_sequence_length=32,
        num_pixels=64 * 64,
        sizes={},
        own_loras=tuple(Lora(lora, expert=expert) for expert in ("high", "low")),
    )
    models = Models([row])
    asked = {"prompt": "a red car", "duration": 0.5, "model": name, "models": models}
    steps: list[int] = []
    clip = generate(
        build_request("text_to_video", **asked),
        model_cache=ModelCache(CPU, models),
        output=tmp_path / "clip.mp4",
        on_progress=lambda progress: steps.append(progress.num_steps),
        is_cancelled=lambda: False,
    )
    assert clip.num_frames == 9
    assert max(steps) == 4
    assert (clip.recipe["shift"], clip.recipe["guidance_scale"]) == (5.0, 1.0)
    assert [x["expert"] for x in clip.recipe["loras"]] == ["high", "low"]
    assert all(x["lora"] == Path(lora).name for x in clip.recipe["loras"])


def test_wan_makes_numbers_in_float16_with_the_end_of_its_text_encoder_in_float32(
    tmp_path: Path,
) -> None:
    """As on a T4; UMT5 would overflow there in float16."""
    save_tiny_wan("wan-2.2-5b", tmp_path)
    spec = replace(
        MODELS["wan-2.2-5b"], repository=str(tmp_path), revision=None, max_sequence_length=32
    )
    model_cache = ModelCache(CPU, {spec.id: spec})
    model_cache.hold(spec.id, Placement("cpu", "float16", "none", tile_decoding=True))
    model = model_cache.load(spec.id)
    assert model.pipe.transformer.dtype == torch.float16
    assert model.pipe.vae.dtype == torch.float32
    layer = model.pipe.text_encoder.encoder.block[0].layer[-1].DenseReluDense
    assert {x.dtype for x in layer.wo.parameters()} == {torch.float32}
    engine = PipelineCallEngine(model, WAN, width=64, height=64)
    prompt = engine.encode_prompt("a red car", "rain", 3.0)
    part = engine.make(2, prompt, WindowContext(is_start=True), SamplingParams(1, 2, 3.0, 5.0))
    assert torch.isfinite(part).all()


def test_a_draft_is_offered_only_where_it_is_smaller() -> None:
    """A user's own small model got drafts larger than its clips, whose noise did not fit."""
    spec = MODELS["ltx-video-2b"]
    assert "draft" in spec.qualities
    assert "draft" not in replace(spec, num_pixels=96 * 64).qualities
