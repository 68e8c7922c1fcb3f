"""Where bodies touch: seats, hands and heads, in heights from a body's feet, x to the front."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.mini.tables import CAST, PEOPLE

ATTACHED = ("riding", "holding", "wearing", "on")
"""Relations in which the companion touches the subject."""
IN_FRONT = ("holding", "wearing")
"""Relations in which the companion is drawn over the subject."""
_HIPS = 0.25  # height of the hips of a person who sits
_SEATS: dict[str, tuple[float, float]] = {
    "horse": (-0.08, 0.63), "unicorn": (-0.08, 0.63), "zebra": (-0.08, 0.63),
    "bicycle": (-0.22, 0.84), "motorcycle": (-0.34, 0.68), "elephant": (-0.1, 0.9),
    "dragon": (0.02, 0.6), "dinosaur": (-0.06, 0.62), "cow": (-0.06, 0.72), "bear": (-0.1, 0.9),
    "turtle": (-0.08, 1.0), "boat": (-0.1, 0.32), "dolphin": (-0.1, 0.76), "whale": (0.1, 0.88),
    "shark": (-0.1, 0.7), "bench": (0.0, 0.5), "chair": (0.05, 0.52), "table": (-0.4, 0.62),
    "lion": (-0.1, 0.64), "tiger": (-0.1, 0.64), "giraffe": (-0.1, 0.56), "pig": (-0.06, 0.84),
    "sheep": (-0.06, 0.9), "dog": (-0.1, 0.6), "cat": (-0.1, 0.58), "goat": (-0.1, 0.6),
    "fox": (-0.1, 0.56), "piano": (0.2, 0.56), "rocket": (0.0, 0.9), "plane": (-0.1, 0.7),
    "kangaroo": (-0.06, 0.7), "snail": (-0.1, 0.94), "duck": (-0.2, 0.42), "swan": (-0.2, 0.5),
    "book": (0.0, 0.66), "laptop": (0.0, 0.16), "suitcase": (0.0, 0.84), "fish": (0.0, 0.94),
}  # fmt: skip
_HANDS: dict[str, tuple[float, float]] = {
    "child": (0.34, 0.62), "robot": (0.38, 0.34), "monkey": (0.3, 0.88), "panda": (0.12, 0.34),
    "squirrel": (0.32, 0.42), "snowman": (0.52, 0.56), "kangaroo": (0.28, 0.54),
}  # fmt: skip
_HEADS: dict[str, tuple[float, float]] = {
    "child": (0.0, 0.93), "dog": (0.38, 0.92), "cat": (0.33, 0.86), "bear": (0.52, 0.92),
    "panda": (0.0, 0.92), "penguin": (0.02, 0.96), "frog": (0.36, 0.94), "robot": (0.0, 0.86),
    "snowman": (0.0, 0.98), "owl": (0.0, 0.9), "monkey": (0.0, 0.94), "pig": (0.42, 0.84),
    "horse": (0.46, 0.96), "cow": (0.57, 0.92), "rabbit": (0.22, 0.68), "mouse": (0.34, 0.6),
    "lion": (0.52, 0.92), "tiger": (0.53, 0.92), "elephant": (0.52, 0.92), "fox": (0.34, 0.88),
    "duck": (0.32, 0.94), "sheep": (0.44, 0.84), "octopus": (0.0, 1.0), "dinosaur": (0.66, 1.0),
}  # fmt: skip
# Which relations make sense with which companion; the others do with any.
RIDDEN = tuple(
    name for name in _SEATS
    if name not in ("bench", "chair", "table", "piano", "book", "laptop", "suitcase")
)  # fmt: skip
SAT_ON = ("bench", "chair", "table", "suitcase", "book", "piano", "house", "car")
HELD = (
    "umbrella", "guitar", "flower", "balloon", "book", "cup", "apple", "banana", "kite", "phone",
    "ball", "bag", "fish", "star", "vase", "glass", "bottle", "mushroom", "orange fruit", "clock",
)  # fmt: skip
WORN = ("hat",)
_SMALL = {"holding": 0.42, "wearing": 0.24, "riding": 1.2, "on": 1.4}
_UMBRELLA = 1.2  # height of an umbrella that somebody holds, of their own


@dataclass(frozen=True)
class Grip:
    """Where a companion is that touches the subject, from feet to feet, in heights of the subject.

    x is to the front and y down; `scale` is its height.
    """

    x: float
    y: float
    scale: float


def grip_of(subject: str, companion: str, relation: str) -> Grip:
    """Return how a companion touches its subject."""
    scale = _SMALL[relation]
    if relation == "holding":
        is_open = companion == "umbrella"
        scale = _UMBRELLA if is_open else scale
        x, y = _HANDS.get(subject, (0.13, 0.42) if subject in PEOPLE else (_half(subject), 0.4))
        return Grip(x, -y + scale * (0.12 if is_open else 0.4), scale)
    if relation == "wearing":
        x, y = _HEADS.get(subject, (0.0 if subject in PEOPLE else 0.5 * _half(subject), 0.93))
        return Grip(x, -y + 0.06 * scale, scale)
    seat_x, seat_y = _SEATS.get(companion, (0.0, 0.98))
    sunk = _HIPS if relation == "riding" and subject in PEOPLE else 0.02
    return Grip(-scale * seat_x, scale * seat_y - sunk, scale)


def _half(subject: str) -> float:
    return 0.45 * CAST[subject][0]
