"""The types that describe a model: its weights, abilities and defaults.

`catalog.py` has the rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypedDict, get_args

from pipeline.geometry import (
    ASPECT_RATIOS,
    Size,
    frames_for_latents,
    latents_for_frames,
    snap_num_frames,
    snap_size,
)
from pipeline.models.lora import Lora

Task = Literal[
    "text_to_video", "image_to_video", "extend_video", "remix_video", "retake_video", "cut_video"
]
Direction = Literal["forward", "backward", "bridge", "loop"]
Camera = Literal[
    "",  # no menu choice: the prompt or the model decides
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

# The request field that each task starts from and requires.
TASK_SOURCES: dict[Task, str | None] = {
    "text_to_video": None,
    "image_to_video": "image",
    "extend_video": "video",
    "remix_video": "video",
    "retake_video": "video",
    "cut_video": None,  # its shots are clips
}
TASKS_WITHOUT_MODEL: tuple[Task, ...] = ("cut_video",)
ALL_TASKS: tuple[Task, ...] = tuple(x for x in TASK_SOURCES if x not in TASKS_WITHOUT_MODEL)
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
Remix = Literal["latents", "control", "scene"]
Reference = Literal["pictures", "looks"]
# Those that keep frames of their clip: a retake is a bridge between the parts around it.
TASKS_THAT_EXTEND: tuple[Task, ...] = ("extend_video", "retake_video")
Ability = Task | Direction | Literal["continue"]
"""What a model may lack; "continue" is continuing from a window that it has made."""
Quality = Literal["draft", "standard", "hd"]
QUALITIES: tuple[Quality, ...] = get_args(Quality)
UPSAMPLER = "latent_upsampler"
"""The name in `ModelSpec.parts` of what enlarges latents between two passes."""


class TaskDefaults(TypedDict, total=False):
    """The defaults of one task that differ from the row's."""

    guidance_scale: float
    shift: float


@dataclass(frozen=True)
class Part:
    """A component with weights: how many, and their size in its compute type."""

    num_parameters: int
    bytes_per_parameter: int = 2  # bfloat16; 4 for parts that must compute in float32
    num_in_vocabulary: int = 0  # of these, in word embeddings, which are never in fewer bits

    @property
    def num_bytes(self) -> int:
        """Return the memory of the weights in bytes."""
        return self.num_parameters * self.bytes_per_parameter


GGUF = ".gguf"


@dataclass(frozen=True)
class WeightsFile:
    """A single file with the weights of a transformer.

    `storage` is how it stores them: GGUF blocks and fp8 stay as they are in memory and are widened
    when they are used; "full" is 16 bits or more.
    """

    address: str  # a path, or the address of the file on the Hub
    num_bytes: int
    storage: Literal["full", "fp8", "gguf"] = "gguf"

    @property
    def name(self) -> str:
        """Return the name of the file, without its folder."""
        return re.split(r"[/\\]", self.address)[-1]


@dataclass(frozen=True)
class GivenPicture:
    """What its authors do to a picture that a model starts from; zero: nothing.

    `blur` is the standard deviation, in pixels, of a Gaussian of 3 x 3 pixels, `crf` the quality of
    one frame of H.264. At every step the picture's latents get `noise` times the square of the
    noise level.
    """

    blur: float = 0.0
    crf: int = 0
    noise: float = 0.0


@dataclass(frozen=True)
class SecondPass:
    """How HD is made: the latents of a standard clip, enlarged and denoised once more.

    The upsampler doubles their sides. They get the noise of the first of `timesteps`, and the model
    removes it. `adain_factor` is how far the enlarged latents get the mean and deviation of the
    small ones, `tone_map_ratio` how much their largest values are compressed, both from 0 to 1.
    """

    upsampler: str  # its class, as "package.module:Name"
    upsampler_options: Mapping[str, object]  # the arguments of that class
    checkpoint: str  # the address of its weights on the Hub, or a file: one .safetensors
    part: Part
    timesteps: tuple[float, ...]
    first_timesteps: tuple[float, ...] | None = None  # of the first pass; None: as of a single one
    adain_factor: float = 0.0
    tone_map_ratio: float = 0.0
    # The finished picture's sides, in sides of the first pass, and its size where that differs.
    scale: float = 2.0
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def size_for(self, aspect_ratio: str, first_size: Size) -> Size:
        """Return the size of the finished picture for one of `ASPECT_RATIOS`."""
        if aspect_ratio in self.sizes:
            return Size(*self.sizes[aspect_ratio])
        return Size(*(round(side * self.scale) for side in first_size))


