"""The models that Kinora offers, one row each: adding a model is adding a row."""

from __future__ import annotations

from pathlib import Path

from pipeline.spec import Camera, ModelSpec, Part

_ASSETS = Path(__file__).resolve().parent.parent / "assets"
# The schedule that the distilled checkpoints were made for (diffusers, LTX-Video documentation).
_LTX_DISTILLED_TIMESTEPS = (1000.0, 993.0, 987.0, 981.0, 975.0, 909.0, 725.0, 0.03)
# Of the words that training/captions.py has for a move, the plainest.
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
# Whole sentences, as in the captions that LTX-Video's own README shows ("The camera remains
# stationary", "The camera follows him from behind"); the moves it has no example of say the same
# way what is seen of them.
_LTX_CAMERA_WORDS: dict[Camera, str] = {
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

ROWS = (
    ModelSpec(
        id="kinora-mini",
        label="Kinora mini",
        description=(
            "Draws one small picture-book world, on any computer and offline: a car, boat, train, "
            "rocket, balloon, robot, cat, rabbit, bird, fish, butterfly, turtle, plane, elephant, "
            "dinosaur or child, alone or by twos, in ten colours and ten places, by day and night, "
            "in any weather and four styles. Words like these are guessed, others passed over."
        ),
        repository=_ASSETS / "kinora-mini",
        licence="Apache-2.0",
        fps=16.0,
        num_pixels=147_456,
        window_frames=49,
        overlap_latents=2,
        default_num_inference_steps=1,
        default_guidance_scale=1.0,
        camera_words=_MINI_CAMERA_WORDS,
        engine="mini",
        parts={
            "transformer": Part(24_100_000),
            "vae": Part(6_300_000),
            "text_encoder": Part(1_950_000),
        },
        max_sequence_length=96,
    ),
    ModelSpec(
        id="ltx-video-2b",
        label="LTX-Video 2B 0.9.8 distilled",
        description="Anything you can describe; downloads its weights once and wants a GPU.",
        # The 0.9.8 release of this size is a single file; the text encoder is that of 0.9.5.
        repository="Lightricks/LTX-Video-0.9.5",
        revision="main",
        checkpoint=(
            "https://huggingface.co/Lightricks/LTX-Video/blob/main/"
            "ltxv-2b-0.9.8-distilled.safetensors"
        ),
        licence="LTX-Video Open Weights License 0.X",
        fps=24.0,
        num_pixels=704 * 480,
        window_frames=121,
        overlap_latents=2,
        default_num_inference_steps=len(_LTX_DISTILLED_TIMESTEPS),
        default_guidance_scale=1.0,
        camera_words=_LTX_CAMERA_WORDS,
        timesteps=_LTX_DISTILLED_TIMESTEPS,
        gpu_seconds_per_step=0.4,
        parts={
            "text_encoder": Part(4_762_000_000),  # T5-XXL
            "transformer": Part(1_923_000_000),
            "vae": Part(560_000_000),
        },
    ),
    ModelSpec(
        id="ltx-video-13b",
        label="LTX-Video 13B 0.9.8 distilled",
        description="The larger sister: finer, slower, and it wants a large GPU.",
        repository="Lightricks/LTX-Video-0.9.8-13B-distilled",
        revision="main",
        licence="LTX-Video Open Weights License 0.X",
        fps=24.0,
        num_pixels=704 * 480,
        window_frames=121,
        overlap_latents=2,
        default_num_inference_steps=len(_LTX_DISTILLED_TIMESTEPS),
        default_guidance_scale=1.0,
        camera_words=_LTX_CAMERA_WORDS,
        timesteps=_LTX_DISTILLED_TIMESTEPS,
        gpu_seconds_per_step=1.5,
        parts={
            "text_encoder": Part(4_762_000_000),
            "transformer": Part(13_042_000_000),
            "vae": Part(560_000_000),
        },
    ),
)
