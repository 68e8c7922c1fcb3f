"""Prompts are rewritten once, reviewed again, and told of; or used as typed, with the reason."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import Kandinsky5T2VPipeline

import app
from page.api import Endpoints
from pipeline.errors import GenerationCancelledError, ModelError
from pipeline.generation.progress import Progress
from pipeline.jobs import enhancement
from pipeline.jobs.enhancement import Enhanced, PromptEnhancer
from pipeline.jobs.files import PROMPTS
from pipeline.jobs.history import visitor_key
from pipeline.models.registry import MODELS, SHIPPED
from pipeline.models.spec import ModelSpec
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from pipeline.runtime import prompt_writer
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.placement import Placement
from pipeline.runtime.prompt_writer import CPU_REPOSITORY, PromptWriters, own_writer
from pipeline.studio import Studio
from pipeline.trust.moderation.review import Reviewer
from pipeline.trust.moderation.rules import Moderator, Verdict
from tests.hub import COMMIT, serve_hub
from tests.tiny import CPU, LTX, MINI, tiny_models
from tests.tiny_families import T2V, tiny_kandinsky
from tests.tiny_ltx2 import LTX2, tiny_ltx2
from tests.tiny_writer import (
    BOAT,
    CALM_ANSWER,
    CAMERA,
    CUT_OFF,
    KNIFE,
    STORM_ANSWER,
    TEMPLATE,
    save_tiny_writer,
)

ROOT = Path(__file__).resolve().parents[2]
REVISION = """
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.prompt_writer import PromptWriters
from tests.tiny import CPU
request = build_request("text_to_video", prompt="red boat", model="ltx-video-2b")
with PromptWriters(ModelCache(CPU)).open(request) as writer:
    print(writer.name, writer.revision)
"""


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_writer(tmp_path_factory.mktemp("writer"))


@pytest.fixture(scope="module")
def untaught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_writer(tmp_path_factory.mktemp("untaught"), is_taught=False)


def ask(*shots: Shot | str, seed: int = 1, **fields: object) -> GenerationRequest:
    listed = [shot if isinstance(shot, Shot) else Shot(shot, 1.0) for shot in shots]
    fields = {"model": LTX, **fields}
    return build_request("text_to_video", shots=listed, seed=seed, **fields)


def enhance(
    request: GenerationRequest,
    folder: Path,
    repository: Path,
    is_cancelled: Callable[[], bool] = lambda: False,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Enhanced:
    """Rewrite a request's prompts for a job in `folder`, with a language model of its own."""
    reviewer = Reviewer(Moderator("standard"))
    writers = PromptWriters(ModelCache(CPU), str(repository))
    enhancer = PromptEnhancer(SHIPPED, writers, reviewer)
    return enhancer.enhance(reviewer.review(request), folder, on_progress, is_cancelled)


def prompts_of(enhanced: Enhanced) -> list[str]:
    return [shot.prompt for shot in enhanced.review.request.shots]


def test_a_short_prompt_becomes_a_paragraph_and_is_told_with_its_model(
    writer: Path, tmp_path: Path
) -> None:
    stages: list[str] = []
    done = enhance(ask(BOAT), tmp_path, writer, on_progress=lambda x: stages.append(x.stage))
    assert prompts_of(done) in ([CALM_ANSWER], [STORM_ANSWER])
    assert done.note() == {
        "rewritten": [
            {
                "typed": BOAT,
                "prompt": prompts_of(done)[0],
                "model": str(writer),
                "revision": None,
                "note": "",
            }
        ]
    }
    assert stages == ["rewriting"]


def test_the_same_seed_gives_the_same_words_and_others_give_others(
    writer: Path, tmp_path: Path
) -> None:
    def words(seed: int) -> str:
        folder = tmp_path / f"{seed}-{time.monotonic_ns()}"
        folder.mkdir()
        torch.manual_seed(time.monotonic_ns() % 1000)  # other threads draw from it
        return prompts_of(enhance(ask(BOAT, seed=seed), folder, writer))[0]

    drawn = [words(seed) for seed in range(8)]
    assert [words(seed) for seed in range(8)] == drawn
    assert {*drawn} == {CALM_ANSWER, STORM_ANSWER}


def test_a_resumed_job_uses_its_words_again_without_a_language_model(
    writer: Path, tmp_path: Path
) -> None:
    first = enhance(ask(BOAT), tmp_path, writer)
    again = enhance(ask(BOAT), tmp_path, tmp_path / "gone")
    assert (prompts_of(again), again.rewritten) == (prompts_of(first), first.rewritten)
    # Of a changed film only the new shot is rewritten: here without success.
    changed = enhance(ask(BOAT, "a dog"), tmp_path, tmp_path / "gone")
    assert prompts_of(changed) == [*prompts_of(first), "a dog"]
    assert [bool(x.note) for x in changed.rewritten] == [False, True]


