"""What a model is to Kinora: where its weights are, what it can do, how it is asked.

The rows themselves are in `catalog.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from pipeline.geometry import (
    ASPECT_RATIOS,
    Size,
    frames_for_latents,
    latents_for_frames,
    snap_num_frames,
    snap_size,
)

Task = Literal["text_to_video", "image_to_video", "extend_video"]
Direction = Literal["forward", "backward", "bridge", "loop"]
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
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
Ability = Task | Direction | Literal["continue"]
"""What a model may be unable to do; "continue": to go on from a window that it has made."""


@dataclass(frozen=True)
class Part:
    """A component with weights: how many, and how large in the type it computes in."""

    num_parameters: int
    bytes_per_parameter: int = 2  # bfloat16; 4 for what has to compute in float32

    @property
    def num_bytes(self) -> int:
        """Return how much memory the weights take."""
        return self.num_parameters * self.bytes_per_parameter


@dataclass(frozen=True)
class ModelSpec:
    """One model: where its weights are, what it can do and how it is asked by default.

    A clip has `temporal` * k + 1 frames and sides that are multiples of `spatial`; one call makes
    at most `window_frames` frames, and calls that continue one another share `overlap_latents`. A
    model with `chunk_latents` makes so many latents at a time, each chunk a clip of its own to the
    autoencoder; what it goes on from is no part of a call. A setting that is None, or False, is one
    that the model does not have: the page hides it, and requests that name it are refused.
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
    default_num_inference_steps: int | None
    default_guidance_scale: float | None
    engine: str  # its engine class or `Family`, as "package.module:Name"
    revision: str | None = None
    checkpoint: str | None = None  # one file that replaces the repository's transformer and VAE
    licence_note: str = ""  # the sentence that a user must know, if there is one
    # The class its components are loaded as: one of diffusers, or "package.module:Name".
    pipeline: str = "LTXConditionPipeline"
    # What it cannot do, and why: a sentence for people.
    cannot: Mapping[Ability, str] = field(default_factory=dict)
    num_source_latents: int = 3  # latent frames of a source clip's end that an extension sees
    # What its pipeline's call is always given beside what a request says, as its authors have it.
    call_arguments: Mapping[str, object] = field(default_factory=dict)
    # What its scheduler is set to beside what is saved with it.
    scheduler_options: Mapping[str, object] = field(default_factory=dict)
    has_audio: bool = False  # it makes sound with its pictures
    # The camera moves it can make, and how its training captions say each.
    camera_words: Mapping[Camera, str] = field(default_factory=dict)
    spatial: int = 32
    temporal: int = 8
    chunk_latents: int | None = None
    token_pixels: int | None = None  # a token's side, where `spatial` is a multiple of it
    timesteps: tuple[float, ...] | None = None  # fixed by distillation; else from the step count
    uses_negative_prompt: bool = True  # at a guidance scale above 1
    takes_loras: bool = True
    ships_with_app: bool = False  # its weights are in this repository
    can_show_nudity: bool = True  # else its frames are not searched for it
    streams_decoding: bool = False  # one latent frame at a time: it needs no tiles
    stacks_guidance: bool = False  # a prompt and its negative go through the transformer at once
    # Its pipeline says which calls follow one another, over blocks whose steps diffusers can cache.
    can_cache_steps: bool = False
    hides_padding: bool = True  # its transformer masks a prompt's padding: not all attention can
    can_split: bool = False  # over several GPUs, by a plan of its diffusers class
    # Those with weights, by their names in the pipeline; sizes computed, not measured.
    parts: Mapping[str, Part] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()  # components that its repository has and Kinora does not use
    max_sequence_length: int = 256  # tokens of a prompt that are read
    # On the Hub, its blocks as `spaces.aoti_compile_and_save` compiles them for ZeroGPU's card,
    # with sizes left open: what they are given is not checked. None is known of for any row.
    aot_blocks: str | None = None

    @property
    def can_choose_steps(self) -> bool:
        """Say whether the number of steps is a setting: it is fixed where timesteps are."""
        return self.default_num_inference_steps is not None and self.timesteps is None

    @property
    def pipeline_name(self) -> str:
        """Return the name of the pipeline's class, as `model_index.json` has it."""
        return self.pipeline.rpartition(":")[2]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """List the tasks that it can do."""
        return tuple(task for task in ALL_TASKS if task not in self.cannot)

    @property
    def directions(self) -> tuple[Direction, ...]:
        """List the directions in which it extends a clip."""
        if "extend_video" in self.cannot:
            return ()
        return tuple(direction for direction in DIRECTIONS if direction not in self.cannot)

    @property
    def max_shot_seconds(self) -> float | None:
        """Return how long a shot can be at most, if the model cannot go on from its own windows."""
        return self.window_frames / self.fps if "continue" in self.cannot else None

    @property
    def num_bytes(self) -> int:
        """Return how much memory the weights of all parts take."""
        return sum(part.num_bytes for part in self.parts.values())

    @property
    def window_latents(self) -> int:
        """Count the latents of the longest call, the first of which stands for one frame."""
        return latents_for_frames(
            self.window_frames, temporal=self.temporal, chunk=self.chunk_latents
        )

    @property
    def num_frames_of_chunk(self) -> int:
        """Count the frames of a whole chunk, of a model that makes chunks."""
        return frames_for_latents(self.chunk_latents, temporal=self.temporal)

    @property
    def num_source_frames(self) -> int:
        """Count the frames of a source clip's end that an extension sees."""
        return frames_for_latents(
            self.num_source_latents, temporal=self.temporal, chunk=self.chunk_latents
        )

    def size_for(self, aspect_ratio: str) -> Size:
        """Return the size of this model's clips for one of `ASPECT_RATIOS`."""
        columns, rows = ASPECT_RATIOS[aspect_ratio]
        return snap_size(columns / rows, num_pixels=self.num_pixels, multiple=self.spatial)

    def num_frames_for(self, duration: float) -> int:
        """Return how many frames a clip of at least `duration` seconds has."""
        return snap_num_frames(
            duration, fps=self.fps, temporal=self.temporal, chunk=self.chunk_latents
        )
