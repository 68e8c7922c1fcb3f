"""The camera of a scene: its zoom, pan and tilt over time, in closed form."""

from __future__ import annotations

from math import exp

# Pixels a second of a pan and of a walk. A latent frame lasts half a second and has patches of 32
# pixels: at this speed, or half or a quarter of it, a shape lies in the patches as it did before,
# so that the networks learn few pictures of each shape instead of thousands.
SPEED = 64.0
MAX_ZOOM = 1.6
CAMERA_SECONDS = 6.0  # how long a zoom or a tilt takes
START_SECONDS = 0.25  # in which a zoom comes up to its speed
TILT_SHARE = 0.25  # of the picture's height
# How far each layer of the background moves with a pan and a tilt: sky, far, middle, near.
PAN_PARALLAX = (0.0, 0.25, 0.5, 1.0)
TILT_PARALLAX = (0.3, 0.8, 0.9, 1.0)


def aim_camera(camera: str, time: float, height: int) -> tuple[float, float, float]:
    """Return the zoom, and how far the nearest land has moved right and down, in pixels.

    Before the start, at negative times, a zoom sets off: the picture is a little wider than all.
    """
    share = min(max(time / CAMERA_SECONDS, 0.0), 1.0)
    eased = share * share * (3 - 2 * share)
    if time < 0:
        share = START_SECONDS / CAMERA_SECONDS * (exp(time / START_SECONDS) - 1)
    zoom = {"zoom in": MAX_ZOOM**share, "zoom out": MAX_ZOOM ** (1 - share)}.get(camera, 1.0)
    pan = {"pan left": 1, "pan right": -1}.get(camera, 0) * SPEED * time
    tilt = {"tilt up": eased, "tilt down": 1 - eased}.get(camera, 0.0)
    return zoom, pan, tilt * TILT_SHARE * height
