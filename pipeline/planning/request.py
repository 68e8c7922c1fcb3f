"""Data classes of a request and its shots. `validation.py` builds and checks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pipeline.models.lora import Lora
from pipeline.models.spec import TASKS_THAT_EXTEND, Camera, Direction, Quality, Task
from pipeline.planning.characters import Character

Transition = Literal["cut", "continue", "dissolve"]
Label = Literal["", "corner", "moving"]
"""The position of the visible "AI generated" label; empty for none."""

MIN_SHOT_SECONDS, DEFAULT_SHOT_SECONDS = 0.5, 5.0
MAX_CLIP_SECONDS = 60.0
MAX_PROMPT_CHARACTERS = 2000
MAX_SEED = 2**31 - 1
MAX_INFERENCE_STEPS = 100
MAX_GUIDANCE_SCALE = 20
MAX_VARIATIONS = 4
DEFAULT_STRENGTH = 0.7
MAX_TAKES = 99
MAX_SHIFT = 30.0  # the largest that a model's authors use is 16
SOURCE_FIELDS = ("image", "video", "video_after")


@dataclass(frozen=True)
class Shot:
    """One shot: its prompt, seconds, camera move, and transition from the shot before.

    The transition of a request's first shot has no effect; it is kept so that shots can be
    reordered. With an `image` the shot begins with that picture. With a `video` it is that clip
    from `start` seconds on; a duration of 0 is then the rest of it. The shot of a retake takes the
    place of what its clip shows from `start` on. Another `take` is another draw of the same shot;
    the film's other shots keep theirs.
    """

    prompt: str
    duration: float
    camera: Camera = ""
    transition: Transition = "cut"
    image: Path | None = None
    video: Path | None = None
    start: float = 0.0
    take: int = 1


@dataclass(frozen=True)
class GenerationRequest:
    """A request. `build_request` returns valid ones, with the seed drawn."""

    task: Task
    shots: tuple[Shot, ...]
    model: str  # empty for `TASKS_WITHOUT_MODEL`
    aspect_ratio: str = "16:9"  # or "auto": as the picture or clip that it starts from
    seed: int = 0
    negative_prompt: str = ""
    num_inference_steps: int | None = None  # None: the model's default
    guidance_scale: float | None = None  # None: the model's default
    image: Path | None = None
    video: Path | None = None
    direction: Direction = "forward"
    video_after: Path | None = None  # the clip that a bridge leads to
    label: Label = ""
    shows_prompt: bool = False  # put the prompt into the clip's credentials, not only its hash
    has_consent: bool = False  # the people shown in its pictures and clips have agreed
    loras: tuple[Lora, ...] = ()
    shift: float | None = None  # the flow shift; None: the model's default
    quality: Quality = "standard"
    enhance: bool | None = None  # rewrite the prompts; None: the short ones, for models trained so
    # Of a remix: how much changes, from 0, the clip itself, to 1, a clip of the words alone.
    strength: float | None = None  # only remixes have one
    characters: tuple[Character, ...] = ()  # that its prompts call by @name

    @property
    def duration(self) -> float:
        """Return the seconds of new video: the sum of the shots."""
        return sum(shot.duration for shot in self.shots)

    @property
    def title(self) -> str:
        """Return the prompts of all shots as they were typed, or what the clip is cut from."""
        if self.task != "cut_video":
            return " / ".join(shot.prompt for shot in self.shots)
        if len(self.shots) > 1:
            return f"Cut of {len(self.shots)} pieces"
        start, duration = self.shots[0].start, self.shots[0].duration
        end = f" to {start + duration:g} s" if duration else " s on"
        return f"Cut of a clip, from {start:g}{end}"

    @property
    def pictures(self) -> tuple[Path, ...]:
        """List the pictures that the clip or its shots begin with or refer to, each once."""
        given = (self.image, *(shot.image for shot in self.shots))
        given += tuple(character.image for character in self.characters)
        return tuple(dict.fromkeys(path for path in given if path is not None))

    @property
    def extends(self) -> bool:
        """Say whether the result has frames of the clip that is given, with new ones beside."""
        return self.task in TASKS_THAT_EXTEND

    @property
    def clips(self) -> tuple[Path, ...]:
        """List the clips that the clip is made from, each once."""
        given = (self.video, self.video_after, *(shot.video for shot in self.shots))
        return tuple(dict.fromkeys(path for path in given if path is not None))

    @property
    def sources(self) -> set[Path]:
        """Return all files that the clip is made from."""
        return {*self.pictures, *self.clips}

    def lasting(self, seconds: float) -> GenerationRequest:
        """Return the same request for a clip of one shot that lasts some seconds."""
        return replace(self, shots=(replace(self.shots[0], duration=seconds),))

    def seed_of(self, shot: Shot) -> int:
        """Return the seed that a shot is drawn with."""
        return (self.seed + shot.take - 1) % (MAX_SEED + 1)

    def with_sources(self, move: Callable[[Path], Path]) -> GenerationRequest:
        """Return the same request with each file path replaced by `move(path)`."""
        paths = {name: getattr(self, name) for name in SOURCE_FIELDS}
        shots = tuple(
            replace(
                shot, image=shot.image and move(shot.image), video=shot.video and move(shot.video)
            )
            for shot in self.shots
        )
        moved: dict[str, Any] = {name: path and move(path) for name, path in paths.items()}
        moved["characters"] = tuple(replace(x, image=move(x.image)) for x in self.characters)
        return replace(self, shots=shots, **moved)

    def to_json(self) -> dict[str, Any]:
        """Return the request as JSON values."""
        values = asdict(self)
        values["shots"] = [
            shot | {name: _path_text(shot[name]) for name in ("image", "video")}
            for shot in values["shots"]
        ]
        values["characters"] = [x | {"image": str(x["image"])} for x in values["characters"]]
        return values | {name: _path_text(values[name]) for name in SOURCE_FIELDS}


def vary(request: GenerationRequest, count: int) -> list[GenerationRequest]:
    """Return a request `count` times, with seeds one apart; the first is the same."""
    seeds = [(request.seed + number) % (MAX_SEED + 1) for number in range(count)]
    return [replace(request, seed=seed) for seed in seeds]


def _path_text(path: Path | None) -> str | None:
    return None if path is None else str(path)
