"""What somebody asks for, checked once at the door: `build_request` is the only way in.

Every mistake is an InvalidRequestError of one sentence. What comes out can be trusted everywhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal, get_args

from pipeline.errors import InvalidRequestError, shown
from pipeline.geometry import ASPECT_RATIOS
from pipeline.models.lora import MAX_REFERENCE_CHARACTERS, Lora, parse_loras
from pipeline.models.registry import SHIPPED, Models
from pipeline.models.spec import DIRECTIONS, TASK_SOURCES, Camera, Direction, Task
from pipeline.planning.validation import check_ability, refuse_impossible

Transition = Literal["cut", "continue", "dissolve"]
Label = Literal["", "corner", "moving"]
"""Where it is written for all to see that a clip was generated, if anywhere."""

MIN_SHOT_SECONDS = 0.5
MAX_CLIP_SECONDS = 60.0
MAX_PROMPT_CHARACTERS = 2000
MAX_SEED = 2**31 - 1
_SOURCE_WORDS = {"image": "picture", "video": "clip", "video_after": "clip that follows"}


@dataclass(frozen=True)
class Shot:
    """One take: what is seen, for how many seconds, how the camera moves, how it joins the last.

    The first shot of a request simply starts, whatever its transition is; it keeps it, so that
    shots can change places. With an `image` a shot begins with that picture.
    """

    prompt: str
    duration: float
    camera: Camera = ""
    transition: Transition = "cut"
    image: Path | None = None


@dataclass(frozen=True)
class GenerationRequest:
    """A whole request, valid as `build_request` returns it; its seed is drawn already."""

    task: Task
    shots: tuple[Shot, ...]
    model: str
    aspect_ratio: str = "16:9"  # or "auto": the shape of the picture or the clip it starts from
    seed: int = 0
    negative_prompt: str = ""
    num_inference_steps: int | None = None  # None: the model's default
    guidance_scale: float | None = None  # None: the model's default
    image: Path | None = None
    video: Path | None = None
    direction: Direction = "forward"
    video_after: Path | None = None  # what a bridge leads to
    label: Label = ""
    shows_prompt: bool = False  # in the clip's credentials; its hash is there if not
    has_consent: bool = False  # of the people whose faces are in its pictures
    loras: tuple[Lora, ...] = ()

    @property
    def duration(self) -> float:
        """Add up the shots: seconds of new video."""
        return sum(shot.duration for shot in self.shots)

    def with_sources(self, move: Callable[[Path], Path]) -> GenerationRequest:
        """Return the same request with its files where `move` says."""
        paths = {name: getattr(self, name) for name in _SOURCE_WORDS}
        shots = tuple(replace(shot, image=shot.image and move(shot.image)) for shot in self.shots)
        moved = {name: path and move(path) for name, path in paths.items()}
        return replace(self, shots=shots, **moved)

    def to_json(self) -> dict[str, object]:
        """Return the request as values that JSON can hold."""
        values = asdict(self)
        values["shots"] = [shot | {"image": _path_text(shot["image"])} for shot in values["shots"]]
        return values | {name: _path_text(values[name]) for name in _SOURCE_WORDS}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> GenerationRequest:
        """Read what `to_json` wrote, and check it again: files move, people edit.

        What its model can do is checked when it is made: a clip of a model that is not here any
        more can still be looked at. Raises InvalidRequestError as `build_request` does.
        """
        values = _saved(cls, values, required={"task", "shots", "model"})
        shots = [
            Shot(**_saved(Shot, shot, required={"prompt", "duration"}))
            for shot in _list_of(values.pop("shots"))
        ]
        return build_request(values.pop("task"), shots=shots, models=None, **values)


def build_request(
    task: Task,
    *,
    model: str,
    prompt: str = "",
    duration: float = 5.0,
    shots: Sequence[Shot] | None = None,
    aspect_ratio: str = "16:9",
    seed: int = -1,
    negative_prompt: str = "",
    num_inference_steps: int | None = None,
    guidance_scale: float | None = None,
    image: str | Path | None = None,
    video: str | Path | None = None,
    direction: Direction = "forward",
    video_after: str | Path | None = None,
    label: Label = "",
    shows_prompt: bool = False,
    has_consent: bool = False,
    loras: str | Sequence[object] | None = None,
    models: Models | None = SHIPPED,
) -> GenerationRequest:
    """Check everything and return the request; a seed of -1 is drawn here.

    Give either one `prompt` and its `duration` in seconds, or `shots`; for `loras` see
    `parse_loras`. Without `models` nobody asks whether the model and the LoRAs are there. Raises
    InvalidRequestError with one sentence for the first thing that is wrong.
    """
    _choice("task", task, TASK_SOURCES)
    spec = None if models is None else models.find(model)
    if spec is not None:
        check_ability(spec, task)
    direction = _choice("direction", direction, DIRECTIONS)
    sources = _check_sources(task, image=image, video=video)
    sources["video_after"] = _check_end(task, direction, video_after)
    if seed == -1 and not isinstance(seed, bool):
        seed = secrets.randbelow(MAX_SEED + 1)
    request = GenerationRequest(
        task=task,
        shots=_check_shots(task, [Shot(prompt, duration)] if shots is None else shots),
        model=_text("model", model, MAX_REFERENCE_CHARACTERS),
        aspect_ratio=_check_aspect_ratio(task, aspect_ratio),
        seed=_whole_number(
            "seed", seed, 0, MAX_SEED, rule=f"from 0 to {MAX_SEED}, or -1 to draw one"
        ),
        negative_prompt=_text("negative prompt", negative_prompt),
        num_inference_steps=None
        if num_inference_steps is None
        else _whole_number("number of steps", num_inference_steps, 1, 100),
        guidance_scale=None
        if guidance_scale is None
        else _number("guidance scale", guidance_scale, 1, 20),
        direction=direction,
        label=_choice("label", label, get_args(Label)),
        shows_prompt=_yes_or_no("choice to show the prompt", shows_prompt),
        has_consent=_yes_or_no("consent", has_consent),
        loras=parse_loras(loras),
        **sources,
    )
    if spec is not None:
        refuse_impossible(request, spec)
        for lora in request.loras:
            models.find_lora(lora.lora)
    return request


def check_shot(shot: Shot) -> Shot:
    """Return a shot with its values checked; raise InvalidRequestError for the first wrong one."""
    prompt = _text("prompt", shot.prompt)
    if not prompt:
        raise InvalidRequestError("The prompt is empty; describe what the clip should show.")
    rule = f"from {MIN_SHOT_SECONDS:g} to {MAX_CLIP_SECONDS:g} seconds"
    return Shot(
        prompt=prompt,
        duration=_number("duration", shot.duration, MIN_SHOT_SECONDS, MAX_CLIP_SECONDS, rule=rule),
        camera=_choice("camera move", shot.camera, get_args(Camera)),
        transition=_choice("transition", shot.transition, get_args(Transition)),
        image=None if shot.image is None else _file("picture", shot.image),
    )


def _check_shots(task: Task, shots: Sequence[Shot]) -> tuple[Shot, ...]:
    if not shots:
        raise InvalidRequestError("There are no shots; describe at least one.")
    if task == "extend_video" and len(shots) > 1:
        # They would need an order of their own when they lead up to the clip.
        raise InvalidRequestError(
            f"A clip is extended by one shot at a time, not by {len(shots)}; extend it by the "
            "first one and the result by the next."
        )
    checked = []
    for number, shot in enumerate(shots, 1):
        try:
            checked.append(check_shot(shot))
            _check_beginning(task, checked[-1], is_first=number == 1)
        except InvalidRequestError as exc:
            if len(shots) == 1:
                raise
            raise InvalidRequestError(f"Shot {number}: {exc}") from exc
    total = sum(shot.duration for shot in checked)
    if total > MAX_CLIP_SECONDS:
        raise InvalidRequestError(
            f"The shots last {total:g} seconds together, but a clip can have at most "
            f"{MAX_CLIP_SECONDS:g}; shorten or remove some."
        )
    return tuple(checked)


def _check_beginning(task: Task, shot: Shot, *, is_first: bool) -> None:
    """Refuse a shot that cannot begin with the picture that it has."""
    if shot.image is None:
        return
    if is_first and (source := TASK_SOURCES[task]):
        raise InvalidRequestError(
            f"The shot starts from the {_SOURCE_WORDS[source]} that was given, so that it cannot "
            "begin with another picture; leave one of them out."
        )
    if not is_first and shot.transition == "continue":
        raise InvalidRequestError(
            "A shot that continues the one before cannot begin with a picture; remove the "
            "picture, or choose cut or dissolve."
        )


def _check_aspect_ratio(task: Task, aspect_ratio: str) -> str:
    if task == "extend_video":
        return "auto"
    choices = [*ASPECT_RATIOS, "auto"] if TASK_SOURCES[task] else ASPECT_RATIOS
    return _choice("aspect ratio", aspect_ratio, choices)


def _check_sources(task: Task, **given: str | Path | None) -> dict[str, Path]:
    """Return the file that the task starts from, if it starts from one."""
    needed = TASK_SOURCES[task]
    surplus = [name for name, path in given.items() if path is not None and name != needed]
    if surplus:
        word = _SOURCE_WORDS[surplus[0]]
        raise InvalidRequestError(f"A {word} was given, but {task} does not use one; leave it out.")
    if needed is None:
        return {}
    path, word = given[needed], _SOURCE_WORDS[needed]
    if path is None or path == "":
        raise InvalidRequestError(f"There is no {word} to start from; add one.")
    return {needed: _file(word, path)}


def _check_end(task: Task, direction: Direction, path: str | Path | None) -> Path | None:
    """Return the clip that a bridge leads to, which nothing else has."""
    is_bridge = task == "extend_video" and direction == "bridge"
    if path is None or path == "":
        if is_bridge:
            raise InvalidRequestError("There is no clip for the bridge to lead to; add a second.")
        return None
    if not is_bridge:
        raise InvalidRequestError(
            "A second clip was given, but only a bridge leads to one; leave it out, or choose "
            "the direction bridge."
        )
    return _file("second clip", path)


def _file(name: str, path: str | Path) -> Path:
    if not isinstance(path, str | Path) or not _is_file(Path(path)):
        raise InvalidRequestError(f"The {name} {_shown(path)} is not a file; add it again.")
    return Path(path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long for the file system
        return False


def _text(name: str, value: str, max_characters: int = MAX_PROMPT_CHARACTERS) -> str:
    if not isinstance(value, str):
        raise InvalidRequestError(f"The {name} is {_shown(value)}, but it has to be text.")
    if len(value) > max_characters:
        raise InvalidRequestError(
            f"The {name} has {len(value):,} characters, but at most {max_characters:,} "
            "are read; shorten it."
        )
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise InvalidRequestError(
            f"The {name} has a character that is not valid text; type it again."
        ) from exc
    return value.strip()


def _number(name: str, value: float, low: float, high: float, *, rule: str = "") -> float:
    # Not-a-number and the infinities fail the comparison too.
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        rule = rule or f"from {low:g} to {high:g}"
        raise InvalidRequestError(
            f"The {name} is {_shown(value)}, but it has to be a number {rule}."
        )
    return float(value)


def _whole_number(name: str, value: float, low: int, high: int, *, rule: str = "") -> int:
    rule = rule or f"from {low} to {high}"
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not is_whole or not low <= value <= high:
        raise InvalidRequestError(
            f"The {name} is {_shown(value)}, but it has to be a whole number {rule}."
        )
    return int(value)


def _yes_or_no(name: str, value: bool) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequestError(f"The {name} is {_shown(value)}, but it has to be true or false.")
    return value


def _choice(name: str, value: str, choices: Collection[str]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise InvalidRequestError(
            f"The {name} is {_shown(value)}, but it has to be one of "
            f"{', '.join(choice for choice in choices if choice)}."
        )
    return value


def _saved(cls: type, values: object, *, required: set[str]) -> dict[str, object]:
    """Return the fields of a saved `cls`, if that is what it is."""
    known = {field.name for field in fields(cls)}
    if not isinstance(values, Mapping) or not required <= set(values) <= known:
        raise InvalidRequestError(
            "This is not a saved Kinora request; use a recipe as it was written."
        )
    return dict(values)


def _list_of(value: object) -> list[object]:
    if not isinstance(value, list):
        raise InvalidRequestError(f"The shots are {_shown(value)}, but they have to be a list.")
    return value


def _path_text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _shown(value: object) -> str:
    """Show a value in a sentence, and "missing" for nothing."""
    return "missing" if value is None else shown(value)
