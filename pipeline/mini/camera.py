"""The camera of a scene: its zoom, pan and tilt over time, in closed form."""

from __future__ import annotations

from math import exp

# Pixels per second of a pan and of a walk. A latent frame lasts half a second and has patches of 32
# pixels: at this speed, or half or a quarter of it, a shape falls on the same place in the patches
# again and again, so that the networks learn few pictures of each shape instead of thousands.
SPEED = 64.0
MAX_ZOOM = 1.6
CAMERA_SECONDS = 6.0  # how long a zoom or a tilt takes
START_SECONDS = 0.25  # in which a zoom reaches its speed
TILT_SHARE = 0.25  # of the picture's height
# How far each layer of the background moves with a pan and a tilt: sky, far, middle, near.
PAN_PARALLAX = (0.0, 0.25, 0.5, 1.0)
TILT_PARALLAX = (0.3, 0.8, 0.9, 1.0)


def aim_camera(camera: str, time: float, height: int) -> tuple[float, float, float]:
    """Return the zoom, and how far the nearest background layer has moved right and down.

    Time is in seconds, distances are in pixels. At negative times, before the start, a zoom-in is
    slightly below 1 as it speeds up: it shows a little more than the whole picture.
    """
    share = min(max(time / CAMERA_SECONDS, 0.0), 1.0)
    eased = share * share * (3 - 2 * share)
    if time < 0:
        share = START_SECONDS / CAMERA_SECONDS * (exp(time / START_SECONDS) - 1)
    zoom = {"zoom in": MAX_ZOOM**share, "zoom out": MAX_ZOOM ** (1 - share)}.get(camera, 1.0)
    pan = {"pan left": 1, "pan right": -1}.get(camera, 0) * SPEED * time
    tilt = {"tilt up": eased, "tilt down": 1 - eased}.get(camera, 0.0)
    return zoom, pan, tilt * TILT_SHARE * height
