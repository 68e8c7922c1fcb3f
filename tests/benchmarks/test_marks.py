"""The benchmark of the invisible mark: on one short clip, and the figures that were kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.footage import Footage
from benchmarks.marks import measure_marks
from pipeline.runtime.model_cache import ModelCache
from pipeline.trust.watermark.detection import LEAST_SCORE
from tests.footage import scene

ROOT = Path(__file__).resolve().parents[2]
HALVES = ("tuned on", "never tuned on")


@pytest.fixture(scope="module")
def kept() -> dict[str, object]:
    return json.loads((ROOT / "benchmarks/marks.json").read_text())


def test_a_clip_is_measured_in_its_own_half_and_its_mark_is_found_where_there_is_one() -> None:
    clip = Footage("scene", "synthetic", False, lambda: scene(48))
    figures = measure_marks(ModelCache(), [clip], num_keys=2)
    assert "tuned on" not in figures
    assert figures["never tuned on"]["wrong ids"] == 0
    after = figures["never tuned on"]["after"]
    assert after["delivered, crf 18"]["id right"] == 1
    assert after["H.264, crf 23"]["score, lowest"] > LEAST_SCORE
    assert figures["costs"]["synthetic"]["PSNR, dB"]["worst"] > 40
    assert figures["costs"]["all"]["growth, crf 18"]["worst"] > 1
    unmarked = figures["unmarked windows"]
    assert (unmarked["looked at"], unmarked["taken for marked"]) == (2 * 4, 0)


def test_the_docs_say_the_figures_that_were_kept(kept: dict[str, object]) -> None:
    docs = (ROOT / "docs" / "provenance.md").read_text()
    tuned, held = (kept[half]["after"] for half in HALVES)
    for name, row in tuned.items():
        cells = [f"{each['marked']}, {each['id right']}" for each in (row, held[name])]
        lowest = f"{held[name]['score, lowest']:g}"
        assert f"| {name} | {cells[0]} | {cells[1]} | {lowest} |" in docs
    assert f"{kept['unmarked windows']['looked at']:,} unmarked windows" in docs


def test_the_kept_figures_are_of_both_halves_and_follow_from_the_clips(
    kept: dict[str, object],
) -> None:
    clips = kept["by clip"].values()
    assert sum(kept[half]["clips"] for half in HALVES) == len(clips) == kept["clips"]
    for name in kept[HALVES[0]]["after"]:
        num_right = sum(kept[half]["after"][name]["id right"] for half in HALVES)
        assert num_right == sum(clip[name][1] for clip in clips)
