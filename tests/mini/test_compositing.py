"""Bodies drawn on a land: where their paths are, with their shadows, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.mini.camera import MAX_ZOOM
from pipeline.mini.compositing import add_figures, zoom_frames
from pipeline.mini.motion_paths import MotionPaths
from pipeline.mini.painter import BODY_PIXELS, Canvas, canvas_of
from pipeline.mini.scene import Look, Scene, complete_scene
from pipeline.mini.tables import CAST

WIDTH, HEIGHT = 512, 288
GROUND, BODY = -0.2, 0.8


def canvas(subject: str) -> Canvas:
    return canvas_of(BODY_PIXELS, CAST[subject][0] + 0.3)


def draw_box(look: Look, seconds: tuple[float, ...]) -> torch.Tensor:
    """Draw whoever it is as a bright box."""
    place = canvas(look.subject)
    sprite = torch.zeros(len(seconds), 4, *place.size)
    half = round(CAST[look.subject][0] * BODY_PIXELS / 2)
    x, y = (round(side) for side in place.foot)
    box = (slice(y - BODY_PIXELS, y), slice(x - half, x + half))
    sprite[(..., *box)] = (BODY + 1) / 2
    sprite[(slice(None), 3, *box)] = 1
    return sprite


def stage(motion: str | None, camera: str = "static", **more: object) -> MotionPaths:
    named = {"subject": "robot", "motion": motion, "camera": camera, "size": "medium", **more}
    scene = complete_scene({**dict.fromkeys(Scene.__annotations__), **named}, 3)
    return MotionPaths(replace(scene, companion=None, relation=None), width=WIDTH, height=HEIGHT)


def draw(paths: MotionPaths, moments: np.ndarray, land: torch.Tensor | None = None) -> torch.Tensor:
    """Draw a scene on empty ground, or on a land (H, W); return frames (F, H, W) of grey."""
    if land is None:
        land = torch.full((HEIGHT, WIDTH), GROUND)
    frames = land.expand(1, 3, len(moments), -1, -1).clone()
    return add_figures(zoom_frames(frames, paths, moments), paths, moments, draw_box)[0, 0]


MOMENTS = np.arange(1, 25) / 16


@pytest.mark.parametrize(
    ("motion", "camera"),
    [
        ("right", "static"), ("left", "static"), ("rise", "static"), ("bounce", "static"),
        ("circle", "static"), ("pace", "static"), ("still", "pan left"), ("still", "zoom in"),
    ],
)  # fmt: skip
def test_somebody_is_where_their_path_is_in_every_picture(motion: str, camera: str) -> None:
    staging = stage(motion, camera)
    y, x = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    for index, frame in enumerate(draw(staging, MOMENTS), start=1):
        bright = ((frame - GROUND).clamp(min=0) > 0.5).float()
        figure = staging.figures(index / 16)[0]
        assert abs(float((bright * x).sum() / bright.sum()) - figure.x) < 2, index
        assert abs(float((bright * y).sum() / bright.sum()) - figure.y) < 2, index
        assert float(bright.sum()) == pytest.approx(figure.width * figure.height, rel=0.08)


def test_nothing_of_what_is_behind_is_seen_through_somebody() -> None:
    staging = stage("right")
    for index, frame in enumerate(draw(staging, MOMENTS), start=1):
        figure = staging.figures(index / 16)[0]
        x, y = round(figure.x), round(figure.y)
        assert frame[y - 20 : y + 20, x - 20 : x + 20].mean() > BODY - 0.05


def test_what_nobody_comes_near_stays_as_it_is() -> None:
    staging = stage("right")
    for time, frame in zip(MOMENTS, draw(staging, MOMENTS), strict=True):
        (figure,) = staging.figures(time)
        half = canvas("robot").size[1] / BODY_PIXELS * figure.height / 2
        touched = (frame != GROUND).any(0).nonzero().flatten()
        assert touched.min() >= figure.x - half - 1
        assert touched.max() <= figure.x + half + 1


def test_a_land_with_nobody_in_it_is_left_alone() -> None:
    assert (draw(stage(None, subject=None, size=None), MOMENTS) == GROUND).all()


def test_frames_come_out_the_same_one_by_one_and_together() -> None:
    """A job that goes on from its windows has to make the same ones."""
    staging = stage("circle")
    together = draw(staging, MOMENTS)
    for index in range(len(MOMENTS)):
        alone = draw(staging, MOMENTS[index : index + 1])
        torch.testing.assert_close(alone[0], together[index], atol=1e-2, rtol=0)


def test_the_camera_goes_nearer_to_the_land_about_its_pivot() -> None:
    staging = stage(None, "zoom in", subject=None, size=None)
    land = torch.full((HEIGHT, WIDTH), GROUND)
    land[96:192, 128:384] = BODY
    (frame,) = draw(staging, np.array([6.0]), land)  # all of the way
    bright = (frame > (GROUND + BODY) / 2).float()
    assert float(bright.sum()) == pytest.approx(96 * 256 * MAX_ZOOM**2, rel=0.02)
    x = torch.arange(WIDTH) + 0.5
    assert float((bright * x).sum() / bright.sum()) == pytest.approx(WIDTH / 2, abs=1)


def test_a_shadow_lies_on_the_ground_and_is_fainter_the_higher_somebody_is() -> None:
    staging = stage("bounce")
    frames = draw(staging, MOMENTS)
    depths = []
    for index in (1, 8):  # on the way up, and at the top
        shadow = staging.figures(index / 16)[0].shadow
        x, y = round(shadow.x), round(shadow.y + 2)
        depths.append(GROUND - float(frames[index - 1, y : y + 4, x - 8 : x + 8].mean()))
    assert depths[0] > depths[1] > 0.03