def test_what_a_job_could_not_rewrite_it_does_not_try_again(writer: Path, tmp_path: Path) -> None:
    """A window that was made with the typed words would have to be made again."""
    assert prompts_of(enhance(ask(BOAT), tmp_path, tmp_path / "gone")) == [BOAT]
    assert prompts_of(enhance(ask(BOAT), tmp_path, writer)) == [BOAT]


def test_a_damaged_file_of_words_is_written_anew(writer: Path, tmp_path: Path) -> None:
    for text in ("{", '{"rewritten": [{"typed": "red boat"}, {"no": "prompt"}]}'):
        (tmp_path / PROMPTS).write_text(text)
        assert prompts_of(enhance(ask(BOAT), tmp_path, writer)) != [BOAT]


def test_a_model_that_is_not_there_leaves_the_words_as_typed_and_says_so(tmp_path: Path) -> None:
    done = enhance(ask(BOAT), tmp_path, tmp_path / "gone")
    (told,) = done.rewritten
    assert prompts_of(done) == [BOAT]
    assert (told.typed, told.prompt, told.model) == (BOAT, "", "")
    assert told.note.startswith("The prompt was used as you typed it. ")
    assert told.note.endswith("gone could not be loaded.")


def test_a_model_that_could_not_be_loaded_is_not_asked_for_by_every_job(
    writer: Path, tmp_path: Path
) -> None:
    repository = tmp_path / "later"
    writers = PromptWriters(ModelCache(CPU), str(repository))
    with pytest.raises(ModelError, match="could not be loaded"), writers.open(ask(BOAT)):
        pass
    repository.symlink_to(writer)
    with pytest.raises(ModelError), writers.open(ask(BOAT)):
        pass
    writers._failure = (time.monotonic() - 601, writers._failure[1])
    with writers.open(ask(BOAT)) as opened:
        assert opened.name == str(repository)


def test_an_answer_that_is_no_paragraph_is_not_used(writer: Path, tmp_path: Path) -> None:
    done = enhance(ask(CUT_OFF), tmp_path, writer)
    assert prompts_of(done) == [CUT_OFF]
    assert "did not write a paragraph" in done.rewritten[0].note


def test_a_model_that_takes_too_long_is_stopped(
    untaught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enhancement, "MAX_SECONDS", 0.0)
    done = enhance(ask(BOAT, KNIFE), tmp_path, untaught)
    assert prompts_of(done) == [BOAT, KNIFE]
    assert all("did not finish in" in x.note for x in done.rewritten)


def test_stop_ends_the_writing_and_keeps_nothing(untaught: Path, tmp_path: Path) -> None:
    asked: list[bool] = []

    def is_cancelled() -> bool:
        asked.append(True)
        return len(asked) > 4

    with pytest.raises(GenerationCancelledError):
        enhance(ask(BOAT), tmp_path, untaught, is_cancelled)
    assert len(asked) < 12
    assert not (tmp_path / PROMPTS).exists()


def test_words_that_would_be_refused_are_not_used_then_or_later(
    writer: Path, tmp_path: Path
) -> None:
    for repository in (writer, tmp_path / "gone"):
        done = enhance(ask(KNIFE), tmp_path, repository)
        assert prompts_of(done) == [KNIFE]
        assert "refused" in done.rewritten[0].note
        assert done.review.verdicts == ()


def test_rewritten_words_with_a_finding_get_its_label(writer: Path, tmp_path: Path) -> None:
    class Camera:
        def judge(self, prompts: list[str]) -> Verdict:
            is_seen = any(CAMERA in prompt for prompt in prompts)
            return Verdict("label" if is_seen else "pass", "news", "a camera")

    reviewer = Reviewer(Moderator("standard", [Camera()]))
    writers = PromptWriters(ModelCache(CPU), str(writer))
    review = reviewer.review(ask(BOAT))
    assert review.request.label == ""
    done = PromptEnhancer(SHIPPED, writers, reviewer).enhance(
        review, tmp_path, lambda _: None, lambda: False
    )
    assert done.review.request.label == "corner"
    assert [verdict.outcome for verdict in done.review.verdicts] == ["label"]


def test_a_camera_move_of_the_menu_is_the_only_one(writer: Path, tmp_path: Path) -> None:
    shots = Shot(BOAT, 1.0, camera="pan left"), Shot(BOAT, 1.0)
    moved, free = prompts_of(enhance(ask(*shots), tmp_path, writer))
    assert CAMERA in free
    assert moved == free.replace(f"{CAMERA} ", "")