@dataclass(frozen=True)
class ModelSpec:
    """One model: where its weights are, what it can do, and its defaults.

    A clip has `temporal` * k + 1 frames and sides that are multiples of `spatial`; one call makes
    at most `window_frames` frames, and consecutive calls share `overlap_latents`. A model with
    `chunk_latents` makes that many latents at a time, and its autoencoder treats each chunk as a
    separate clip; given latents are not part of its calls. If a setting is None or False, the model
    does not have it: the page hides it, and requests that set it are refused.
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
    # The flow shift: 1 spreads the noise levels evenly, more gives the high ones more steps.
    default_shift: float | None = None
    default_negative_prompt: str = ""  # with guidance, if the request has none
    task_defaults: Mapping[Task, TaskDefaults] = field(default_factory=dict)
    # The only sizes that its authors make, by aspect ratio; empty: the nearest to `num_pixels`.
    sizes: Mapping[str, Size] = field(default_factory=dict)
    given_picture: GivenPicture = GivenPicture()
    shaped_tasks: tuple[Task, ...] = ()  # which make any shape of `num_pixels` all the same
    revision: str | None = None
    checkpoint: str | None = None  # one file that replaces the repository's transformer and VAE
    # Files that replace the weights of single parts; the configurations are the repository's.
    files: Mapping[str, WeightsFile] = field(default_factory=dict)
    # The same transformers in four bits, as others publish them: for small GPUs.
    light_files: Mapping[str, WeightsFile] = field(default_factory=dict)
    licence_note: str = ""  # a sentence that users must know, if there is one
    access_note: str = ""  # how to be allowed to download it: a sentence, for gated repositories
    # The class that loads its components: one of diffusers, or "package.module:Name".
    pipeline: str = "LTXConditionPipeline"
    # What it cannot do, each with the reason: a sentence for users.
    cannot: Mapping[Ability, str] = field(default_factory=dict)
    # What a remix of a clip starts from: its latents with noise (SDEdit: Meng et al. 2022), its
    # frames as the model's control, or the scene in its recipe; None: it makes no remixes.
    remixes: Remix | None = None
    # How it shows characters: from pictures, or by the looks of the subject of one of its clips;
    # None: it cannot.
    shows_characters: Reference | None = None
    num_source_latents: int = 3  # latents from the end of a source clip that an extension sees
    # Fixed arguments of the pipeline's call, with its authors' values.
    call_arguments: Mapping[str, object] = field(default_factory=dict)
    # Options of the pipeline's class, with its authors' values, in the place of the saved ones.
    pipeline_options: Mapping[str, object] = field(default_factory=dict)
    draft_pixels: int | None = None  # of a draft, if it makes drafts
    second_pass: SecondPass | None = None  # makes HD of what `num_pixels` hold, if it makes HD
    # Scheduler options that differ from the saved ones.
    scheduler_options: Mapping[str, object] = field(default_factory=dict)
    has_audio: bool = False  # it makes sound too
    # The camera moves it can make, each in the words of its training captions.
    camera_words: Mapping[Camera, str] = field(default_factory=dict)
    spatial: int = 32
    temporal: int = 8
    chunk_latents: int | None = None
    token_pixels: int | None = None  # pixels a side of a token, if `spatial` is a multiple of it
    timesteps: tuple[float, ...] | None = None  # fixed by distillation; None: from the step count
    uses_negative_prompt: bool = True  # at a guidance scale above 1
    # The length of the paragraphs that it was trained on, to which short prompts are rewritten;
    # None: it is made for short prompts, and they are never rewritten.
    prompt_words: int | None = None
    sound_marks: str = ""  # how it wants spoken words and sounds marked in a prompt: a sentence
    # What accounts for the words of its prompts, if it knows a closed world: the place of a
    # function from this row to a `Reader` (`planning/understanding.py`), as "package.module:Name".
    reader: str = ""
    reads_only_english: bool = False  # its text encoder was trained on nothing else
    # What becomes of a picture that a clip starts from, if that is less than the prompt asks for.
    picture_note: str = ""
    writes_prompts: bool = False  # its text encoder is a language model that follows instructions
    takes_loras: bool = True
    own_loras: tuple[Lora, ...] = ()  # parts of the model, which are loaded with it
    ships_with_app: bool = False  # its weights are in this repository
    can_show_nudity: bool = True  # False: its frames are not checked for nudity
    streams_decoding: bool = False  # it decodes one latent at a time and needs no tiles
    stacks_guidance: bool = False  # prompt and negative prompt share one call of the transformer
    # Its pipeline marks consecutive calls, and diffusers can cache the steps of its blocks.
    can_cache_steps: bool = False
    takes_float16: bool = False  # computes in it without overflow, for GPUs without bfloat16
    hides_padding: bool = True  # its transformer masks prompt padding: not all attention can
    can_split: bool = False  # over several GPUs, by a plan of its diffusers class
    # The components with weights, by their names in the pipeline; sizes computed, not measured.
    parts: Mapping[str, Part] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()  # components of its repository that Kinora does not use
    max_sequence_length: int = 256  # tokens of a prompt that are read
    # Place on the Hub of its blocks, compiled for ZeroGPU's GPU by `spaces.aoti_compile_and_save`
    # with dynamic sizes; their inputs are not checked. No such blocks are known for any row.
    aot_blocks: str | None = None

    @property
    def can_choose_steps(self) -> bool:
        """Return whether the number of steps is a setting: fixed timesteps fix it too."""
        return self.default_num_inference_steps is not None and self.timesteps is None

    @property
    def qualities(self) -> tuple[Quality, ...]:
        """List the qualities that it makes, the smallest first; "standard" is always one."""
        has_draft = self.draft_pixels is not None and self.draft_pixels < self.num_pixels
        has = {"draft": has_draft, "standard": True, "hd": self.second_pass}
        return tuple(quality for quality in QUALITIES if has[quality])

    def at(self, quality: Quality) -> ModelSpec:
        """Return the row as it is at one of its qualities: the pixels and parts of a whole call."""
        if quality == "draft" and self.draft_pixels is not None:
            return replace(self, num_pixels=self.draft_pixels)
        if quality == "hd" and self.second_pass is not None:
            return replace(
                self,
                num_pixels=4 * self.num_pixels,  # so that every side is exactly twice as long
                spatial=2 * self.spatial,
                sizes={x: Size(2 * w, 2 * h) for x, (w, h) in self.sizes.items()},
                token_pixels=self.token_pixels or self.spatial,
                parts={**self.parts, UPSAMPLER: self.second_pass.part},
            )
        return self

    @property
    def pipeline_name(self) -> str:
        """Return the class name of the pipeline, as in `model_index.json`."""
        return self.pipeline.rpartition(":")[2]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """List the tasks that the model can do."""
        return tuple(task for task in ALL_TASKS if self.why_not(task) is None)

    def why_not(self, ability: Ability) -> str | None:
        """Return the reason why the model lacks an ability, a sentence; None if it has it."""
        if ability in self.cannot:
            return self.cannot[ability]
        if ability == "remix_video" and self.remixes is None:
            return _NO_REMIX_OF_PICTURES if "text_to_video" in self.cannot else _NO_REMIX
        needs: dict[str, Ability] = {"retake_video": "bridge"}
        needs |= dict.fromkeys(DIRECTIONS, "extend_video")
        return self.why_not(needs[ability]) if ability in needs else None

    @property
    def directions(self) -> tuple[Direction, ...]:
        """List the directions in which the model can extend a clip."""
        return tuple(direction for direction in DIRECTIONS if self.why_not(direction) is None)

    @property
    def max_shot_seconds(self) -> float | None:
        """Return the longest shot in seconds if the model cannot continue its own windows."""
        return self.window_frames / self.fps if "continue" in self.cannot else None

    @property
    def num_bytes(self) -> int:
        """Return the memory of all parts' weights in bytes."""
        return sum(
            self.files[name].num_bytes if name in self.files else part.num_bytes
            for name, part in self.parts.items()
        )

    def with_light_files(self) -> ModelSpec:
        """Return the row with its transformers from the files in four bits."""
        return replace(self, files={**self.files, **self.light_files})

    @property
    def window_latents(self) -> int:
        """Count the latents of the longest call; the first one holds one frame."""
        return latents_for_frames(
            self.window_frames, temporal=self.temporal, chunk=self.chunk_latents
        )

    @property
    def num_frames_of_chunk(self) -> int:
        """Count the frames of a whole chunk; only for models that make chunks."""
        assert self.chunk_latents is not None
        return frames_for_latents(self.chunk_latents, temporal=self.temporal)

    @property
    def num_source_frames(self) -> int:
        """Count the frames from the end of a source clip that an extension sees."""
        return frames_for_latents(
            self.num_source_latents, temporal=self.temporal, chunk=self.chunk_latents
        )

    def sizes_for(self, task: Task) -> dict[str, Size]:
        """Return the sizes of a task's clips by aspect ratio, in the order of ASPECT_RATIOS."""
        if self.sizes and _as_in_rows(task) not in self.shaped_tasks:
            return {name: self.sizes[name] for name in ASPECT_RATIOS if name in self.sizes}
        return {
            name: snap_size(columns / rows, num_pixels=self.num_pixels, multiple=self.spatial)
            for name, (columns, rows) in ASPECT_RATIOS.items()
        }

    def size_for(self, aspect_ratio: str, task: Task = "text_to_video") -> Size:
        """Return the size of a task's clips for one of the aspect ratios of `sizes_for`."""
        return self.sizes_for(task)[aspect_ratio]

    def shift_for(self, task: Task) -> float | None:
        """Return the default flow shift of a task."""
        return self.task_defaults.get(_as_in_rows(task), {}).get("shift", self.default_shift)

    def guidance_scale_for(self, task: Task) -> float | None:
        """Return the default guidance scale of a task."""
        defaults = self.task_defaults.get(_as_in_rows(task), {})
        return defaults.get("guidance_scale", self.default_guidance_scale)

    def num_frames_for(self, duration: float) -> int:
        """Return the number of frames of a clip of at least `duration` seconds."""
        return snap_num_frames(
            duration, fps=self.fps, temporal=self.temporal, chunk=self.chunk_latents
        )


_NO_REMIX_OF_PICTURES = (
    "It begins with a given picture, so that at full strength it would not show the words alone."
)
_NO_REMIX = "Kinora cannot start it from the frames of a whole clip."
_KEEPING = (*TASKS_THAT_EXTEND, "remix_video")


def _as_in_rows(task: Task) -> Task:
    """Return the task by which rows call all those that keep the shape of a clip."""
    return "extend_video" if task in _KEEPING else task
