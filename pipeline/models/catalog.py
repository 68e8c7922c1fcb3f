"""The models that Kinora offers, one row each. To add a model, add a row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.models import published
from pipeline.models.lora import Expert, Lora
from pipeline.models.spec import Camera, GivenPicture, ModelSpec, Part, SecondPass, WeightsFile

_ASSETS = Path(__file__).resolve().parents[2] / "assets"
# The noise levels of one pass (Lightricks, ComfyUI-LTXVideo, ltxv-13b-dist-i2v-base.json), times a
# thousand: the seven of the first of two passes (LTX-Video, configs/ltxv-*-0.9.8-distilled.yaml),
# and the last one of the second.
_LTX_DISTILLED_TIMESTEPS = (1000.0, 993.7, 987.5, 981.2, 975.0, 909.4, 725.0, 421.9)
# Of 200 at most (LTX-Video, README), and the 256 tokens that it reads.
_LTX_PROMPT_WORDS = 120
# The plainest phrase that training/captions.py has for each move.
_MINI_CAMERA_WORDS: dict[Camera, str] = {
    "static": "the camera stays still",
    "pan left": "the camera pans left",
    "pan right": "the camera pans right",
    "tilt up": "the camera tilts up",
    "tilt down": "the camera tilts down",
    "zoom in": "the camera zooms in",
    "zoom out": "the camera zooms out",
    "follow": "the camera follows",
}
# Whole sentences, as in the example captions of LTX-Video's README ("The camera remains
# stationary", "The camera follows him from behind"); moves without an example there are written in
# the same style. The other models read sentences too; how their training captions describe a move
# is not known.
_CAMERA_SENTENCES: dict[Camera, str] = {
    "static": "The camera remains stationary.",
    "pan left": "The camera slowly pans to the left.",
    "pan right": "The camera slowly pans to the right.",
    "tilt up": "The camera slowly tilts upwards.",
    "tilt down": "The camera slowly tilts downwards.",
    "zoom in": "The camera slowly zooms in.",
    "zoom out": "The camera slowly zooms out.",
    "dolly in": "The camera slowly moves forward, closer to the subject.",
    "dolly out": "The camera slowly moves backward, away from the subject.",
    "orbit left": "The camera circles around the subject to the left.",
    "orbit right": "The camera circles around the subject to the right.",
    "follow": "The camera follows the subject as it moves.",
    "handheld": "The camera is handheld, with slight natural shaking.",
}
# The noise levels of the distilled LTX-2 (diffusers, ltx2/utils.py, after Lightricks/LTX-2), times
# a thousand; its scheduler must not shift them.
_LTX2_DISTILLED_TIMESTEPS = (1000.0, 993.75, 987.5, 981.25, 975.0, 909.375, 725.0, 421.875)
# Lightricks/LTX-Video on the Hub, LTX-Video-Open-Weights-License-0.X.txt (April 15, 2025, for all
# versions from 0.9.6 on), section 2; read in quotations of it, not in the file itself.
_LTX_LICENCE: dict[str, Any] = {
    "licence": "LTXV Open Weights License 0.X",
    "licence_note": (
        "Entities with an annual revenue of $10M or more need a paid licence for commercial use."
    ),
}
# LTX-Video, ltx_video/inference.py and pipelines/crf_compressor.py: blur, `crf` and
# `image_cond_noise_scale`, at a strength of 1. There the first two come before the picture is
# resized; after it, as here, in Lightricks' ComfyUI-LTXVideo (easy_samplers.py).
_LTX_GIVEN_PICTURE = GivenPicture(blur=1.0, crf=29, noise=0.15)
# Drafts, of all LTX models: 512x288 in 16:9, from which a word's idea can be judged.
_DRAFT_PIXELS = 512 * 288
# The two passes of 0.9.8 (Lightricks/LTX-Video, configs/ltxv-*-0.9.8-distilled.yaml and
# LTXMultiScalePipeline): a first pass at two thirds of the sides, which is the size of a standard
# clip, twice that with AdaIN, these timesteps, and the result resized to what was asked for, by
# default 1216x704. The weights of the upsampler are saved in float32, 505 MB.
_LTX_SECOND_PASS: dict[str, Any] = {
    "upsampler": "diffusers.pipelines.ltx.modeling_latent_upsampler:LTXLatentUpsamplerModel",
    "upsampler_options": {"mid_channels": 512, "num_blocks_per_stage": 4, "dims": 3},
    "checkpoint": (
        "https://huggingface.co/Lightricks/LTX-Video/blob/main/"
        "ltxv-spatial-upscaler-0.9.8.safetensors"
    ),
    "part": Part(126_250_624),
    "timesteps": (909.4, 725.0, 421.9),
    "first_timesteps": _LTX_DISTILLED_TIMESTEPS[:7],
    "adain_factor": 1.0,
    "scale": 1.5,
    "sizes": {"16:9": (1216, 704), "9:16": (704, 1216)},
}
# The second stage of LTX-2 (Lightricks/LTX-2, ltx_pipelines/distilled.py; the noise levels as in
# diffusers, ltx2/utils.py; the upsampler's options as in diffusers' convert_ltx2_to_diffusers.py
# for version 2.3).
_LTX2_SECOND_PASS = SecondPass(
    upsampler="diffusers.pipelines.ltx2.latent_upsampler:LTX2LatentUpsamplerModel",
    upsampler_options={"mid_channels": 1024, "use_rational_resampler": False},
    checkpoint=(
        "https://huggingface.co/Lightricks/LTX-2.3/blob/main/"
        "ltx-2.3-spatial-upscaler-x2-1.1.safetensors"
    ),
    part=Part(497_867_904),
    timesteps=(909.375, 725.0, 421.875),
)
# Counted on the real classes with the released configurations, without weights.
_T5_XXL = Part(4_762_310_656, num_in_vocabulary=32_128 * 4_096)
_UMT5_XXL = Part(5_680_910_336, num_in_vocabulary=256_384 * 4_096)
_LTX_VAE = Part(1_246_913_522)
# Wan's autoencoder loses contrast in bfloat16 (diffusers, Wan documentation).
_WAN_VAE = Part(126_892_531, bytes_per_parameter=4)
# In float16 ComfyUI runs Wan's transformers (comfy/supported_models.py, WAN21_T2V), and Helios's
# authors theirs (infer_helios.py, `--weight_dtype`). UMT5 would overflow, so transformers keeps its
# last projections in float32 and clamps what comes after.
# Wan's own prompt extension asks for 80 to 100 words (Wan2.1, wan/utils/prompt_extend.py).
_WAN: dict[str, Any] = {
    "licence": "Apache-2.0",
    "temporal": 4,
    "max_sequence_length": 512,
    "takes_float16": True,
    "prompt_words": 100,
}
_WAN_GUIDED: dict[str, Any] = _WAN | {"default_negative_prompt": published.WAN_NEGATIVE_PROMPT}
# VACE gets 13 frames at either end: the middle of the 5 to 17 that were tried (diffusers, Wan
# documentation).
_VACE: dict[str, Any] = _WAN_GUIDED | {
    "revision": "main",
    "fps": 16.0,
    "num_pixels": 832 * 480,
    "sizes": published.WAN_480P_SIZES,
    "shaped_tasks": ("image_to_video", "extend_video"),
    "spatial": 16,
    "window_frames": 81,
    "overlap_latents": 4,
    "num_source_latents": 4,
    # VACE, vace_wan_inference.py; Wan2.1, generate.py.
    "default_num_inference_steps": 50,
    "default_guidance_scale": 5.0,
    "default_shift": 16.0,
    "camera_words": _CAMERA_SENTENCES,
    "engine": "pipeline.engines.wan:VACE",
    "remixes": "control",
    "shows_characters": "pictures",
    "hides_padding": False,
    "pipeline": "WanVACEPipeline",
}
_MAX_STEPS = 100  # that a request may ask for
_ONE_PICTURE = "It takes only a first frame, so it cannot lead up to given frames."
# Kandinsky-5 6e2a805, LICENSE, README and download_models.py.
_HUNYUAN_VAE_NOTE = (
    "Its autoencoder is HunyuanVideo's, whose own licence does not apply in the EU, the UK and "
    "South Korea."
)
# The text encoders are Qwen2.5-VL 7B and CLIP-L, the autoencoder is HunyuanVideo's. Counted on the
# real classes with the authors' configurations (Kandinsky-5, configs); 278,808,064 weights of the
# transformer stay in float32 and count twice.
_KANDINSKY: dict[str, Any] = {
    "revision": "main",
    "licence": "MIT",
    "licence_note": _HUNYUAN_VAE_NOTE,
    "fps": 24.0,
    "num_pixels": 768 * 512,
    "spatial": 16,
    "temporal": 4,
    "window_frames": 121,
    "overlap_latents": 1,
    "camera_words": _CAMERA_SENTENCES,
    "default_negative_prompt": published.KANDINSKY_NEGATIVE_PROMPT,
    # It reads 256 tokens; its authors expand prompts with the same Qwen2.5-VL.
    "prompt_words": 100,
    "writes_prompts": True,
    "engine": "pipeline.engines.kandinsky:KANDINSKY",
    "parts": {
        "text_encoder": Part(8_292_166_656, num_in_vocabulary=152_064 * 3_584),
        "text_encoder_2": Part(123_060_480, num_in_vocabulary=49_408 * 768),
        "transformer": Part(2_007_702_848 + 278_808_064),
        "vae": Part(246_478_803),
    },
}

# LTX-Video 0.9.8 distilled, of both sizes.
_LTX_VIDEO: dict[str, Any] = _LTX_LICENCE | {
    "revision": "main",
    "fps": 24.0,
    "num_pixels": 704 * 480,
    "window_frames": 121,
    "overlap_latents": 2,
    "default_num_inference_steps": len(_LTX_DISTILLED_TIMESTEPS),
    "default_guidance_scale": 1.0,
    "default_negative_prompt": published.LTX_NEGATIVE_PROMPT,
    "given_picture": _LTX_GIVEN_PICTURE,
    "camera_words": _CAMERA_SENTENCES,
    "timesteps": _LTX_DISTILLED_TIMESTEPS,
    "draft_pixels": _DRAFT_PIXELS,
    "prompt_words": _LTX_PROMPT_WORDS,
    "reads_only_english": True,  # T5 v1.1, whose C4 is English
    "engine": "pipeline.engines.ltx:LTXEngine",
    "remixes": "latents",
    "stacks_guidance": True,
    "can_split": True,
}
# Both experts, for words and for pictures; the steps are those of both configurations named below.
_A14B: dict[str, Any] = _WAN_GUIDED | {
    "revision": "main",
    "fps": 16.0,
    "num_pixels": 832 * 480,
    "spatial": 16,
    "window_frames": 81,
    "overlap_latents": 1,
    "default_num_inference_steps": 40,
    "camera_words": _CAMERA_SENTENCES,
    "engine": "pipeline.engines.wan:WAN",
    "can_cache_steps": True,
    "hides_padding": False,
    "can_split": True,
}
_T2V_A14B = ModelSpec(
    id="wan-2.2-t2v-a14b",
    label="Wan 2.2 T2V A14B",
    description="The largest open Wan for text only: shots of five seconds, two experts.",
    repository="Wan-AI/Wan2.2-T2V-A14B-Diffusers",
    sizes=published.WAN_480P_SIZES,
    # Wan2.2, wan/configs/wan_t2v_A14B.py. The repository's scheduler has a shift of 3.
    default_guidance_scale=4.0,
    default_shift=12.0,
    call_arguments={"guidance_scale_2": 3.0},
    pipeline_options={"boundary_ratio": 0.875},
    remixes="latents",
    pipeline="WanPipeline",
    cannot={
        "image_to_video": "It starts from text only; use Wan 2.2 I2V A14B for pictures.",
        "extend_video": "It starts from text only; use Wan 2.2 I2V A14B to extend a clip.",
        "continue": "It starts from text only, so each shot is one window.",
    },
    parts={
        "text_encoder": _UMT5_XXL,
        "transformer": Part(14_288_491_584),
        "transformer_2": Part(14_288_491_584),
        "vae": _WAN_VAE,
    },
    **_A14B,
)
_I2V_A14B = ModelSpec(
    id="wan-2.2-i2v-a14b",
    label="Wan 2.2 I2V A14B",
    description=(
        "The largest open Wan for pictures: starts from a first frame, and can lead up to a "
        "last one."
    ),
    repository="Wan-AI/Wan2.2-I2V-A14B-Diffusers",
    num_source_latents=1,
    # Wan2.2, wan/configs/wan_i2v_A14B.py.
    default_guidance_scale=3.5,
    default_shift=5.0,
    call_arguments={"guidance_scale_2": 3.5},
    pipeline_options={"boundary_ratio": 0.9},
    pipeline="WanImageToVideoPipeline",
    cannot={
        "text_to_video": "It starts from a picture; use Wan 2.2 T2V A14B for text only.",
        "backward": "It needs a first frame, and new footage before a clip has none.",
    },
    parts={
        "text_encoder": _UMT5_XXL,
        "transformer": Part(14_288_901_184),
        "transformer_2": Part(14_288_901_184),
        "vae": _WAN_VAE,
    },
    **_A14B,
)


def _lightning(row: ModelSpec, folder: str, description: str) -> ModelSpec:
    """Return Wan 2.2 A14B with the LoRAs of Wan2.2-Lightning, one for each expert.

    Steps, shift, guidance and the first-order solver are those of ModelTC/Wan2.2-Lightning
    (wan/configs/wan_*_A14B.py, and generate.py, which warns of other solvers). The files have the
    names that it reads (`*_lora_checkpoint`), in the folders that its README names. Its licence is
    Apache-2.0 too.
    """
    place = f"lightx2v/Wan2.2-Lightning/{folder}"
    experts: tuple[Expert, ...] = ("high", "low")
    return replace(
        row,
        id=f"{row.id}-lightning",
        label=f"{row.label} Lightning",
        description=description,
        default_num_inference_steps=4,
        default_guidance_scale=1.0,
        default_shift=5.0,
        call_arguments={"guidance_scale_2": 1.0},
        # Without its corrector and at order 1 UniPC is Euler's method, from even noise levels.
        scheduler_options={"solver_order": 1, "disable_corrector": [*range(_MAX_STEPS)]},
        own_loras=tuple(
            Lora(f"{place}/{expert}_noise_model.safetensors", expert=expert) for expert in experts
        ),
    )


ROWS = (
    ModelSpec(
        id="kinora-mini",
        label="Kinora mini",
        description=(
            "Renders one picture-book world on any computer, for trying Kinora and for drafts: "
            "91 people, animals, vehicles and things, 10 colours, 25 places. Anything else is "
            "replaced or left out; to see what you describe, choose a large model."
        ),
        repository=_ASSETS / "kinora-mini",
        licence="Apache-2.0",
        fps=16.0,
        num_pixels=147_456,
        window_frames=49,
        overlap_latents=2,
        default_num_inference_steps=None,
        default_guidance_scale=None,
        uses_negative_prompt=False,
        takes_loras=False,
        ships_with_app=True,
        can_show_nudity=False,
        streams_decoding=True,
        camera_words=_MINI_CAMERA_WORDS,
        engine="pipeline.mini.engine:MiniEngine",
        remixes="scene",
        shows_characters="looks",
        pipeline="pipeline.mini.pipeline:KinoraMiniPipeline",
        parts={
            "painter": Part(7_627_090),
            "vae": Part(6_291_456),
            "text_encoder": Part(2_932_576),
        },
        max_sequence_length=96,
        reader="pipeline.mini.understanding:PromptReader.open",
        reads_only_english=True,
        picture_note=(
            "Kinora mini moves only the camera over a picture of your own; what is in it stays as "
            "it is."
        ),
    ),
    ModelSpec(
        id="ltx-video-2b",
        label="LTX-Video 2B 0.9.8 distilled",
        description=(
            "Draws anything you can describe: in seconds on a GPU, in minutes on a CPU with 16 GB. "
            "Downloads its weights once."
        ),
        # The 0.9.8 release of this size is a single file; the text encoder is that of 0.9.5.
        repository="Lightricks/LTX-Video-0.9.5",
        checkpoint=(
            "https://huggingface.co/Lightricks/LTX-Video/blob/main/"
            "ltxv-2b-0.9.8-distilled.safetensors"
        ),
        **_LTX_VIDEO,
        second_pass=SecondPass(**_LTX_SECOND_PASS),
        parts={
            "text_encoder": _T5_XXL,
            "transformer": Part(1_923_385_472),
            "vae": _LTX_VAE,
        },
    ),
    ModelSpec(
        id="ltx-video-13b",
        label="LTX-Video 13B 0.9.8 distilled",
        description="Larger than the 2B model: finer and slower; needs a large GPU.",
        repository="Lightricks/LTX-Video-0.9.8-13B-distilled",
        **_LTX_VIDEO,
        # Only the 13B's configuration has a tone map; diffusers applies it where it enlarges.
        second_pass=SecondPass(**_LTX_SECOND_PASS, tone_map_ratio=0.6),
        parts={
            "text_encoder": _T5_XXL,
            "transformer": Part(13_042_569_344),
            "vae": _LTX_VAE,
        },
    ),
    ModelSpec(
        id="ltx-2.3",
        label="LTX-2.3 22B distilled",
        description="Draws anything you can describe, with its sound; needs a large GPU.",
        repository="diffusers/LTX-2.3-Distilled-Diffusers",
        revision="main",
        # Lightricks/LTX-2 9377758, LICENSE (January 5, 2026, for LTX-2 up to 2.3), section 2.
        licence="LTX-2 Community License",
        licence_note=(
            "Entities with an annual revenue of $10M or more need a paid licence to use it. Its "
            "text encoder, Gemma 3, is under Google's Gemma terms."
        ),
        fps=24.0,
        num_pixels=768 * 512,
        window_frames=121,
        overlap_latents=2,
        default_num_inference_steps=len(_LTX2_DISTILLED_TIMESTEPS),
        default_guidance_scale=1.0,
        default_negative_prompt=published.LTX2_NEGATIVE_PROMPT,
        # Lightricks/LTX-2, ltx_pipelines/utils/constants.py; diffusers, ltx2/utils.py.
        given_picture=GivenPicture(crf=33),
        camera_words=_CAMERA_SENTENCES,
        timesteps=_LTX2_DISTILLED_TIMESTEPS,
        scheduler_options={"use_dynamic_shifting": False, "shift_terminal": None},
        draft_pixels=_DRAFT_PIXELS,
        second_pass=_LTX2_SECOND_PASS,
        engine="pipeline.engines.ltx2:LTX2Engine",
        remixes="latents",
        pipeline="LTX2ConditionPipeline",
        left_out=("processor",),  # for rewriting prompts that show a picture
        prompt_words=150,  # of 200 at most (LTX-2, README); its Gemma is its authors' enhancer too
        writes_prompts=True,
        has_audio=True,
        max_sequence_length=1024,
        # Counted with the configurations of the released parts, except two. The transformer's was
        # not available: this is the class's default with what the publication says of 2.3 (gates,
        # modulated cross attention, no caption projection); with the connectors that makes the 22B
        # of its name. The text encoder's is that of Gemma 3 12B with tied embeddings.
        parts={
            "text_encoder": Part(12_187_325_040, num_in_vocabulary=262_208 * 3_840),
            "connectors": Part(3_172_227_584),
            "transformer": Part(18_988_838_144),
            "vae": Part(726_105_969),
            "audio_vae": Part(53_248_146),
            "vocoder": Part(128_537_448),
        },
    ),
    ModelSpec(
        id="ltx-2.5",
        label="LTX-2.5 22B distilled",
        description="Draws anything you can describe, with its sound; needs a large GPU.",
        # Its "transformer" is the distilled one (diffusers, LTX-2 documentation). The repository is
        # gated: its configurations could not be read here.
        repository="Lightricks/LTX-2.5-Diffusers",
        revision="main",
        # Lightricks/LTX-2 400fd31, LICENSE (August 11, 2026), section 2.
        licence="LTX-2.x Community License",
        licence_note=(
            "Entities with an annual revenue of $10M or more need a paid licence to use it."
        ),
        access_note=(
            "To download it, log in at huggingface.co, accept the terms on the page of "
            "Lightricks/LTX-2.5-Diffusers, and set HF_TOKEN to a token of your account that may "
            "read gated repositories."
        ),
        fps=24.0,
        num_pixels=960 * 544,
        window_frames=121,
        overlap_latents=2,
        default_num_inference_steps=len(_LTX2_DISTILLED_TIMESTEPS),
        default_guidance_scale=1.0,
        default_negative_prompt=published.LTX2_5_NEGATIVE_PROMPT,
        # Lightricks/LTX-2, ltx_pipelines/utils/constants.py; diffusers, ltx2/utils.py.
        given_picture=GivenPicture(crf=18),
        camera_words=_CAMERA_SENTENCES,
        timesteps=_LTX2_DISTILLED_TIMESTEPS,
        scheduler_options={"use_dynamic_shifting": False, "shift_terminal": None},
        engine="pipeline.engines.ltx2:LTX2Engine",
        remixes="latents",
        pipeline="LTX2ConditionPipeline",
        # For rewriting prompts, and for choosing a duration.
        left_out=("processor", "prompt_enhancer", "duration_head"),
        prompt_words=150,  # as LTX-2.3; its own Gemma 4 is not trained to write (diffusers, ltx2)
        has_audio=True,
        max_sequence_length=1024,
        # The transformer's is that of LTX-2.3 without the parts that 2.5 does not have (diffusers,
        # LTX2VideoTransformer3DModel); the text encoder is the 12B of its name; connectors,
        # autoencoders and vocoder are assumed to be those of 2.3.
        parts={
            "text_encoder": Part(12_000_000_000, num_in_vocabulary=262_144 * 3_840),
            "connectors": Part(3_172_227_584),
            "transformer": Part(18_922_855_680),
            "vae": Part(726_105_969),
            "audio_vae": Part(53_248_146),
            "vocoder": Part(128_537_448),
        },
    ),
    ModelSpec(
        id="wan-2.2-5b",
        label="Wan 2.2 TI2V 5B",
        description=(
            "Draws anything you can describe in 1280x704, and starts from a picture. Fine but "
            "slow: 50 steps per window."
        ),
        repository="Wan-AI/Wan2.2-TI2V-5B-Diffusers",
        revision="main",
        # 3.20 GiB, as its model card says.
        light_files={
            "transformer": WeightsFile(
                "https://huggingface.co/unsloth/Wan2.2-TI2V-5B-GGUF/blob/main/"
                "Wan2.2-TI2V-5B-Q4_K_M.gguf",
                3_435_973_837,
            )
        },
        fps=24.0,
        num_pixels=1280 * 704,
        sizes=published.WAN_5B_SIZES,
        shaped_tasks=("image_to_video", "extend_video"),
        spatial=32,
        window_frames=121,
        overlap_latents=1,
        num_source_latents=1,
        # Wan2.2, wan/configs/wan_ti2v_5B.py.
        default_num_inference_steps=50,
        default_guidance_scale=5.0,
        default_shift=5.0,
        camera_words=_CAMERA_SENTENCES,
        engine="pipeline.engines.wan:WAN",
        can_cache_steps=True,
        hides_padding=False,
        can_split=True,
        remixes="latents",
        pipeline="WanPipeline",
        cannot=dict.fromkeys(("backward", "bridge", "loop"), _ONE_PICTURE),
        parts={
            "text_encoder": _UMT5_XXL,
            "transformer": Part(4_999_787_712),
            "vae": Part(704_688_668, bytes_per_parameter=4),
        },
        **_WAN_GUIDED,
    ),
    _T2V_A14B,
    _lightning(
        _T2V_A14B,
        "Wan2.2-T2V-A14B-4steps-lora-250928",
        "Wan 2.2 T2V A14B in four steps: some twenty times as fast; large motion may break up.",
    ),
    _I2V_A14B,
    _lightning(
        _I2V_A14B,
        "Wan2.2-I2V-A14B-4steps-lora-rank64-Seko-V1",
        "Wan 2.2 I2V A14B in four steps: some twenty times as fast; large motion may break up.",
    ),
    ModelSpec(
        id="wan-2.1-vace-1.3b",
        label="Wan 2.1 VACE 1.3B",
        description="Extends clips in both directions; fits in 8 GB of GPU memory part by part.",
        repository="Wan-AI/Wan2.1-VACE-1.3B-diffusers",
        parts={
            "text_encoder": _UMT5_XXL,
            "transformer": Part(2_153_972_032),
            "vae": _WAN_VAE,
        },
        **_VACE,
    ),
    ModelSpec(
        id="wan-2.1-vace-14b",
        label="Wan 2.1 VACE 14B",
        description="Like VACE 1.3B, finer and slower.",
        repository="Wan-AI/Wan2.1-VACE-14B-diffusers",
        parts={
            "text_encoder": _UMT5_XXL,
            "transformer": Part(17_337_592_896),
            "vae": _WAN_VAE,
        },
        **_VACE,
    ),
    ModelSpec(
        id="skyreels-v2-1.3b",
        label="SkyReels V2 DF 1.3B",
        description=(
            "Long shots of what you describe, forward only: each window continues from the last "
            "17 frames."
        ),
        repository="Skywork/SkyReels-V2-DF-1.3B-540P-Diffusers",
        revision="main",
        licence="Skywork Community License",
        # SkyworkAI/SkyReels-V2 abed76f, LICENSE.txt.
        licence_note="Commercial use is allowed; services need a safety review, some uses are not.",
        fps=24.0,
        num_pixels=960 * 544,
        sizes=published.SKYREELS_SIZES,
        shaped_tasks=("extend_video",),  # a clip keeps its shape
        spatial=16,
        temporal=4,
        window_frames=97,
        overlap_latents=5,
        num_source_latents=5,
        # SkyReels-V2, generate_video_df.py.
        default_num_inference_steps=30,
        default_guidance_scale=6.0,
        default_shift=8.0,
        takes_float16=True,  # its transformer is Wan's
        task_defaults=published.SKYREELS_TASK_DEFAULTS,
        default_negative_prompt=published.WAN_NEGATIVE_PROMPT,
        # A little noise on the given frames, as its authors add for long videos (README).
        call_arguments={"addnoise_condition": 20, "fps": 24},
        camera_words=_CAMERA_SENTENCES,
        engine="pipeline.engines.skyreels:SKYREELS",
        hides_padding=False,
        pipeline="SkyReelsV2DiffusionForcingPipeline",
        cannot=dict.fromkeys(
            ("backward", "bridge", "loop"),
            "It only goes forward: it was not trained to lead up to frames.",
        ),
        max_sequence_length=512,
        prompt_words=100,  # as Wan, whose text encoder and captions it has; it has an enhancer too
        parts={
            "text_encoder": _UMT5_XXL,
            "transformer": Part(1_435_525_696),
            "vae": _WAN_VAE,
        },
    ),
    ModelSpec(
        id="kandinsky-5-t2v",
        label="Kandinsky 5 Lite T2V",
        description=(
            "Draws anything you can describe, in shots of five seconds; small and fast: 16 steps."
        ),
        repository="kandinskylab/Kandinsky-5.0-T2V-Lite-distilled16steps-5s-Diffusers",
        sizes=published.KANDINSKY_SIZES,
        # Kandinsky-5, configs/k5_lite_t2v_5s_distil_sd.yaml (`scheduler_scale` is the shift).
        default_num_inference_steps=16,
        default_guidance_scale=1.0,
        default_shift=5.0,
        remixes="latents",
        pipeline="Kandinsky5T2VPipeline",
        cannot={
            "image_to_video": "It starts from text only; use Kandinsky 5 Lite I2V for pictures.",
            "extend_video": "It starts from text only; use Kandinsky 5 Lite I2V to extend a clip.",
            "continue": "It starts from text only, so each shot is one window.",
        },
        **_KANDINSKY,
    ),
    ModelSpec(
        id="kandinsky-5-i2v",
        label="Kandinsky 5 Lite I2V",
        description="Starts from a picture or the end of a clip; 50 steps per window.",
        repository="kandinskylab/Kandinsky-5.0-I2V-Lite-5s-Diffusers",
        num_source_latents=1,
        # Kandinsky-5, configs/k5_lite_i2v_5s_sft_sd.yaml; any shape of 768x512 pixels, with sides
        # that are multiples of 16 (kandinsky/i2v_pipeline.py).
        default_num_inference_steps=50,
        default_guidance_scale=5.0,
        default_shift=10.0,
        pipeline="Kandinsky5I2VPipeline",
        cannot={
            "text_to_video": "It starts from a picture; use Kandinsky 5 Lite T2V for text only.",
            **dict.fromkeys(("backward", "bridge", "loop"), _ONE_PICTURE),
        },
        **_KANDINSKY,
    ),
    # A distilled scheduler allows no guidance. The transformer reads given sound nowhere.
    ModelSpec(
        id="kandinsky-6-lite",
        label="Kandinsky 6 Lite distilled",
        description=(
            "Draws anything you can describe, with its sound and speech, from text or a picture; "
            "small and fast: 10 steps."
        ),
        # Authors' catalogue: kandinskylab/kandinsky-6, kandinsky/runtime/weights.py.
        repository="kandinskylab/Kandinsky-6.0-Lite-distill-5s-Diffusers",
        revision="main",
        licence="MIT",
        licence_note=_HUNYUAN_VAE_NOTE,
        fps=24.0,
        num_pixels=864 * 480,
        sizes=published.KANDINSKY_6_SIZES,
        shaped_tasks=("image_to_video", "extend_video"),
        spatial=16,
        temporal=4,
        window_frames=121,
        overlap_latents=1,
        num_source_latents=1,
        default_num_inference_steps=10,  # kandinsky-6, comfyui/kandinsky6/piflow_contract.py
        default_guidance_scale=None,
        uses_negative_prompt=False,
        call_arguments={"frame_rate": 24.0},
        takes_loras=False,  # its pipeline cannot load them
        camera_words=_CAMERA_SENTENCES,
        prompt_words=150,
        # As the expansion in its pipeline asks for (diffusers, pipelines/kandinsky6).
        sound_marks=(
            "Put spoken words between <S> and <E>, and what else is heard between <AUDCAP> and "
            "<ENDAUDCAP>."
        ),
        writes_prompts=True,  # with its Qwen2.5-VL, as its authors' expansion does
        has_audio=True,
        engine="pipeline.engines.kandinsky6:Kandinsky6Engine",
        pipeline="Kandinsky6TI2VAPipeline",
        cannot=dict.fromkeys(("backward", "bridge", "loop"), _ONE_PICTURE),
        max_sequence_length=1024,
        # Counted on the real classes with the authors' configuration of Lite (kandinsky-6,
        # comfyui/kandinsky6/register.py); timesteps and modulations stay in float32 and count
        # twice.
        parts={
            "text_encoder": Part(8_292_166_656, num_in_vocabulary=152_064 * 3_584),
            "text_encoder_2": Part(123_060_480, num_in_vocabulary=49_408 * 768),
            "transformer": Part(3_177_988_112 + 550_722_304),
            "vae": Part(246_478_803),
            "audio_vae": Part(305_479_682),
            "vocoder": Part(122_152_752),
        },
    ),
    ModelSpec(
        id="sana-video-2b",
        label="Sana-Video 2B",
        description=(
            "Draws anything you can describe, from text or a picture, with linear attention; "
            "50 steps per window."
        ),
        repository="Efficient-Large-Model/SANA-Video_2B_480p_diffusers",
        revision="main",
        licence="NVIDIA Open Model License",  # model card of SANA-Video_2B_480p
        licence_note=(
            "Its text encoder, Gemma 2, has terms of its own, with uses that are not allowed."
        ),
        # Sizes, rate, steps and guidance: diffusers, SanaVideoPipeline.
        fps=16.0,
        num_pixels=832 * 480,
        sizes=published.SANA_VIDEO_SIZES,
        spatial=32,
        token_pixels=16,
        temporal=4,
        window_frames=81,
        overlap_latents=1,
        num_source_latents=1,
        default_num_inference_steps=50,
        default_guidance_scale=6.0,
        default_negative_prompt=published.SANA_VIDEO_NEGATIVE_PROMPT,
        stacks_guidance=True,
        camera_words=_CAMERA_SENTENCES,
        prompt_words=100,
        engine="pipeline.engines.sana_video:SANA_VIDEO",
        remixes="latents",
        pipeline="SanaVideoPipeline",
        cannot=dict.fromkeys(("backward", "bridge", "loop"), _ONE_PICTURE),
        max_sequence_length=300,
        parts={
            "text_encoder": Part(2_614_341_888, num_in_vocabulary=256_000 * 2_304),
            "transformer": Part(1_905_841_344),
            "vae": _WAN_VAE,
        },
    ),
    ModelSpec(
        id="helios-distilled",
        label="Helios 14B distilled",
        description=(
            "Shots of up to a minute without a cut, 33 frames at a time, from text, a picture or "
            "the end of a clip. Two steps per stage."
        ),
        repository="BestWishYsh/Helios-Distilled",
        revision="main",
        fps=24.0,
        # Its pyramid halves the latents' sides twice, and a token is two latents a side.
        num_pixels=640 * 384,
        sizes=published.HELIOS_SIZES,
        shaped_tasks=("extend_video",),  # a clip keeps its shape
        spatial=64,
        token_pixels=16,
        chunk_latents=9,
        window_frames=4 * 33,
        overlap_latents=0,
        num_source_latents=27,
        # Helios, scripts/inference/helios-distilled_*.sh.
        default_num_inference_steps=2,
        default_guidance_scale=1.0,
        default_negative_prompt=published.HELIOS_NEGATIVE_PROMPT,
        # With the saved value of 1/3 the covariance of its noise is singular, which diffusers
        # cannot factorize on every processor.
        scheduler_options={"gamma": 0.33333},
        camera_words=_CAMERA_SENTENCES,
        engine="pipeline.engines.helios:HeliosEngine",
        pipeline="HeliosPyramidPipeline",
        cannot=dict.fromkeys(
            ("backward", "bridge", "loop"),
            "It only goes forward: it was not trained to lead up to frames.",
        ),
        parts={
            "text_encoder": _UMT5_XXL,
            "transformer": Part(14_312_427_584),
            "vae": _WAN_VAE,
        },
        **_WAN,
    ),
)
