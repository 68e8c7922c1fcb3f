"""Bodies carried along their path: shown where they are in every picture, over what is behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.mini import AutoencoderKinora
from pipeline.mini.bodies import carry
from pipeline.mini.scene import Scene, complete_scene
from pipeline.mini.staging import Staging
from pipeline.mini.tracks import TRACK_COLUMNS, latent_times, track_scene
from pipeline.models import MODELS

WIDTH, HEIGHT = 512, 288
GROUND, BODY = -0.2, 0.8
COLUMN = {name: index for index, name in enumerate(TRACK_COLUMNS)}


@pytest.fixture(scope="module")
def vae() -> AutoencoderKinora:
    folder = MODELS["kinora-mini"].repository
    return AutoencoderKinora.from_pretrained(f"{folder}/vae", torch_dtype=torch.float32)


class Painter:
    """Foresees grey ground with a bright box where a track says that somebody is."""

    def __init__(self, vae: AutoencoderKinora) -> None:
        self.vae, self.asked = vae, []

    def paint(self, track: np.ndarray) -> torch.Tensor:
        """Return a picture (1, 3, H, W): the box is as wide as it is tall."""
        picture = torch.full((1, 3, HEIGHT, WIDTH), GROUND)
        if track[COLUMN["subject"]]:
            x, y = track[COLUMN["x"]] * WIDTH, track[COLUMN["y"]] * HEIGHT
            half = track[COLUMN["height"]] * HEIGHT / 2
            top, left = max(0, round(y - half)), max(0, round(x - half))
            picture[..., top : round(y + half), left : round(x + half)] = BODY
        return picture

    def __call__(
        self, tracks: np.ndarray, places: torch.Tensor, is_inhabited: Sequence[bool]
    ) -> torch.Tensor:
        self.asked.append((tuple(is_inhabited), float(places[0, 0]), places.shape[1]))
        rows = (places[1] / 32).long(), (places[2] / 32).long()
        stills = [self.vae.normalize(self.vae.project_still(self.paint(track))) for track in tracks]
        return torch.cat(
            [still[:, :, 0][..., rows[0], rows[1]].transpose(1, 2) for still in stills]
        )


def stage(motion: str, camera: str = "static", **more: object) -> Staging:
    named = {"subject": "robot", "motion": motion, "camera": camera, "size": "medium", **more}
    scene = complete_scene({**dict.fromkeys(Scene.__annotations__), **named}, 3)
    return Staging(replace(scene, companion=None, relation=None), width=WIDTH, height=HEIGHT)


def made(vae: AutoencoderKinora, staging: Staging, first: int = 1, count: int = 3) -> torch.Tensor:
    """Carry over empty ground; return frames (F, H, W) of grey."""
    times = latent_times(first, count, 16, is_start=False)
    ground = vae.normalize(vae.project_still(torch.full((1, 3, HEIGHT, WIDTH), GROUND)))
    carried = carry(vae, staging, times, ground.repeat(1, 1, count, 1, 1), Painter(vae))
    frames = [vae.decode_linear(z) for z in vae.denormalize(carried).unbind(2)]
    return torch.cat(frames, dim=2)[0].mean(0)


@pytest.mark.parametrize("motion", ["right", "left", "rise", "bounce", "circle", "pace"])
def test_somebody_is_where_their_path_is_in_every_picture(
    vae: AutoencoderKinora, motion: str
) -> None:
    staging = stage(motion)
    y, x = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    for index, frame in enumerate(made(vae, staging), start=1):
        bright = (frame - GROUND).clamp(min=0)
        figure = staging.figures(index / 16)[0]
        assert abs(float((bright * x).sum() / bright.sum()) - figure.x) < 2, index
        assert abs(float((bright * y).sum() / bright.sum()) - figure.y) < 2, index


def test_nothing_of_what_is_behind_is_seen_through_somebody(vae: AutoencoderKinora) -> None:
    staging = stage("right")
    for index, frame in enumerate(made(vae, staging), start=1):
        figure = staging.figures(index / 16)[0]
        x, y = round(figure.x), round(figure.y)
        assert frame[y - 20 : y + 20, x - 20 : x + 20].mean() > BODY - 0.05


def test_what_nobody_comes_near_stays_as_it_is(vae: AutoencoderKinora) -> None:
    times = latent_times(1, 2, 16, is_start=False)
    staging = stage("right")
    guess = torch.randn(1, 256, 2, 9, 16, generator=torch.Generator().manual_seed(0))
    carried = carry(vae, staging, times, guess, Painter(vae))
    changed = (carried != guess).any(1)[0]
    assert changed.any()
    for index, columns in enumerate(changed.any(1)):
        figures = [staging.figures(time)[0] for time in (index / 2, (index + 1) / 2)]
        near = [(f.x + side * (f.width / 2 + 12)) / 32 for f in figures for side in (-1, 1)]
        touched = columns.nonzero().flatten()
        assert touched.min() == int(min(near))
        assert touched.max() == int(max(near))


def test_stills_and_whoever_rests_are_left_to_the_guide(vae: AutoencoderKinora) -> None:
    guess = torch.randn(1, 256, 3, 9, 16, generator=torch.Generator().manual_seed(0))
    painter = Painter(vae)
    times = latent_times(0, 3, 16, is_start=True)
    assert torch.equal(carry(vae, stage("still"), times, guess, painter), guess)
    empty = stage("still", subject=None)
    assert torch.equal(carry(vae, empty, times, guess, painter), guess)
    assert not painter.asked
    moved = carry(vae, stage("right"), times, guess, painter)
    assert torch.equal(moved[:, :, 0], guess[:, :, 0])
    assert not torch.equal(moved[:, :, 1], guess[:, :, 1])


def test_a_camera_that_moves_moves_whoever_rests_in_the_picture(vae: AutoencoderKinora) -> None:
    staging = stage("still", "zoom in")
    frames = made(vae, staging, first=4, count=2)
    wide = ((frames - GROUND) > 0.5).sum((1, 2)).float()
    assert wide[-1] > 1.05 * wide[0]


def test_latent_frames_come_out_the_same_one_by_one_and_together(vae: AutoencoderKinora) -> None:
    """A job that goes on from its windows has to make the same ones."""
    staging = stage("circle")
    times = latent_times(1, 4, 16, is_start=False)
    guess = torch.randn(1, 256, 4, 9, 16, generator=torch.Generator().manual_seed(0))
    together = carry(vae, staging, times, guess, Painter(vae))
    for index in range(4):
        part = slice(index, index + 1)
        alone = carry(vae, staging, times[part], guess[:, :, part], Painter(vae))
        assert torch.equal(alone, together[:, :, part])


def test_a_still_at_the_end_of_a_latent_frame_is_cut_out_once(vae: AutoencoderKinora) -> None:
    painter = Painter(vae)
    guess = torch.zeros(1, 256, 4, 9, 16)
    carry(vae, stage("right"), latent_times(1, 4, 16, is_start=False), guess, painter)
    stills = [asked for asked in painter.asked if asked[1] == 0]
    assert [asked[0] for asked in stills] == [(True, False)] * 5
    assert len(painter.asked) == 5 + 4


def test_somebody_who_leaves_at_one_edge_comes_in_at_the_other(vae: AutoencoderKinora) -> None:
    staging = stage("right")
    jump = next(
        index
        for index in range(1, 400)
        if staging.figures(index / 16)[0].x < staging.figures((index - 1) / 16)[0].x
    )
    first = (jump + 7) // 8 - 1
    for index, frame in enumerate(made(vae, staging, first, 3), start=8 * first - 7):
        middle = frame[:, 96:-96]
        figure = staging.figures(index / 16)[0]
        if not 0 < figure.x < WIDTH:
            assert (middle - GROUND).max() < 0.3, index


def test_tracks_without_bodies_know_the_same_land_and_camera(vae: AutoencoderKinora) -> None:
    staging = stage("right", "pan left")
    painter = Painter(vae)
    seen: list[np.ndarray] = []
    guess = torch.zeros(1, 256, 1, 9, 16)
    times = latent_times(5, 1, 16, is_start=False)

    def foresee(tracks: np.ndarray, *how: object) -> torch.Tensor:
        seen.append(tracks)
        return painter(tracks, *how)

    carry(vae, staging, times, guess, foresee)
    bare, whole = seen[-1][0], track_scene(staging, times)[0]
    kept = [COLUMN[name] for name in ("zoom", "pan", "tilt", "view", "phase", "place", "pan step")]
    assert np.array_equal(bare[kept], whole[kept])
    assert not bare[[COLUMN[name] for name in ("subject", "x", "y", "height", "kind")]].any()
