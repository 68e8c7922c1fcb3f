"""Windows by table, and what has to hold for every plan."""

from __future__ import annotations

import itertools

import pytest

from pipeline.planning.windows import plan_windows, window_seed


@pytest.mark.parametrize(
    ("num_latents", "num_given", "plan"),
    [
        (1, 0, [(0, 1)]),
        (7, 0, [(0, 7)]),
        (8, 0, [(0, 4), (2, 4)]),
        (11, 0, [(0, 6), (2, 5)]),
        (12, 0, [(0, 7), (2, 5)]),
        (6, 1, [(1, 6)]),
        (10, 1, [(1, 5), (2, 5)]),
        (10, 2, [(2, 5), (2, 5)]),
        (3, 5, [(5, 2), (2, 1)]),
        (13, 0, [(0, 5), (2, 4), (2, 4)]),
    ],
)
def test_a_shot_is_cut_into_even_windows(
    num_latents: int, num_given: int, plan: list[tuple[int, int]]
) -> None:
    windows = plan_windows(num_latents, window_latents=7, overlap=2, num_given=num_given)
    assert [(window.num_context, window.num_latents) for window in windows] == plan


@pytest.mark.parametrize(
    ("window_latents", "overlap", "num_given"),
    [(w, o, g) for w in (1, 2, 7, 16) for o in range(min(w, 5)) for g in range(min(w, 6))],
)
def test_every_plan_covers_the_shot_once_and_fits_the_model(
    window_latents: int, overlap: int, num_given: int
) -> None:
    for num_latents in range(1, 130):
        windows = plan_windows(
            num_latents, window_latents=window_latents, overlap=overlap, num_given=num_given
        )
        num_made = 0
        for index, window in enumerate(windows):
            assert window.index == index
            assert window.start_latent == num_made
            assert window.num_latents >= 1
            assert window.total_latents <= window_latents
            assert window.num_context == (overlap if index else num_given)
            assert window.num_context <= num_given + num_made
            num_made += window.num_latents
        assert num_made == num_latents


def test_no_plan_ends_in_a_stub() -> None:
    for num_latents in range(8, 130):
        sizes = [w.num_latents for w in plan_windows(num_latents, window_latents=7, overlap=2)]
        assert min(sizes) >= 4
        assert len(sizes) == 1 + -(-(num_latents - 7) // 5)


@pytest.mark.parametrize(
    "values",
    [
        {"num_latents": 0, "window_latents": 7, "overlap": 2},
        {"num_latents": 5, "window_latents": 2, "overlap": 2},
        {"num_latents": 5, "window_latents": 7, "overlap": -1},
        {"num_latents": 5, "window_latents": 7, "overlap": 2, "num_given": 7},
        {"num_latents": 5, "window_latents": 7, "overlap": 2, "num_given": -1},
    ],
)
def test_a_plan_that_cannot_be_made_is_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="no plan"):
        plan_windows(**values)


def test_only_the_last_window_ends_within_a_chunk() -> None:
    for num_latents in range(1, 400):
        windows = plan_windows(num_latents, window_latents=36, overlap=0, multiple=9)
        assert sum(window.num_latents for window in windows) == num_latents
        assert all(1 <= window.num_latents <= 36 for window in windows)
        assert not any(window.num_latents % 9 for window in windows[:-1])
        assert len(windows) == -(-num_latents // 36)


def test_a_windows_seed_never_changes_between_machines_or_releases() -> None:
    assert window_seed(0, 0, 0) == 710_583_172
    assert window_seed(7, 1, 2) == 1_266_599_093


def test_every_window_of_a_film_has_its_own_seed_and_knows_its_shot() -> None:
    places = list(itertools.product((0, 1, 2**31 - 1), range(6), range(24)))
    seeds = {window_seed(*place) for place in places}
    assert len(seeds) == len(places)
    assert all(0 <= seed < 2**31 for seed in seeds)
    second = plan_windows(11, window_latents=7, overlap=2, shot_index=3, seed=9)[1]
    assert second.shot_index == 3
    assert second.seed == window_seed(9, 3, 1)


@pytest.mark.parametrize("num_given", [0, 1, 3])
def test_the_last_window_of_a_bridge_has_room_for_what_it_leads_to(num_given: int) -> None:
    for num_latents in range(1, 130):
        windows = plan_windows(
            num_latents, window_latents=7, overlap=2, num_given=num_given, num_after=2
        )
        assert sum(window.num_latents for window in windows) == num_latents
        assert all(window.num_latents >= 1 for window in windows)
        assert all(window.total_latents <= 7 for window in windows)
        assert [window.num_after for window in windows] == [0] * (len(windows) - 1) + [2]
