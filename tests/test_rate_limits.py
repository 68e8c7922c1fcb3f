"""How much one visitor may ask for, on a clock that the tests turn."""

from __future__ import annotations

import math

import pytest

from pipeline.errors import InvalidRequestError
from pipeline.rate_limits import MAX_VISITORS, Allowance, Buckets, Limits


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def limits(**allowed: float) -> tuple[Limits, Clock]:
    clock = Clock()
    return Limits(Allowance(**allowed), clock), clock


def start(limits: Limits, visitor: str = "a", job_id: str = "job") -> None:
    with limits.job(visitor, lambda job_id: job_id == "job") as place:
        place.job_id = job_id


def test_an_empty_bucket_says_how_long_until_there_is_enough_again() -> None:
    clock = Clock()
    buckets = Buckets(4, clock)
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0, 900]
    clock.now = 450
    assert buckets.take("a") == 450
    clock.now = 900
    assert [buckets.take("a"), buckets.take("a")] == [0, 900]
    assert buckets.take("b", 4) == 0
    assert buckets.take("c", 4.5) == math.inf


def test_a_full_bucket_does_not_overflow() -> None:
    clock = Clock()
    buckets = Buckets(2, clock)
    buckets.take("a")
    clock.now = 1e6
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 1800]


def test_only_so_many_visitors_are_remembered_the_last_ones() -> None:
    buckets = Buckets(1, Clock())
    for number in range(MAX_VISITORS + 100):
        buckets.take(str(number))
    assert len(buckets) == MAX_VISITORS
    assert buckets.take(str(MAX_VISITORS + 99)) > 0


def test_jobs_that_wait_are_counted_by_visitor_and_only_while_they_wait() -> None:
    limited, _ = limits(jobs_at_once=2)
    start(limited)
    start(limited)
    with pytest.raises(InvalidRequestError, match="2 of your jobs are waiting or running"):
        start(limited)
    start(limited, "b")
    limited, _ = limits(jobs_at_once=2)
    for _ in range(5):
        start(limited, job_id="done")


def test_only_so_many_visitors_jobs_are_remembered() -> None:
    limited, _ = limits(jobs_at_once=1)
    for number in range(MAX_VISITORS + 100):
        start(limited, str(number))
    assert len(limited._slots) == MAX_VISITORS


def test_a_job_of_the_hour_too_many_is_refused_with_when_to_try_again() -> None:
    limited, clock = limits(jobs_an_hour=3)
    for _ in range(3):
        start(limited)
    with pytest.raises(InvalidRequestError, match=r"requested 3 clips .* again in 20 minutes\.$"):
        start(limited)
    clock.now = 1199
    with pytest.raises(InvalidRequestError, match=r"try again in a minute\.$"):
        start(limited)
    clock.now = 1200
    start(limited)


def test_what_is_refused_for_another_reason_is_not_counted() -> None:
    limited, _ = limits(jobs_an_hour=1, jobs_at_once=1)
    for _ in range(3):
        with (
            pytest.raises(InvalidRequestError, match="The prompt is empty"),
            limited.job("a", lambda _: True),
        ):
            raise InvalidRequestError("The prompt is empty; describe something.")
    start(limited)


def test_two_requests_in_the_same_moment_cannot_both_have_the_last_place() -> None:
    limited, _ = limits(jobs_at_once=1)
    with (
        limited.job("a", lambda _: True),
        pytest.raises(InvalidRequestError, match="1 of your jobs"),
        limited.job("a", lambda _: True),
    ):
        pass


def test_bytes_and_looks_and_logins_have_limits_of_their_own() -> None:
    limited, _ = limits(upload_bytes_an_hour=1e9, looks_an_hour=1, logins_an_hour=1)
    limited.upload("a", 600_000_000)
    with pytest.raises(InvalidRequestError, match=r"uploaded 1 GB .* again in 12 minutes\.$"):
        limited.upload("a", 600_000_000)
    limited.begin_look("a")()
    with pytest.raises(InvalidRequestError, match="read 1 files of yours within an hour"):
        limited.begin_look("a")
    limited.login("a")
    with pytest.raises(InvalidRequestError, match="tried to log in 1 times"):
        limited.login("a")


def test_few_files_of_a_visitor_are_looked_at_together() -> None:
    limited, _ = limits(looks_at_once=1)
    end = limited.begin_look("a")
    with pytest.raises(InvalidRequestError, match="1 of your files"):
        limited.begin_look("a")
    limited.begin_look("b")()
    end()
    limited.begin_look("a")()


def test_a_look_above_the_limit_of_an_hour_holds_no_place() -> None:
    limited, clock = limits(looks_at_once=1, looks_an_hour=1)
    limited.begin_look("a")()
    with pytest.raises(InvalidRequestError, match="within an hour"):
        limited.begin_look("a")
    clock.now += 3600
    limited.begin_look("a")()


def test_ones_own_computer_has_no_limits() -> None:
    limited = Limits()
    for _ in range(1000):
        start(limited)
        limited.upload("a", 10**9)
        limited.begin_look("a")()
