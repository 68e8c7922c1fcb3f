"""Path features: camera and character positions of each latent frame, which the oracle reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.mini.camera import aim_camera
from pipeline.mini.motion_paths import MotionPaths, on_screen
from pipeline.mini.scene import ATTRIBUTES, CAST, PERIOD_SECONDS, Scene

# One row per latent frame; positions are shares of the picture's width and height. The "step"
# columns are how far a value moves from the latent frame's first frame to its last. Where a "knows"
# column is 0, the columns that it stands for have no meaning.
FEATURE_COLUMNS = (
    "knows camera", "zoom", "pan", "tilt", "pivot x", "pivot y",
    "knows subject", "subject", "x", "y", "height", "way",
    "companion", "companion x", "companion y", "companion height",
    "knows view", "view", "phase",
    "zoom step", "pan step", "tilt step", "x step", "y step",
    "kind", "companion kind", "place",
)  # fmt: skip
COLUMN = {name: index for index, name in enumerate(FEATURE_COLUMNS)}


def scene_features(paths: MotionPaths, times: np.ndarray) -> np.ndarray:
    """Return the features (T, 27) of a scene's paths at latent frames of given times (T, 2)."""
    rows = unknown_features(times)
    width, height = paths.width, paths.height
    for row, (begin, end) in zip(rows, times.tolist(), strict=True):
        middle = (begin + end) / 2
        first, here, last = paths.at(begin), paths.at(middle), paths.at(end)
        values = _camera_values(
            [(m.zoom, m.pan / width, m.tilt / height) for m in (first, here, last)],
            (here.pivot[0] / width, here.pivot[1] / height),
        )
        values |= {"knows subject": 1, "knows view": 1, "view": paths.view}
        values |= _kinds(paths.scene)
        values["phase"] = (paths.clock + middle) % PERIOD_SECONDS
        if here.subject is not None:
            x, y = on_screen(here.subject, here)
            (x0, y0), (x1, y1) = (on_screen(m.subject or here.subject, m) for m in (first, last))
            values |= {
                "subject": 1, "x": x / width, "y": y / height,
                "height": here.zoom * here.subject.height / height,
                "way": -1 if here.is_flipped else 1,
                "x step": np.clip((x1 - x0) / width, -0.25, 0.25),
                "y step": np.clip((y1 - y0) / height, -0.25, 0.25),
            }  # fmt: skip
        if here.companion is not None:
            x, y = on_screen(here.companion, here)
            values |= {
                "companion": 1, "companion x": x / width, "companion y": y / height,
                "companion height": here.zoom * here.companion.height / height,
            }  # fmt: skip
        row[[COLUMN[name] for name in values]] = list(values.values())
    return rows


def _kinds(scene: Scene) -> dict[str, int]:
    """Return the numbers of a scene's place, subject and companion in their tables."""
    cast, kinds = list(CAST), {"place": ATTRIBUTES["place"].index(scene.place)}
    for name, character in (("kind", scene.subject), ("companion kind", scene.companion)):
        kinds[name] = 0 if character is None else cast.index(character)
    return kinds


def camera_features(camera: str, times: np.ndarray, *, width: int, height: int) -> np.ndarray:
    """Return the features (T, 27) of a camera move alone, for a picture without a known scene.

    `times` (T, 2) are in seconds; sizes are in pixels.
    """
    rows = unknown_features(times)
    for row, (begin, end) in zip(rows, times.tolist(), strict=True):
        moves = []
        for time in (begin, (begin + end) / 2, end):
            zoom, pan, tilt = aim_camera(camera, time, height)
            moves.append((zoom, pan / width, tilt / height))
        values = _camera_values(moves, (0.5, 0.5))
        row[[COLUMN[name] for name in values]] = list(values.values())
    return rows


def unknown_features(times: np.ndarray) -> np.ndarray:
    """Return the features (T, 27) of latent frames of which nothing is known."""
    return np.zeros((len(times), len(FEATURE_COLUMNS)), np.float32)


def _camera_values(
    moves: Sequence[tuple[float, float, float]], pivot: tuple[float, float]
) -> dict[str, float]:
    (zoom0, pan0, tilt0), (zoom, pan, tilt), (zoom1, pan1, tilt1) = moves
    return {
        "knows camera": 1, "zoom": zoom, "pan": pan, "tilt": tilt,
        "pivot x": pivot[0], "pivot y": pivot[1],
        "zoom step": np.log(zoom1 / zoom0), "pan step": pan1 - pan0, "tilt step": tilt1 - tilt0,
    }  # fmt: skip
