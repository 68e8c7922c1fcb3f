"""Lands painted in layers: the same as they are drawn, wherever the camera is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import pytest
import torch

from pipeline.engines import open_engine
from pipeline.engines.base import SamplingParams, ShotContext, WindowContext
from pipeline.mini.engine import MiniEngine
from pipeline.mini.land_painting import Land
from pipeline.mini.motion_paths import MotionPaths
from pipeline.mini.painter import Canvas
from pipeline.mini.scene import complete_scene
from pipeline.runtime.model_cache import ModelCache
from tests.tiny import MINI
from training.sprites import VALUE_NAMES, Sight, draw_sight, take_census
from training.world import render

SIZE = {"width": 256, "height": 144}


class Draughtsman:
    """Draws what a perfectly trained painter would paint."""

    @lru_cache  # noqa: B019
    def canvas(self, kind: str) -> Canvas:
        return take_census(kind, 2).canvas

    def paint(
        self, kind: str, look: Mapping[str, str | None], seconds: Sequence[float]
    ) -> torch.Tensor:
        values = dict.fromkeys(VALUE_NAMES) | dict(look)
        sights = [Sight(kind, tuple(values.items()), time) for time in seconds]
        sprites = [draw_sight(sight, self.canvas(kind)) for sight in sights]
        return torch.from_numpy(np.stack(sprites)).permute(0, 3, 1, 2).float() / 255


DRAUGHTSMAN = Draughtsman()


@pytest.fixture(scope="module")
def engine(model_caches: dict[str, ModelCache]) -> MiniEngine:
    return open_engine(model_caches[MINI].load(MINI), width=96, height=64)


def show(land: Land, paths: MotionPaths, time: float) -> np.ndarray:
    return land.show(paths.at(time), time).permute(1, 2, 0).numpy() * 255


@pytest.mark.parametrize(
    ("place", "camera", "style"),
    [("meadow", "static", "flat"), ("farm", "pan left", "pastel"), ("lake", "tilt up", "papercut")],
)
def test_a_land_in_layers_is_the_land_as_it_is_drawn(place: str, camera: str, style: str) -> None:
    """Nothing is lost by layers, however the camera moves: what is, is the painter's."""
    named = {"place": place, "time": "day", "camera": camera, "style": style}
    scene = complete_scene(named, 5)
    paths = MotionPaths(scene, **SIZE)
    drawn = render(scene, **SIZE, times=[2.0])[0][0]
    error = np.square(show(Land(DRAUGHTSMAN, paths), paths, 2.0) - drawn).mean()
    assert 10 * np.log10(255**2 / error) > 33


def test_a_pan_moves_near_layers_more_than_far_ones_and_the_sky_not_at_all() -> None:
    scene = complete_scene({"place": "snowfield", "time": "night", "camera": "pan left"}, 5)
    paths = MotionPaths(scene, **SIZE)
    land = Land(DRAUGHTSMAN, paths)
    first, later = show(land, paths, 0.0), show(land, paths, 0.5)
    shift = round(paths.at(0.5).pan)
    assert shift > 16
    np.testing.assert_allclose(first[-8:, :-shift], later[-8:, shift:], atol=1)
    np.testing.assert_allclose(first[:12], later[:12], atol=1)


def test_what_lives_in_a_land_moves_and_repeats() -> None:
    scene = complete_scene({"place": "waterfall", "time": "day"}, 5)
    paths = MotionPaths(scene, **SIZE)
    land = Land(DRAUGHTSMAN, paths)
    first, soon = show(land, paths, 1.0), show(land, paths, 1.5)
    assert np.abs(first - soon).max() > 20
    cascade_rows = slice(60, 100)
    np.testing.assert_allclose(first[cascade_rows], show(land, paths, 9.0)[cascade_rows], atol=30)


def frames_of(engine: MiniEngine, cuts: tuple[int, ...], prompt: str) -> np.ndarray:
    """Make a shot in windows of so many latents; return its frames (F, H, W, 3)."""
    words = engine.encode_prompt(prompt, "", 1.0, ShotContext(seed=3))
    parts: list[torch.Tensor] = []
    given = WindowContext(is_start=True)
    for count in cuts:
        before = torch.cat(parts, dim=2)[:, :, -1:] if parts else None
        first = max(0, sum(part.shape[2] for part in parts) - 1)
        context = given if before is None else WindowContext(False, first, before)
        parts.append(engine.make(count, words, context, SamplingParams(3)))
    return np.concatenate(list(engine.decode_shot(given, parts, words)))


def test_a_shot_is_the_same_wherever_its_windows_are_cut(engine: MiniEngine) -> None:
    prompt = "a red car moves to the right in the rain, the camera pans left"
    whole = frames_of(engine, (5,), prompt)
    assert whole.shape == (33, 64, 96, 3)
    np.testing.assert_array_equal(whole, frames_of(engine, (2, 3), prompt))
    assert (whole[0] != whole[-1]).any()


def test_a_window_is_encoded_as_it_is_shown(engine: MiniEngine) -> None:
    """Where a clip from elsewhere is to be met, a scene has to be told in latents."""
    words = engine.encode_prompt("a car", "", 1.0, ShotContext(seed=3))
    part = engine.make(2, words, WindowContext(is_start=True), SamplingParams(3))
    shown = np.concatenate(list(engine.decode_shot(WindowContext(is_start=True), [part], words)))
    told = engine._renderer.encode(words, 0, 2, is_start=True)
    again = engine._pipe.vae.decode(engine._pipe.vae.denormalize(told)).sample
    means = (again.mean((3, 4))[0].T * 127.5 + 127.5).numpy()  # (F, 3)
    np.testing.assert_allclose(means[-1], shown[-1].mean((0, 1)), atol=6)
