"""The shadow of a character: an ellipse on the ground below it."""

from __future__ import annotations

from dataclasses import dataclass

SHADOW_COLOUR = (20, 24, 44)  # RGB
_ROUNDNESS = 0.14  # height of the ellipse over its width
_WIDTH_SHARE = 0.46  # half width of the ellipse, as a share of the character's width
_FAINT, _NEAR = 0.12, 0.2  # opacity far above the ground, and what is added near it


@dataclass(frozen=True)
class Shadow:
    """An ellipse around (x, y), in pixels, and its opacity."""

    x: float
    y: float
    across: float  # half its width
    down: float  # half its height
    cover: float  # from 0 to 1


def cast_shadow(
    feet: tuple[float, float], width: float, ground: float, picture_height: float
) -> Shadow | None:
    """Return the shadow of a character; smaller and fainter the higher its feet are.

    All arguments are in pixels. Returns None if the feet are below the ground line: such a
    character is in the air, nearer than the ground.
    """
    above = (ground - feet[1]) / picture_height
    if above < -0.02:
        return None
    near = max(0.0, 1 - above)
    across = _WIDTH_SHARE * width * (0.6 + 0.4 * near)
    return Shadow(feet[0], ground, across, _ROUNDNESS * across, _FAINT + _NEAR * near)
