"""The models that Kinora offers, one row each, and what each of them can do.

Adding a model is adding a row. Loading weights is left to `loader.py`, running them to `engines/`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipeline.errors import InvalidRequestError, ModelError
from pipeline.geometry import ASPECT_RATIOS, Size, snap_num_frames, snap_size

Task = Literal["text_to_video", "image_to_video", "extend_video"]
Camera = Literal[
    "",  # as the prompt has it, or the model
    "static",
    "pan left",
    "pan right",
    "tilt up",
    "tilt down",
    "zoom in",
    "zoom out",
    "dolly in",
    "dolly out",
    "orbit left",
    "orbit right",
    "follow",
    "handheld",
]

# What each task starts from: the request's field that has to be given.
TASK_SOURCES: dict[Task, str | None] = {
    "text_to_video": None,
    "image_to_video": "image",
    "extend_video": "video",
}
ALL_TASKS: tuple[Task, ...] = tuple(TASK_SOURCES)

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


@dataclass(frozen=True)
class ModelSpec:
    """One model: where its weights are, what it can do and how it is asked by default.

    A clip has `temporal` * k + 1 frames and sides that are multiples of `spatial`; one call makes
    at most `window_frames` frames, and calls that continue one another share `overlap_latents`.
    """

    id: str
    label: str
    description: str
    repository: Path | str  # a folder of this project, or a repository on the Hub
    licence: str
    fps: float
    num_pixels: int
    window_frames: int
    overlap_latents: int
    default_num_inference_steps: int
    default_guidance_scale: float
    revision: str | None = None
    checkpoint: str | None = None  # one file that replaces the repository's transformer and VAE
    tasks: tuple[Task, ...] = ALL_TASKS
    # The camera moves it can make, and how its training captions say each.
    camera_words: Mapping[Camera, str] = field(default_factory=dict)
    spatial: int = 32
    temporal: int = 8
    engine: str = "ltx"
    timesteps: tuple[float, ...] | None = None  # fixed by distillation; else from the step count
    uses_negative_prompt: bool = True  # at a guidance scale above 1
    weight_bytes: int = 0  # of all parts in bfloat16, computed from their sizes
    largest_part_bytes: int = 0
    max_sequence_length: int = 256  # tokens of a prompt that are read
    gpu_seconds_per_step: float = 0.1  # of a full window on ZeroGPU; assumed, not measured there

    @property
    def is_embedded(self) -> bool:
        """Say whether the weights come with this repository."""
        return isinstance(self.repository, Path)

    @property
    def window_latents(self) -> int:
        """Count the latents of the longest call, the first of which stands for one frame."""
        return (self.window_frames - 1) // self.temporal + 1

    def size_for(self, aspect_ratio: str) -> Size:
        """Return the size of this model's clips for one of `ASPECT_RATIOS`."""
        columns, rows = ASPECT_RATIOS[aspect_ratio]
        return snap_size(columns / rows, num_pixels=self.num_pixels, multiple=self.spatial)

    def num_frames_for(self, duration: float) -> int:
        """Return how many frames a clip of at least `duration` seconds has."""
        return snap_num_frames(duration, fps=self.fps, temporal=self.temporal)


_ROWS = (
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
        weight_bytes=63_000_000,
        largest_part_bytes=48_000_000,
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
        weight_bytes=14_500_000_000,
        gpu_seconds_per_step=0.4,
        largest_part_bytes=9_600_000_000,  # the text encoder, T5-XXL
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
        weight_bytes=37_000_000_000,
        gpu_seconds_per_step=1.5,
        largest_part_bytes=26_000_000_000,
    ),
)
MODELS: dict[str, ModelSpec] = {spec.id: spec for spec in _ROWS}


def get_model(model_id: str) -> ModelSpec:
    """Return a row of `MODELS`; raise InvalidRequestError, naming them all, if it has none."""
    if not isinstance(model_id, str) or model_id not in MODELS:
        raise InvalidRequestError(
            f"There is no model named {str(model_id)[:60]!r}; choose one of {', '.join(MODELS)}."
        )
    return MODELS[model_id]


def default_model_id() -> str:
    """Return the model that is offered first: KINORA_MODEL, or the embedded one.

    Raises ModelError if KINORA_MODEL names a model that does not exist.
    """
    model_id = os.environ.get("KINORA_MODEL") or next(iter(MODELS))
    if model_id not in MODELS:
        raise ModelError(
            f"KINORA_MODEL is {model_id!r}, which is not a model; "
            f"set it to one of {', '.join(MODELS)}."
        )
    return model_id


def describe_models() -> list[dict[str, object]]:
    """List the models as JSON, for people who choose one: no paths of this machine in it."""
    return [
        {
            "id": spec.id,
            "label": spec.label,
            "description": spec.description,
            "tasks": list(spec.tasks),
            "camera_moves": list(spec.camera_words),
            "licence": spec.licence,
            "fps": spec.fps,
            "sizes": {name: list(spec.size_for(name)) for name in ASPECT_RATIOS},
            "num_inference_steps": spec.default_num_inference_steps,
            "guidance_scale": spec.default_guidance_scale,
            "uses_negative_prompt": spec.uses_negative_prompt,
        }
        for spec in MODELS.values()
    ]
