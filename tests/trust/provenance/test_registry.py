"""The registry of delivered clips: bounded, private, shared by processes, and never in the way."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.trust.provenance.fingerprint import likeness
from pipeline.trust.provenance.registry import FILE, Registry
from tests.credentials import PROMPT, ask, recipe_of

MARK = "0123456789ab"


def recipe(**fields: object) -> dict[str, Any]:
    marks = [{"first_frame": 0, "num_frames": 24, "id": MARK}]
    return recipe_of(ask(**fields)) | {"marks": marks}


def hashes(*values: int) -> np.ndarray:
    return np.array(values, np.uint64)


def count(registry: Registry) -> int:
    with sqlite3.connect(registry.path) as database:
        return database.execute("SELECT count(*) FROM clips").fetchone()[0]


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "data" / FILE)


def test_a_clip_is_found_by_its_mark_and_by_what_it_looks_like(registry: Registry) -> None:
    registry.record("job", recipe(), {}, hashes(0b1111, 0))
    registry.record("other", recipe() | {"marks": []}, {}, hashes(2**63 - 1))
    assert registry.find_mark(MARK).model == recipe()["model_label"]
    assert registry.find_mark("ffffffffffff") is None
    bits, known = registry.nearest(hashes(0b0111))
    assert (bits, known) == (1.0, registry.find_mark(MARK))
    assert registry.nearest(hashes()) is None


def test_prompts_are_kept_only_where_the_file_shows_them(registry: Registry) -> None:
    registry.record("job", recipe(), {}, hashes(1))
    assert registry.find_mark(MARK).prompt == ""
    assert PROMPT.encode() not in registry.path.read_bytes()
    registry.record("job", recipe(shows_prompt=True), {}, hashes(1))
    assert registry.find_mark(MARK).prompt == PROMPT


@pytest.mark.skipif(sys.platform == "win32", reason="rights are another thing there")
def test_nobody_but_the_owner_can_read_it(registry: Registry) -> None:
    registry.record("job", recipe(), {}, hashes(1))
    assert stat.S_IMODE(registry.path.stat().st_mode) == 0o600


def test_the_oldest_go_with_their_marks_and_what_is_forgotten_leaves_nothing(
    tmp_path: Path,
) -> None:
    registry = Registry(tmp_path / FILE, max_clips=3)
    registry.record("first", recipe(), {}, hashes(1))
    for number in range(3):
        registry.record(f"job-{number}", recipe() | {"marks": []}, {}, hashes(1))
    assert count(registry) == 3
    assert registry.find_mark(MARK) is None
    registry.record("secret-job", recipe(), {}, hashes(1))
    registry.forget("secret-job")
    assert registry.find_mark(MARK) is None
    assert b"secret-job" not in registry.path.read_bytes()


def test_a_job_that_goes_on_has_one_row(registry: Registry) -> None:
    for _ in range(2):
        registry.record("job", recipe(), {}, hashes(1))
    assert count(registry) == 1


def _write(path: Path, name: str) -> None:
    for number in range(25):
        Registry(path).record(f"{name}-{number}", recipe(), {}, hashes(number))


def test_two_processes_write_at_once_and_no_row_is_lost(registry: Registry) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(registry.path, x)) for x in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert count(registry) == 50


@pytest.mark.parametrize("damage", ["no database", "a damaged page"])
def test_a_damaged_file_is_moved_aside_with_a_line_in_the_log(
    registry: Registry, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(40):
        registry.record(f"job-{number}", recipe(), {}, hashes(1))
    whole = registry.path.read_bytes()
    junk = b"junk" * 4096
    broken = junk if damage == "no database" else whole[:4096] + junk + whole[4096 + len(junk) :]
    registry.path.write_bytes(broken)
    registry.record("new", recipe(), {}, hashes(1))
    assert count(registry) == 1
    assert registry.path.with_suffix(".damaged").read_bytes() == broken
    assert "is damaged" in caplog.text


def test_a_registry_that_cannot_be_written_stops_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("where the folder would be")
    registry = Registry(tmp_path / "file" / FILE)
    registry.record("job", recipe(), {}, hashes(1))
    assert (registry.find_mark(MARK), registry.nearest(hashes(1))) == (None, None)
    assert "cannot be used" in caplog.text


def test_what_is_kept_of_a_manifest_is_what_was_read(registry: Registry) -> None:
    registry.record("job", recipe(), {"state": "trusted"}, hashes(1))
    with sqlite3.connect(registry.path) as database:
        ((text,),) = database.execute("SELECT manifest FROM clips").fetchall()
    assert json.loads(text) == {"state": "trusted"}


def test_what_was_given_is_kept_apart_from_what_was_made(registry: Registry) -> None:
    made, given = 0xFFFF, 0xFFFF << 32
    registry.record("job", recipe(), {}, hashes(made), hashes(given))
    for seen, like in ((made, "made"), (given, "given")):
        bits, known = registry.nearest(hashes(seen))
        assert bits == 0
        assert likeness(hashes(seen), known.made, known.given) == like
    assert likeness(hashes(made, given), known.made, known.given) == "both"
    registry.forget("job")
    with sqlite3.connect(registry.path) as database:
        assert database.execute("SELECT count(*) FROM given").fetchone() == (0,)


def test_a_clip_in_which_footage_is_new_comes_before_one_that_it_was_given_for(
    registry: Registry,
) -> None:
    registry.record("extension", recipe(seed=2, shows_prompt=True), {}, hashes(1), hashes(0xFF00))
    registry.record("original", recipe() | {"marks": []}, {}, hashes(0xFF00 | 2))
    assert registry.nearest(hashes(0xFF00))[1].prompt == ""


def test_a_registry_from_before_is_read(registry: Registry) -> None:
    registry.record("job", recipe(), {}, hashes(1))
    with sqlite3.connect(registry.path) as database:
        database.execute("DROP TABLE given")
    bits, known = registry.nearest(hashes(1))
    assert (bits, len(known.given)) == (0, 0)
