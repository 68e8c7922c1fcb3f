"""The shots of a film on several workers, that see the page's data folder and that do not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pipeline.jobs.store import JobStore
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.planning.plan import plan_generation
from pipeline.planning.request import GenerationRequest, Shot
from tests.cluster.conftest import Ask, OpenPage
from tests.cluster.tiny_cluster import NEEDS_RAY, finish, latents, places, until
from tests.tiny import MINI

if TYPE_CHECKING:
    from pipeline.cluster.cluster import Cluster
    from pipeline.models.registry import Models

pytestmark = NEEDS_RAY
BOTH_WAYS = pytest.mark.parametrize("root", ["shared", "apart"], indirect=True)
WORDS = ("a red car", "a green boat", "a blue cat", "a red boat by night", "a cat", "a blue car")


def film(*transitions: str) -> list[Shot]:
    """Return six shots with cuts in between, or some with other transitions."""
    kinds = (*transitions, *["cut"] * 6)
    return [Shot(words, 2.0, transition=x) for words, x in zip(WORDS, kinds, strict=False)]


def frames(folder: Path) -> np.ndarray:
    path = folder / "result.mp4"
    return np.concatenate(list(iterate_frames(path, probe_clip(path))))


def is_all_busy(cluster: Cluster, job_id: str) -> bool:
    """Say whether three workers make shots of a job at the moment."""
    return sum(run_id.startswith(f"{job_id}/") for run_id in places(cluster).values()) == 3


def copies(cluster: Cluster) -> list[str]:
    """List the jobs whose files workers have copies of."""
    return [x.facts.copy_of for x in cluster.fleet.workers() if x.facts and x.facts.copy_of]


@BOTH_WAYS
def test_six_shots_are_made_on_three_workers_at_once_and_are_the_film_of_one(
    cluster: Cluster,
    root: Path,
    hidden: Path,
    open_page: OpenPage,
    ask: Ask,
    make_alone: Callable[[GenerationRequest], Path],
    hold: Path,
    num_made: Callable[[], int],
) -> None:
    """Shots that continue each other stay together, and dissolves are put in."""
    page, request = open_page(), ask(seed=2, shots=film("cut", "continue", "dissolve"))
    job_id = page.submit(request)
    until(lambda: is_all_busy(cluster, job_id))
    assert copies(cluster) == ([job_id] * 3 if root.is_relative_to(hidden) else [])
    hold.unlink()
    finish(page, job_id)
    assert num_made() == 6
    many, alone = page.store.folder(job_id), make_alone(request)
    assert latents(many) == latents(alone)
    # x264 itself encodes the same frames differently now and then on a busy machine.
    assert np.abs(frames(many).astype(int) - frames(alone)).mean((1, 2, 3)).max() < 1
    assert not [*many.glob("pieces-*"), *many.rglob("*.part")]
    until(lambda: not copies(cluster))


@BOTH_WAYS
def test_a_film_that_is_paused_stops_everywhere_and_shows_what_is_finished(
    cluster: Cluster,
    models: Models,
    open_page: OpenPage,
    ask: Ask,
    hold: Path,
    num_made: Callable[[], int],
) -> None:
    page, request = open_page(), ask(seed=4, shots=film())
    num_frames = plan_generation(request, models[MINI]).num_frames
    job_id = page.submit(request)
    until(lambda: is_all_busy(cluster, job_id))
    hold.unlink()
    until(lambda: num_made() >= 3)
    hold.touch()
    page.pause(job_id)
    until(lambda: page.state(job_id).name == "paused")
    until(lambda: not places(cluster))
    part = page.result(job_id)
    assert part is not None
    assert num_frames / 2 <= probe_clip(part).num_frames < num_frames
    hold.unlink()
    page.resume(job_id)
    finish(page, job_id)
    assert num_made() == 6
    assert probe_clip(part).num_frames == num_frames


@pytest.mark.parametrize("root", ["apart"], indirect=True)
def test_a_page_that_was_killed_in_a_film_finds_what_its_workers_have_made_since(
    cluster: Cluster,
    nodes: Any,  # noqa: ANN401
    folder: Path,
    root: Path,
    open_page: OpenPage,
    ask: Ask,
    hold: Path,
    num_made: Callable[[], int],
) -> None:
    job_id = JobStore(root).create(ask(seed=5, shots=film()))
    command = [sys.executable, "-m", "tests.cluster.page", nodes.address, str(root), str(folder)]
    with subprocess.Popen(command) as page:
        until(lambda: is_all_busy(cluster, job_id) or page.poll() is not None)
        assert page.poll() is None
        page.kill()
    assert is_all_busy(cluster, job_id)
    hold.unlink()
    until(lambda: not places(cluster))
    assert num_made() == 3
    finish(open_page(), job_id)
    assert num_made() == 6


def test_shots_are_grouped_by_what_continues(models: Models, ask: Ask) -> None:
    from pipeline.cluster.film import group_shots

    shots = film("cut", "continue", "dissolve", "continue", "cut", "cut")
    plan = plan_generation(ask(shots=shots), models[MINI])
    assert group_shots(plan.shots) == [(0, 1), (2, 3), (4,), (5,)]