def test_the_small_model_has_left_the_memory_before_the_video_model_is_loaded(
    writer: Path,
) -> None:
    with PromptWriters(ModelCache(CPU), str(writer)).open(ask(BOAT)) as opened:
        assert opened.device.type == "cpu"
        assert not any(x.is_meta for x in opened.language_model.model.parameters())
    assert all(x.is_meta for x in opened.language_model.model.parameters())


def test_it_is_fetched_from_the_hub_and_its_commit_is_told(writer: Path, tmp_path: Path) -> None:
    with serve_hub({CPU_REPOSITORY: writer}) as hub:
        environment = os.environ | {
            "HF_HOME": str(tmp_path),
            "HF_ENDPOINT": hub.url,
            "HF_HUB_OFFLINE": "0",
        }
        environment.pop("HF_HUB_CACHE", None)
        done = subprocess.run(
            [sys.executable, "-c", REVISION],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stdout.split() == [CPU_REPOSITORY, COMMIT], done.stderr[-2000:]


@pytest.mark.parametrize(
    ("model_id", "build"), [(LTX2, tiny_ltx2), (T2V, lambda: tiny_kandinsky(Kandinsky5T2VPipeline))]
)
def test_a_video_model_rewrites_with_its_own_language_model(
    model_id: str, build: Callable[[], object]
) -> None:
    pipe, placement = build(), Placement("cpu", "float32", "none", tile_decoding=True)
    spec: ModelSpec = MODELS[model_id]
    model = LoadedModel(spec, pipe, placement, "weights", revision="abc")
    assert own_writer(model) is None  # its tokenizer knows of no conversations
    pipe.tokenizer.chat_template = TEMPLATE
    own = own_writer(model)
    assert (own.name, own.revision) == (f"{spec.repository}, text_encoder", "abc")
    messages = [{"role": "system", "content": "write"}, {"role": "user", "content": "a red car"}]
    first, again, other = (own.write(messages, seed, 60.0) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) > 20
    assert own_writer(replace(model, placement=replace(placement, offload="group"))) is None
    other_spec = replace(spec, writes_prompts=False)
    assert own_writer(replace(model, spec=other_spec)) is None


@pytest.fixture
def studio(
    folder: Path, writer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Studio]:
    monkeypatch.setattr(prompt_writer, "CPU_REPOSITORY", str(writer))
    models = tiny_models(folder)
    models[LTX] = replace(models[LTX], max_sequence_length=128)
    studio = app.create_studio(tmp_path, ModelCache(CPU, models), SHIPPED)
    yield studio
    studio.close()


def finish(studio: Studio, request: GenerationRequest, **origin: str) -> str:
    job_id = studio.worker.submit(request, **origin)
    return wait(studio, job_id)


def wait(studio: Studio, job_id: str) -> str:
    deadline = time.monotonic() + 120
    while not studio.worker.state(job_id).is_over:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert studio.worker.state(job_id).name == "done", studio.worker.state(job_id).message
    return job_id


def test_a_job_is_made_from_the_rewritten_words_and_its_file_shows_neither(
    studio: Studio,
) -> None:
    job_id = finish(studio, ask(BOAT))
    recipe, clip = studio.worker.recipe(job_id), studio.worker.result(job_id)
    assert recipe["shots"][0]["prompt"] in (CALM_ANSWER, STORM_ANSWER)
    assert recipe["rewritten"][0]["typed"] == BOAT
    assert recipe["signed"] is True
    content = clip.read_bytes()
    assert not any(text.encode() in content for text in (BOAT, CALM_ANSWER, STORM_ANSWER))
    signed = studio.verify(clip)["recipe"]["rewritten"][0]
    assert set(signed["typed"]) == set(signed["prompt"]) == {"sha256"}
    _, state = Endpoints(studio).job(job_id)
    assert state["rewritten"] == recipe["rewritten"]
    assert studio.worker.store.facts(job_id).request.shots[0].prompt == BOAT  # as it was typed


def test_a_variation_and_a_changed_film_keep_the_words(studio: Studio) -> None:
    visitor = "a visitor"
    job_id = finish(studio, ask(BOAT), visitor=visitor_key(visitor))
    words = studio.worker.recipe(job_id)["shots"][0]["prompt"]
    variation = wait(studio, studio.history.again(visitor, job_id))
    changed = finish(studio, ask(BOAT, "a dog", seed=9), based_on=job_id)
    for other in (variation, changed):
        assert studio.worker.recipe(other)["shots"][0]["prompt"] == words
    assert studio.worker.recipe(changed)["shots"][1]["prompt"] == "a dog"


def test_the_embedded_model_reads_what_was_typed(studio: Studio) -> None:
    job_id = finish(studio, ask("a red boat", model=MINI))
    recipe = studio.worker.recipe(job_id)
    assert recipe["shots"][0]["prompt"] == "a red boat"
    assert "rewritten" not in recipe
