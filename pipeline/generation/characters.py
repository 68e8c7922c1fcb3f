"""The pictures from which a model learns what characters look like."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from pipeline.media.images import open_picture
from pipeline.models.spec import ModelSpec
from pipeline.planning.characters import Character, shown_in


def pictures_of(text: str, given: Sequence[Character], spec: ModelSpec) -> list[Image.Image]:
    """Open the pictures of the characters that a prompt calls, for models that show them."""
    if spec.shows_characters != "pictures":
        return []
    return [open_picture(character.image) for character in shown_in(text, given)]
