"""The phrases that captions are made of: what people call the things of the embedded model's world.

Every table maps a value of an attribute to phrases that name it. `HELD_OUT_WORDS` are kept out of
training, to measure how well the text encoder generalizes.
"""

from training.phrases.deeds import (
    ACTIONS,
    CAMERAS,
    COUNTS,
    EMOTIONS,
    GOING,
    HAIRS,
    MOTIONS,
    OUTFITS,
    RELATIONS,
    SIZES,
    TOGETHER,
    VAGUE_MOTIONS,
)
from training.phrases.filling import (
    FILLER,
    FUNCTION_WORDS,
    HELD_OUT_WORDS,
    NOBODY,
    UNKNOWN_NOUNS,
)
from training.phrases.nouns import NOUNS, plural
from training.phrases.scenery import COLOURS, PLACES, SEASONS, STYLES, TIMES, WEATHERS

__all__ = [
    "ACTIONS", "CAMERAS", "COLOURS", "COUNTS", "EMOTIONS", "FILLER", "FUNCTION_WORDS", "GOING",
    "HAIRS", "HELD_OUT_WORDS", "MOTIONS", "NOBODY", "NOUNS", "OUTFITS", "PLACES", "RELATIONS",
    "SEASONS",
    "SIZES", "STYLES", "TIMES", "TOGETHER", "UNKNOWN_NOUNS", "VAGUE_MOTIONS", "WEATHERS",
    "plural",
]  # fmt: skip
