"""Characters: who a prompt means by @name, and how their names are checked and replaced."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InvalidRequestError
from pipeline.models.spec import ModelSpec
from pipeline.planning.field_checks import check_file, check_flag, show

if TYPE_CHECKING:
    from pipeline.planning.request import Shot

MAX_NAME_CHARACTERS = 80
MAX_CHARACTERS = 2  # in one clip
_MENTION = re.compile(r"@([^\W_][\w-]*)")
_NAME = re.compile(r"[^\W_][\w-]*(?: [\w-]+)*")


@dataclass(frozen=True)
class Character:
    """Somebody or something that prompts call @name: in `image`, a picture of it.

    `scene` is the scene state of the clip that the picture is from, if its recipe has one.
    `has_consent`: the people in the picture have agreed to be shown.
    """

    name: str
    image: Path
    scene: Mapping[str, Any] | None = None
    has_consent: bool = False

    @property
    def handle(self) -> str:
        """Return the name as prompts have it, without the @: "Mia Lu" is @mia-lu."""
        return handle_of(self.name)


def handle_of(name: str) -> str:
    """Return a name in lower case, in one word."""
    return name.casefold().replace(" ", "-")


def check_name(name: object) -> str:
    """Return a character's name. Raises InvalidRequestError if it cannot be one."""
    text = " ".join(name.split()) if isinstance(name, str) else ""
    if len(text) > MAX_NAME_CHARACTERS or not _NAME.fullmatch(text):
        raise InvalidRequestError(
            f"The name is {show(name)}, but it must have 1 to {MAX_NAME_CHARACTERS} letters, "
            "digits, spaces or hyphens, and begin with a letter or a digit."
        )
    return text


def list_handles(prompts: Iterable[str]) -> list[str]:
    """List what prompts call with an @, each once."""
    return [*dict.fromkeys(x.casefold() for text in prompts for x in _MENTION.findall(text))]


def replace_names(
    prompt: str, word_of: Callable[[Character], str], given: Sequence[Character]
) -> str:
    """Return a prompt with the word for each of the `given` characters in place of its @name."""
    words = {character.handle: word_of(character) for character in given}
    return _MENTION.sub(lambda match: words.get(match[1].casefold(), match[0]), prompt)


def keep_names(text: str, typed: str, given: Sequence[Character]) -> str:
    """Return a rewritten prompt with the names that were typed, and that it does not have."""
    lost = [x for x in shown_in(typed, given) if x not in shown_in(text, given)]
    return text + "".join(f" It shows @{character.handle}." for character in lost)


def without_names(prompt: str) -> str:
    """Return a prompt without what it calls with an @."""
    return " ".join(_MENTION.sub(" ", prompt).split()) if "@" in prompt else prompt


def mark_names(prompt: str, given: Sequence[Character]) -> str:
    """Return a prompt with an @ where it has the names of characters without one."""
    for character in given:
        if character.handle not in list_handles([prompt]):
            name = re.compile(rf"(?<![@\w]){re.escape(character.name)}(?![\w])", re.IGNORECASE)
            prompt = name.sub(f"@{character.handle}", prompt)
    return prompt


def mark_shots(shots: Iterable[Shot], given: Sequence[Character]) -> list[Shot]:
    """Return shots whose prompts call the characters that they name, as `mark_names` does."""
    return [replace(shot, prompt=mark_names(shot.prompt, given)) for shot in shots]


def shown_in(prompt: str, given: Sequence[Character]) -> list[Character]:
    """Return those of the characters that a prompt calls by their names."""
    handles = list_handles([prompt])
    return [character for character in given if character.handle in handles]


def call_characters(
    text: str, given: Sequence[Character], spec: ModelSpec
) -> tuple[str, list[Character]]:
    """Return a prompt as the model reads it, and the characters that it calls.

    A model that shows looks reads what the character is, any other one its name.
    """
    has_looks = spec.shows_characters == "looks"

    def word_of(character: Character) -> str:
        return (has_looks and subject_of(character.scene)) or character.name

    return replace_names(text, word_of, given), shown_in(text, given)


def subject_of(scene: Mapping[str, Any] | None) -> str:
    """Return the subject of a scene state, which anyone can have written; empty for none."""
    try:
        subject = (scene or {})["staging"]["scene"]["subject"]
    except (KeyError, TypeError):
        return ""
    return subject if isinstance(subject, str) else ""


def check_characters(values: object) -> tuple[Character, ...]:
    """Return the characters of a request. Raises InvalidRequestError for the first wrong one."""
    if not isinstance(values, list | tuple):
        raise InvalidRequestError("The characters must be a list.")
    characters = tuple(x if isinstance(x, Character) else _read(x) for x in values)
    if len(characters) > MAX_CHARACTERS:
        raise InvalidRequestError(
            f"There are {len(characters)} characters, but one clip shows {MAX_CHARACTERS} at most."
        )
    return characters


def _read(values: object) -> Character:
    """Read a character from its JSON form, as a saved request has it."""
    if not isinstance(values, Mapping) or not {*values} <= {
        "name",
        "image",
        "scene",
        "has_consent",
    }:
        raise InvalidRequestError("This is not a character of Kinora; make it again.")
    scene = values.get("scene")
    return Character(
        check_name(values.get("name")),
        check_file("character's picture", values.get("image")),
        scene if isinstance(scene, Mapping) else None,
        check_flag("consent", values.get("has_consent", False)),
    )
