"""The tables of the embedded model's world: attributes, their values, and where subjects live."""

from __future__ import annotations

from collections.abc import Mapping

# Everything that repeats (turning, walking, falling rain) repeats within this time.
PERIOD_SECONDS = 8.0
# The sides of the autoencoder's patches in pixels: start positions and speeds are aligned to this
# grid, see `camera.SPEED`.
PATCH = 32
# For each subject: its width at height 1, and where it lives. Append, never reorder: their numbers
# are in the weights' tables.
CAST: dict[str, tuple[float, str]] = {
    "car": (1.76, "ground"),
    "boat": (1.3, "water"),
    "train": (2.66, "ground"),
    "rocket": (0.6, "air"),
    "balloon": (0.8, "air"),
    "robot": (0.84, "ground"),
    "cat": (1.18, "ground"),
    "rabbit": (0.88, "ground"),
    "bird": (1.28, "air"),
    "fish": (1.44, "air"),
    "butterfly": (1.2, "air"),
    "turtle": (1.56, "ground"),
    "plane": (1.76, "air"),
    "elephant": (1.64, "ground"),
    "dinosaur": (1.96, "ground"),
    "child": (0.84, "ground"),
    "woman": (0.88, "ground"),
    "man": (0.88, "ground"),
    "astronaut": (0.88, "ground"),
    "vase": (0.62, "ground"),
    "bottle": (0.46, "ground"),
    "glass": (0.66, "ground"),
    "bowl": (1.48, "ground"),
    "dog": (1.4, "ground"),
    "chair": (0.86, "ground"),
    "table": (1.78, "ground"),
    "bench": (1.86, "ground"),
    "apple": (1.1, "ground"),
    "orange fruit": (0.98, "ground"),
    "banana": (1.4, "ground"),
    "tree": (0.9, "ground"),
    "bear": (1.64, "ground"),
    "panda": (1.04, "ground"),
    "hat": (1.9, "ground"),
    "suitcase": (1.2, "ground"),
    "bag": (1.0, "ground"),
    "cup": (1.24, "ground"),
    "ball": (1.0, "ground"),
    "house": (1.26, "ground"),
    "castle": (1.56, "ground"),
    "tower": (0.88, "ground"),
    "temple": (1.32, "ground"),
    "penguin": (0.92, "ground"),
    "duck": (1.4, "water"),
    "swan": (1.36, "water"),
    "owl": (0.88, "ground"),
    "horse": (1.6, "ground"),
    "unicorn": (1.6, "ground"),
    "zebra": (1.6, "ground"),
    "bicycle": (1.66, "ground"),
    "motorcycle": (1.8, "ground"),
    "flower": (0.76, "ground"),
    "book": (1.88, "ground"),
    "squirrel": (1.2, "ground"),
    "fox": (2.0, "ground"),
    "truck": (2.12, "ground"),
    "bus": (2.14, "ground"),
    "sheep": (1.24, "ground"),
    "cow": (1.56, "ground"),
    "goat": (1.32, "ground"),
    "pig": (1.54, "ground"),
    "kangaroo": (1.44, "ground"),
    "shark": (2.2, "air"),
    "whale": (2.04, "air"),
    "dolphin": (2.1, "air"),
    "umbrella": (1.26, "air"),
    "cake": (1.48, "ground"),
    "pizza": (1.08, "ground"),
    "phone": (0.58, "ground"),
    "laptop": (1.66, "ground"),
    "dragon": (2.04, "air"),
    "clock": (0.9, "ground"),
    "frog": (1.36, "ground"),
    "snail": (1.86, "ground"),
    "mouse": (1.74, "ground"),
    "moon": (1.1, "air"),
    "planet": (1.64, "air"),
    "lion": (1.82, "ground"),
    "tiger": (1.8, "ground"),
    "guitar": (0.76, "ground"),
    "piano": (1.92, "ground"),
    "monkey": (1.1, "ground"),
    "helicopter": (2.3, "air"),
    "drone": (2.1, "air"),
    "bee": (1.4, "air"),
    "giraffe": (0.96, "ground"),
    "kite": (0.72, "air"),
    "octopus": (1.44, "air"),
    "snowman": (1.08, "ground"),
    "mushroom": (1.2, "ground"),
    "star": (1.08, "air"),
}
NATURAL = "natural"  # the colour of what has one by itself
_COLOURS = (
    "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "black",
    NATURAL,
)  # fmt: skip
PEOPLE = ("woman", "man", "astronaut")  # who have poses; a child has faces
SOMEBODY = "person"  # a woman or a man, as the seed has it
_OUTDOORS = ("meadow", "forest", "garden", "village", "farm")
# Where subjects are shown if nothing is said.
HOMES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("fish", "shark", "whale", "dolphin", "octopus"), ("underwater",)),
    (("car", "truck", "bus", "motorcycle", "bicycle"), ("road", "city", "village")),
    (("rocket", "planet", "astronaut", "star"), ("space", "moonscape")),
    (("boat", "swan", "duck"), ("lake",)),
    (("plane", "helicopter", "balloon", "kite"), ("sky", "mountains", "meadow")),
    (("penguin", "snowman"), ("snowfield",)),
    (("vase", "bottle", "glass", "bowl", "cup", "cake", "pizza", "apple", "orange fruit", "banana",
      "hat", "clock", "book", "phone", "laptop", "suitcase", "bag"),
     ("studio", "room", "kitchen")),
    (("chair", "table"), ("room", "cafe")),
    (("guitar", "piano"), ("stage", "room")),
    (("ball",), ("stadium", "garden", "studio")),
    (("sheep", "cow", "goat", "pig", "horse"), ("farm", "meadow")),
    (("monkey", "tiger", "dinosaur", "panda", "fox", "squirrel", "bear", "owl", "frog", "mushroom"),
     ("forest",)),
    (("lion", "zebra", "giraffe", "elephant", "kangaroo"), ("meadow", "desert")),
    (("cat", "dog", "rabbit", "bird", "butterfly", "bee", "snail", "mouse", "flower", "tree",
      "house", "bench", "child", "unicorn", "turtle"), _OUTDOORS),
)  # fmt: skip
Vocabulary = Mapping[str, tuple[str, ...]]
# Everything that can be drawn. Weights know a part of it, which their text encoder's configuration
# lists (`KinoraMiniPipeline.vocabulary`). Append, never reorder: places and subjects are numbered.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "subject": (*CAST, SOMEBODY),
    "colour": _COLOURS,
    "place": (
        "meadow", "forest", "beach", "desert", "mountains",
        "city", "village", "lake", "snowfield", "garden",
        "room", "kitchen", "cafe", "underwater", "sky", "space", "moonscape", "neon street", "road",
        "castle grounds", "stage", "stadium", "farm", "waterfall", "studio",
    ),
    "time": ("morning", "day", "sunset", "night"),
    "weather": ("clear", "rain", "snow", "fog"),
    "motion": ("still", "right", "left", "rise", "fall", "bounce", "circle", "pace"),
    "camera": (
        "static", "pan left", "pan right", "tilt up", "tilt down", "zoom in", "zoom out", "follow",
    ),
    "size": ("small", "medium", "large"),
    # Only some scenes have these: a child's emotion, and a companion beside the subject.
    "emotion": ("happy", "sad", "angry", "surprised", "sleepy"),
    "companion": (*CAST, SOMEBODY),
    "companion_colour": _COLOURS,
    "relation": (
        "left of", "right of", "above", "below", "riding", "holding", "wearing", "chasing", "on",
    ),
    "style": ("flat", "pastel", "comic", "papercut"),
    "count": ("one", "two", "three"),
    "season": ("spring", "summer", "autumn", "winter"),
    # Only people have these.
    "action": ("stand", "walk", "run", "dance", "sit", "wave", "ride"),
    "outfit": ("dress", "trousers"),
    "hair": ("black", "brown", "blond", "red", "grey"),
    "skin": ("fair", "tan", "brown", "dark"),
}  # fmt: skip

OF_BODIES = (
    "subject", "colour", "motion", "size", "emotion", "companion", "companion_colour", "relation",
    "count", "action", "outfit", "hair", "skin",
)  # fmt: skip
"""The attributes that only a scene with a character has."""
OF_PEOPLE = ("action", "outfit", "hair", "skin")
