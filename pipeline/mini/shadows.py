"""The shadow of somebody in a scene: an oval on the ground below them."""

from __future__ import annotations

from dataclasses import dataclass

SHADOW_COLOUR = (20, 24, 44)  # RGB
_ROUNDNESS = 0.14  # how high an oval is, of its width
_WIDTH_SHARE = 0.46  # of somebody's width, on either side of the middle
_FAINT, _NEAR = 0.12, 0.2  # cover far above the ground, and what is added on it


@dataclass(frozen=True)
class Shadow:
    """An oval about (x, y), in pixels, and how much of the ground it covers."""

    x: float
    y: float
    across: float  # from its middle to its edge
    down: float
    cover: float


def cast_shadow(
    feet: tuple[float, float], width: float, ground: float, picture_height: float
) -> Shadow | None:
    """Return the shadow of somebody of a width, smaller and fainter the higher their feet are.

    All in pixels; None for those who are nearer than the ground: they are in the air.
    """
    above = (ground - feet[1]) / picture_height
    if above < -0.02:
        return None
    near = max(0.0, 1 - above)
    across = _WIDTH_SHARE * width * (0.6 + 0.4 * near)
    return Shadow(feet[0], ground, across, _ROUNDNESS * across, _FAINT + _NEAR * near)
