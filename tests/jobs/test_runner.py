"""A clip is signed before it is handed out, whatever happened to its job, or says why not."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import app
from pipeline.errors import GenerationCancelledError, KinoraError, OutputError
from pipeline.generation.kept_parts import num_windows
from pipeline.jobs.runner import JobRunner
from pipeline.jobs.store import JobStore
from pipeline.planning.request import GenerationRequest
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from pipeline.studio import Studio
from pipeline.trust.moderation.review import Reviewer
from pipeline.trust.moderation.rules import Moderator
from pipeline.trust.provenance.identity import open_identity
from pipeline.trust.provenance.registry import FILE, Registry
from tests.sources import make_clip
from tests.tiny import CPU, MINI, tiny_models

WORDS = "a red boat by night"
# A process that is killed at one of the two moments between which the signed clip takes its place.
KILLED = """
import os, signal, sys
from pathlib import Path
import app
from pipeline.runtime.model_cache import ModelCache
from pipeline.planning.validation import build_request
from tests.tiny import CPU, MINI, tiny_models

replace = Path.replace

def replace_and_die(path, target):
    if path.name.endswith(".signing"):
        if sys.argv[3] == "after":
            replace(path, target)
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(path, target)

Path.replace = replace_and_die
studio = app.create_studio(Path(sys.argv[2]), ModelCache(CPU, tiny_models(Path(sys.argv[1]))))
request = build_request(
    "text_to_video", prompt="a red boat by night", duration=1.0, model=MINI, seed=5
)
print(studio.worker.submit(request), flush=True)
studio.worker._thread.join()
"""


@contextmanager
def studio_in(folder: Path, models: Path) -> Iterator[Studio]:
    studio = app.create_studio(folder, ModelCache(CPU, tiny_models(models)))
    yield studio
    studio.close()


def finish(studio: Studio, job_id: str) -> str:
    deadline = time.monotonic() + 60
    while (state := studio.worker.state(job_id).name) in ("queued", "running"):
        assert time.monotonic() < deadline, state
        time.sleep(0.02)
    return state


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_process_killed_while_it_signs_leaves_a_clip_that_is_signed_on_the_next_look(
    tmp_path: Path, folder: Path, moment: str
) -> None:
    command = [sys.executable, "-c", KILLED, str(folder), str(tmp_path), moment]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr[-3000:]
    job_id = done.stdout.split()[-1]
    clip = tmp_path / "jobs" / job_id / "result.mp4"
    with studio_in(tmp_path, folder) as studio:
        assert finish(studio, job_id) == "done"
        report = studio.verify(clip)
        assert (report["signed"], report["credentials"]["state"]) == (True, "trusted")
        assert studio.worker.recipe(job_id)["signed"] is True
    assert list(clip.parent.glob(".*")) == []


def test_what_a_stopped_job_had_finished_is_signed_and_keeps_its_words_for_its_owner(
    tmp_path: Path, folder: Path
) -> None:
    with studio_in(tmp_path, folder) as studio:
        request = build_request("text_to_video", prompt=WORDS, duration=40.0, model=MINI, seed=5)
        job_id = studio.worker.submit(request)
        while num_windows(tmp_path / "jobs" / job_id) < 3:  # the first is decoded by then
            time.sleep(0.005)
        studio.worker.cancel(job_id)
        assert finish(studio, job_id) == "cancelled"
        clip, recipe = studio.worker.result(job_id), studio.worker.recipe(job_id)
        assert studio.verify(clip)["signed"]
        assert recipe["signed"] is True
        assert recipe["shots"][0]["prompt"] == WORDS
        assert WORDS.encode() not in clip.read_bytes()


def test_a_studio_without_an_identity_delivers_clips_and_says_why_they_are_unsigned(
    tmp_path: Path, folder: Path
) -> None:
    (tmp_path / "identity").write_text("a file where the folder would be")
    with studio_in(tmp_path, folder) as studio:
        request = build_request("text_to_video", prompt=WORDS, duration=1.0, model=MINI, seed=5)
        job_id = studio.worker.submit(request)
        assert finish(studio, job_id) == "done"
        recipe = studio.worker.recipe(job_id)
        assert recipe["signed"] is False
        assert "writable" in recipe["signing"]
        assert studio.verify(studio.worker.result(job_id))["signed"] is False
    assert not json.loads((tmp_path / "jobs" / job_id / "recipe.json").read_text())["signed"]


class Finds:
    """Stand for the nudity detectors' answer, since nothing explicit is in the tests."""

    def agree(self, frame: np.ndarray) -> bool:
        """Find something on every frame."""
        return frame.ndim == 3


@pytest.mark.parametrize("error", [None, GenerationCancelledError("stopped")])
def test_a_refused_clip_is_deleted_with_its_finished_parts(
    tmp_path: Path, error: KinoraError | None
) -> None:
    def make(_request: GenerationRequest, output: Path, *_rest: object) -> dict[str, object]:
        make_clip(output)
        for name in ("windows", "pieces"):
            (output.parent / name).mkdir()
        if error:
            raise error
        return {}

    reviewer = Reviewer(Moderator("strict"))
    reviewer._detectors = Finds()
    identity, registry = open_identity(tmp_path / "identity", {}), Registry(tmp_path / FILE)
    store = JobStore(tmp_path)
    request = build_request("text_to_video", prompt=WORDS, duration=1.0, model="ltx-video-2b")
    job_id = store.create(request)
    runner = JobRunner(make, reviewer, identity, store, registry)
    with pytest.raises(OutputError, match=r"Nudity was found in the clip.*deleted"):
        runner.run(request, store.output_path(job_id), lambda _: None, lambda: False)
    left = {path.name for path in store.folder(job_id).iterdir()}
    assert left == {"request.json", "state.json"}
