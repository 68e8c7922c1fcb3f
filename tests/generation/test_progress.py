"""What a listener is told, with a clock that the test sets."""

from __future__ import annotations

import numpy as np
import pytest

from page.messages import describe_progress
from pipeline.errors import GenerationCancelledError
from pipeline.generation import progress
from pipeline.generation.progress import SAMPLING_SHARE, Progress, Reporter
from pipeline.jobs.states import Running
from pipeline.models.registry import MODELS
from pipeline.planning.plan import Plan, plan_generation
from pipeline.planning.validation import build_request


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        """Start anywhere, as a real one does."""
        self.now = 1234.5

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.fixture
def plan() -> Plan:
    """Two windows of sixteen steps."""
    values = {"prompt": "a cat", "duration": 8, "num_inference_steps": 16}
    request = build_request("text_to_video", model="wan-2.2-5b", **values)
    return plan_generation(request, MODELS["wan-2.2-5b"])


def test_every_window_and_step_brings_it_forward_to_the_end(plan: Plan) -> None:
    told: list[Progress] = []
    reporter = Reporter(plan, 80, told.append, lambda: False)
    reporter.loading()
    reporter.sampling(1, 0, None)
    for window in (1, 2):
        for step in range(1, 17):
            reporter.sampling(window, step, None)
    reporter.writing(0)
    reporter.writing(40)
    reporter.writing(80)
    fractions = [news.fraction for news in told]
    assert fractions == sorted(fractions)
    assert fractions[0] == fractions[1] == 0
    assert told[2].fraction == pytest.approx(SAMPLING_SHARE / 32)
    assert told[33].fraction == pytest.approx(SAMPLING_SHARE)
    assert fractions[-1] == pytest.approx(1)
    assert (told[17].window, told[17].step) == (1, 16)
    assert {(news.num_windows, news.num_steps) for news in told} == {(2, 16)}
    assert [news.stage for news in told[:3]] == ["loading", "sampling", "sampling"]
    assert told[-1].stage == "writing"


def test_the_preview_stays_until_there_is_a_newer_one(plan: Plan) -> None:
    told: list[Progress] = []
    reporter = Reporter(plan, 80, told.append, lambda: False)
    first, second = (np.full((2, 2, 3), value, np.uint8) for value in (1, 2))
    reporter.loading()
    reporter.sampling(1, 1, first)
    reporter.sampling(1, 2, second)
    reporter.writing(40)
    assert [news.preview for news in told[:2]] == [None, first]
    assert told[2].preview is told[3].preview is second


def test_a_download_is_told_of_until_all_is_there(plan: Plan) -> None:
    told: list[Progress] = []
    reporter = Reporter(plan, 80, told.append, lambda: False)
    for num_bytes in (0, 3_210_000_000, 9_600_000_000):
        reporter.downloading(num_bytes, 9_600_000_000)
    reporter.sampling(1, 0, None)
    lines = [describe_progress(Running("job"), news) for news in told]
    assert lines[1] == "Downloading the model, once: 3.2 of 9.6 GB"
    assert ["Downloading" in line for line in lines] == [True, True, False, False]
    assert "Loading the model" in lines[2]


def test_nobody_is_told_anything_once_it_is_to_stop(plan: Plan) -> None:
    told: list[Progress] = []
    reporter = Reporter(plan, 80, told.append, lambda: bool(told))
    reporter.loading()
    for report in (
        reporter.loading,
        lambda: reporter.sampling(1, 1, None),
        lambda: reporter.writing(0.1),
    ):
        with pytest.raises(GenerationCancelledError, match="stopped"):
            report()
    assert len(told) == 1
