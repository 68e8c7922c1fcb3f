"""What a request and a clip go through: words, faces, frames; before a job, and when it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

import app
from pipeline import programs
from pipeline.errors import OutputError, RefusedError
from pipeline.media import ffmpeg
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from pipeline.studio import Studio
from pipeline.trust.moderation import nudity
from pipeline.trust.moderation.faces import has_face
from pipeline.trust.moderation.review import Reviewer
from pipeline.trust.moderation.rules import Moderator
from tests.sources import H264, make_clip

MODEL = "kinora-mini"
BAD = "a decapitated man"


@pytest.fixture(scope="module")
def reviewer() -> Reviewer:
    return Reviewer(Moderator("strict"))


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("portrait") / "portrait.png"
    Image.fromarray(skimage.data.astronaut()).save(path)
    return path


def ask(prompt: str = "a red car", **changes: object) -> GenerationRequest:
    task = "image_to_video" if "image" in changes else "text_to_video"
    return build_request(task, model=MODEL, prompt=prompt, **changes)


def test_a_face_is_found_and_a_cup_is_none() -> None:
    assert has_face([skimage.data.coffee(), skimage.data.astronaut()])
    assert not has_face([skimage.data.coffee(), np.zeros((40, 30, 3), np.uint8)])


def test_a_face_needs_consent_and_forces_the_label(reviewer: Reviewer, portrait: Path) -> None:
    with pytest.raises(RefusedError, match=r"tick the box .*has_consent=true"):
        reviewer.review(ask(image=portrait))
    review = reviewer.review(ask(image=portrait, has_consent=True))
    assert (review.request.label, review.request.has_consent) == ("corner", True)
    assert [one["category"] for one in review.note()["moderation"]["found"]] == ["face"]
    assert reviewer.review(ask(image=portrait, has_consent=True, label="moving")).request.label == (
        "moving"
    )


def test_a_face_is_found_on_a_shots_picture_and_in_a_clip(
    reviewer: Reviewer, portrait: Path, tmp_path: Path
) -> None:
    shots = [Shot("a red car", 1), Shot("a boat", 1, image=portrait)]
    with pytest.raises(RefusedError, match="face"):
        reviewer.review(build_request("text_to_video", model=MODEL, shots=shots))
    clip = tmp_path / "face.mp4"
    ffmpeg_input = ["-loop", "1", "-t", "1", "-i", str(portrait), "-r", "8"]
    done = programs.run(ffmpeg.command(*ffmpeg_input, "-pix_fmt", "yuv420p", str(clip)), 60)
    assert done.returncode == 0
    with pytest.raises(RefusedError, match="face"):
        reviewer.review(build_request("extend_video", model=MODEL, prompt="a car", video=clip))


def test_a_clip_without_faces_passes_unchanged(reviewer: Reviewer, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", *H264)
    request = build_request("extend_video", model=MODEL, prompt="a car", video=clip)
    assert reviewer.review(request).request == request


def test_news_of_an_event_get_the_label_and_the_recipe_says_why(reviewer: Reviewer) -> None:
    review = reviewer.review(ask("breaking news: an explosion at a station"))
    assert review.request.label == "corner"
    assert "could be taken for news" in review.note()["notice"]


def test_samples_block_from_a_quarter_on_and_warn_below() -> None:
    judged = [nudity.judge_shares([True] * n + [False] * (8 - n)) for n in (0, 1, 2, 8)]
    assert judged == ["pass", "warn", "block", "block"]
    assert nudity.judge_shares([]) == "pass"


def test_both_detectors_pass_a_portrait_and_a_cup() -> None:
    if not nudity.is_installed():
        pytest.skip("requirements-nudity.txt is not installed")
    detectors = nudity.NudityDetectors()
    assert not detectors.agree(skimage.data.astronaut())
    assert not detectors.agree(skimage.data.coffee())


class Finds:
    """Stand for the detectors' answer, since nothing explicit is in the tests."""

    def agree(self, frame: np.ndarray) -> bool:
        """Find something on every frame."""
        return frame.ndim == 3


def test_a_clip_that_shows_nudity_is_refused_unless_it_is_the_embedded_models(
    tmp_path: Path,
) -> None:
    strict = Reviewer(Moderator("strict"))
    strict._detectors = Finds()
    clip = make_clip(tmp_path / "result.mp4", *H264)
    request = ask()
    assert strict.check_output(request, clip) == ()
    with pytest.raises(OutputError, match=r"Nudity was found in the clip.*deleted"):
        strict.check_output(replace(request, model="ltx-video-2b"), clip)


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = app.create_studio(tmp_path / "data", ModelCache())
    yield studio
    studio.close()


def test_a_refused_request_leaves_no_job(studio: Studio) -> None:
    shots = [Shot("a red car", 1), Shot(BAD, 1)]
    for fields in ({"prompt": BAD}, {"shots": shots}):
        with pytest.raises(RefusedError):
            asyncio.run(studio.submit("text_to_video", fields, client_id="ada"))
    assert list((studio.worker.store.root / "jobs").iterdir()) == []


def test_a_job_from_before_the_rules_fails_with_the_sentence_and_makes_nothing(
    studio: Studio,
) -> None:
    job_id = studio.worker.submit(ask(BAD), visitor="", tab="")
    while not studio.worker.state(job_id).is_over:
        time.sleep(0.1)
    state = studio.worker.state(job_id)
    assert state.name == "failed"
    assert "cruelty shown in detail" in state.message
    assert studio.worker.result(job_id) is None
    assert not (studio.worker.store.folder(job_id) / "windows").exists()
