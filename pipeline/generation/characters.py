"""How a model learns what a character looks like: from its picture, or from its clip's scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from pipeline.media.images import open_picture
from pipeline.models.spec import ModelSpec
from pipeline.planning.characters import Character, replace_names, shown_in


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


def pictures_of(text: str, given: Sequence[Character], spec: ModelSpec) -> list[Image.Image]:
    """Open the pictures of the characters that a prompt calls, for models that show them."""
    if spec.shows_characters != "pictures":
        return []
    return [open_picture(character.image) for character in shown_in(text, given)]
