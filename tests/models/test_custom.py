"""Models and LoRAs of one's own, from the settings, through the API and on the page."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect

import app
from page.auth import is_private
from pipeline.errors import ModelError
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.models.custom import may_name_any, read_models
from pipeline.models.detection import detect_model
from pipeline.models.registry import MODELS, Models
from pipeline.models.spec import ModelSpec
from pipeline.runtime.model_cache import ModelCache
from pipeline.studio import Studio
from pipeline.trust.provenance.report import Verifier
from tests.browser import ask, needs_chromium, open_page, wait_for_clip
from tests.tiny import CPU, tiny_ltx_pipeline
from tests.tiny_lora import save_tiny_lora
from tests.tiny_wan import save_tiny_wan

# The catalogue with small pictures: everything else is as it is.
ROWS = [replace(spec, num_pixels=128 * 128, sizes={}) for spec in MODELS.values()]
QUICK = {"prompt": "a red boat", "duration": 0.5, "seed": 7}
FRAME_MODELS = ["wan-2.2-5b", "wan-2.1-vace-1.3b", "skyreels-v2-1.3b"]


def recognise_small(reference: str) -> ModelSpec:
    return detect_model(reference, rows=ROWS)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save models and LoRAs as somebody has them on a disk."""
    root = tmp_path_factory.mktemp("somebody")
    tiny_ltx_pipeline().save_pretrained(root / "my-ltx")
    for name in FRAME_MODELS:
        save_tiny_wan(name, root / f"my-{name}")
    for seed in (1, 2):
        save_tiny_lora(tiny_ltx_pipeline(), root / f"style-{seed}", seed)
    return root


@contextmanager
def serve(data: Path, models: Models) -> Iterator[tuple[str, Studio]]:
    """Serve the app, as it is after its settings were read, without a mark in the clips.

    Where no key can be kept there is none, and frames can be compared.
    """
    (data / "identity" / "mark.key").mkdir(parents=True)
    studio = app.create_studio(data, ModelCache(CPU, models), models)
    demo = app.create_demo(studio)
    _, url, _ = app.launch(demo, studio, server_name="127.0.0.1", quiet=True)
    yield url, studio
    demo.close()
    studio.close()


@pytest.fixture(scope="module")
def own_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the app for its own person, who may name anything."""
    models = Models(ROWS, recognise=recognise_small)
    with serve(tmp_path_factory.mktemp("own-data"), models) as (url, _):
        yield url


@pytest.fixture(scope="module")
def public_app(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the app for everybody, with a model and a LoRA that its owner has added."""
    row = detect_model(str(root / "my-ltx"), "my-ltx", ROWS)
    models = Models([*ROWS, row], {"style-1": str(root / "style-1")})
    with serve(tmp_path_factory.mktemp("public-data"), models) as (url, _):
        yield url


@pytest.fixture
def connect(tmp_path: Path) -> Callable[[str], Client]:
    return lambda url: Client(url, verbose=False, download_files=tmp_path, analytics_enabled=False)


def make(client: Client, **fields: object) -> tuple[np.ndarray, dict[str, Any], Path]:
    video, recipe = client.predict(**(QUICK | fields), api_name="/text_to_video")
    path = Path(video)
    return np.concatenate(list(iterate_frames(path, probe_clip(path)))), recipe, path


@pytest.mark.parametrize("name", ["ltx", *FRAME_MODELS])
def test_a_folder_of_ones_own_makes_a_clip_through_the_api(
    name: str, root: Path, own_app: str, connect: Callable[[str], Client]
) -> None:
    path = root / f"my-{name}"
    steps = {} if name == "ltx" else {"num_inference_steps": 2}
    frames, recipe, clip = make(connect(own_app), model=str(path), **steps)
    assert len(frames) == {"ltx": 17, "wan-2.2-5b": 13, "skyreels-v2-1.3b": 13}.get(name, 9)
    assert len(np.unique(frames[0].reshape(-1, 3), axis=0)) > 100
    assert recipe["model"] == path.name
    assert str(root) not in json.dumps(recipe)
    assert Verifier().verify(clip)["recipe"]["model"] == path.name


def test_loras_change_a_clip_and_the_recipe_names_them_without_a_path(
    root: Path, own_app: str, connect: Callable[[str], Client]
) -> None:
    client, model = connect(own_app), str(root / "my-ltx")
    plain, _, _ = make(client, model=model)
    files = [root / f"style-{seed}" / "pytorch_lora_weights.safetensors" for seed in (1, 2)]
    one, recipe, clip = make(client, model=model, loras=f"{files[0]} 1.5")
    assert np.abs(one.astype(int) - plain).mean() > 1
    (said,) = recipe["loras"]
    assert (said["lora"], said["weight"]) == (files[0].name, 1.5)
    assert len(said["sha256"]) == 64
    assert str(root) not in json.dumps(recipe)
    assert Verifier().verify(clip)["recipe"]["loras"] == recipe["loras"]
    both = [{"lora": str(file), "weight": 1.0} for file in files]
    assert not np.array_equal(make(client, model=model, loras=both)[0], one)
    nothing = [{"lora": str(files[0]), "weight": 0}]
    assert np.array_equal(make(client, model=model, loras=nothing)[0], plain)
    assert np.array_equal(make(client, model=model)[0], plain)


def test_a_lora_for_another_model_is_one_sentence_and_the_next_clip_is_made(
    root: Path, own_app: str, connect: Callable[[str], Client]
) -> None:
    client, lora = connect(own_app), str(root / "style-1")
    with pytest.raises(AppError, match="The LoRA 'style-1' does not fit my-wan"):
        make(client, model=str(root / "my-wan-2.2-5b"), loras=lora, num_inference_steps=2)
    with pytest.raises(AppError, match="There is no LoRA '/nowhere/x"):
        make(client, model=str(root / "my-ltx"), loras="/nowhere/x.safetensors")
    assert len(make(client, model=str(root / "my-ltx"), loras=lora)[0]) == 17


def test_what_is_no_model_is_one_sentence_through_the_api(
    root: Path, own_app: str, connect: Callable[[str], Client]
) -> None:
    client = connect(own_app)
    for model, sentence in (
        (str(root / "style-1"), "is not a complete diffusers pipeline"),
        (str(root / "nothing"), "There is no folder"),
        ("nobody/nothing", "could not be read from the Hub"),
        ("sora", "There is no model named 'sora'"),
    ):
        with pytest.raises(AppError, match=sentence):
            make(client, model=model)


def test_on_a_space_visitors_choose_from_what_its_owner_has_added(
    public_app: str, root: Path, connect: Callable[[str], Client]
) -> None:
    client = connect(public_app)
    rows = client.predict(api_name="/models")
    assert [row["id"] for row in rows] == [*MODELS, "my-ltx"]
    assert str(root) not in json.dumps(rows)
    plain, _, _ = make(client, model="my-ltx")
    changed, recipe, _ = make(client, model="my-ltx", loras="style-1 1.5")
    assert not np.array_equal(plain, changed)
    assert recipe["loras"][0]["lora"] == "style-1"


def test_on_a_space_no_path_and_no_place_is_looked_at(
    public_app: str, root: Path, connect: Callable[[str], Client]
) -> None:
    """The answer is the same whether something is there or not: nobody finds out what is."""
    client = connect(public_app)

    def sentence(**fields: object) -> str:
        with pytest.raises(AppError) as caught:
            make(client, **fields)
        return str(caught.value)

    there, nowhere = str(root / "my-ltx"), str(root / "my-lty")
    assert sentence(model=there).replace(there, nowhere) == sentence(model=nowhere)
    assert "There is no model named" in sentence(model="Lightricks/LTX-Video-0.9.5")
    lora = str(root / "style-1")
    said = sentence(model="my-ltx", loras=lora)
    assert said == sentence(model="my-ltx", loras=lora.replace("style-1", "stylf-1")).replace(
        "stylf-1", "style-1"
    )
    assert "choose one of style-1" in said


def test_a_job_of_ones_own_model_goes_on_after_a_restart(root: Path, tmp_path: Path) -> None:
    fields = QUICK | {"model": str(root / "my-ltx"), "loras": str(root / "style-1")}

    def finish(studio: Studio, job_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + 120
        while not (state := studio.worker.state(job_id)).is_over:
            assert time.monotonic() < deadline, state
            time.sleep(0.05)
        return state

    models = Models(ROWS, recognise=recognise_small)
    first = app.create_studio(tmp_path, ModelCache(CPU, models), models)
    whole = asyncio.run(first.submit("text_to_video", fields, visitor="ada"))
    assert finish(first, whole).name == "done"
    long = asyncio.run(first.submit("text_to_video", fields | {"duration": 30.0}, visitor="ada"))
    first.worker.pause(long)
    assert finish(first, long).name == "paused"
    first.worker.close()

    # Nobody has used the folder yet in this one.
    again = Models(ROWS, recognise=recognise_small)
    second = app.create_studio(tmp_path, ModelCache(CPU, again), again)
    second.worker.resume(long)
    windows, deadline = second.worker.store.folder(long) / "windows", time.monotonic() + 120
    while not windows.is_dir():
        assert time.monotonic() < deadline, second.worker.state(long)
        time.sleep(0.05)
    second.worker.pause(long)
    assert finish(second, long).name == "paused"
    (root / "my-ltx").rename(root / "moved")
    second.worker.close()
    try:
        gone = Models(ROWS, recognise=recognise_small)
        third = app.create_studio(tmp_path, ModelCache(CPU, gone), gone)
        third.worker.resume(long)
        state = finish(third, long)
        assert state.name == "failed"
        assert state.message == f"There is no folder {fields['model']!r}; check the path."
        # What was made with it can still be seen.
        assert third.worker.result(whole).is_file()
        assert {facts.job_id for facts in third.worker.store.list_jobs()} == {whole, long}
        third.worker.close()
    finally:
        (root / "moved").rename(root / "my-ltx")


def test_the_settings_name_what_is_offered(
    root: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    listed = [root / "my-ltx", root / "nothing", root / "my-wan-2.2-5b"]
    monkeypatch.setenv("KINORA_MODELS", ", ".join(map(str, listed)) + "\nnobody/nothing")
    lora = root / "style-1" / "pytorch_lora_weights.safetensors"
    monkeypatch.setenv("KINORA_LORAS", f"{root / 'style-2'},owner/name,{lora}")
    monkeypatch.setenv("KINORA_ANY_MODEL", "0")
    models = read_models(is_private=False)
    assert list(models) == [*MODELS, "my-ltx", "my-wan-2.2-5b"]
    assert models["my-wan-2.2-5b"].parts["transformer"].num_parameters < 10**6
    assert models.loras == ("style-2", "owner/name", "pytorch_lora_weights")
    assert models.find_lora("style-2") == str(root / "style-2")
    assert not models.is_open
    assert "There is no folder" in caplog.text
    assert "nobody/nothing is not on this computer" in caplog.text
    monkeypatch.setenv("KINORA_MODELS", f"{root / 'my-ltx'},{root / 'my-ltx'}")
    assert list(read_models(is_private=False)) == [*MODELS, "my-ltx"]
    assert "two entries are named 'my-ltx'" in caplog.text


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, True),
        ({"GRADIO_SERVER_NAME": "127.0.0.1"}, True),
        ({"GRADIO_SERVER_NAME": "0.0.0.0"}, False),
        ({"GRADIO_SHARE": "True"}, False),
        ({"GRADIO_SHARE": "False"}, True),
        ({"KINORA_HOSTS": "kinora.example.org"}, False),  # through a proxy on this computer
        ({"SPACE_ID": "you/kinora"}, False),
        ({"SPACE_ID": "you/kinora", "KINORA_ANY_MODEL": "1"}, True),
        ({"KINORA_ANY_MODEL": "no"}, False),
    ],
)
def test_anything_may_be_named_only_where_nobody_else_can_come(
    environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("GRADIO_SERVER_NAME", "GRADIO_SHARE", "SPACE_ID", "KINORA_HOSTS", "KINORA_ANY_MODEL")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert may_name_any(is_private()) == expected
    monkeypatch.setenv("KINORA_ANY_MODEL", "perhaps")
    with pytest.raises(ModelError, match="KINORA_ANY_MODEL is 'perhaps', but it must be 1 or 0"):
        may_name_any(is_private())


@needs_chromium
def test_a_folder_and_a_lora_are_typed_into_the_page(
    browser: Browser, own_app: str, root: Path
) -> None:
    page = open_page(browser, own_app)
    page.fill("#text_to_video-model input", str(root / "my-ltx"))
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    knows = page.locator("#text_to_video-knows")
    expect(knows).to_contain_text("used with the settings of LTX-Video 2B 0.9.8 distilled")
    page.click("#text_to_video-advanced button")
    # As a person types: what has only just been shown may miss the first letter, not the last.
    page.locator("#text_to_video-loras textarea").press_sequentially("style 3", delay=50)
    plan = page.locator("#text_to_video-plan")
    expect(plan).to_contain_text("The weight of the LoRA 'style' is 3.0, but it must be")
    page.fill("#text_to_video-loras textarea", f"{root / 'style-1'} 0.8")
    expect(plan).to_contain_text("frames at 24 frames a second")
    ask(page, "text_to_video")
    wait_for_clip(page, "text_to_video")
    page.click("#text_to_video-recipe-fold button")
    expect(page.locator("#text_to_video-recipe")).to_contain_text("style-1")
    page.context.close()


@needs_chromium
def test_on_a_space_the_page_offers_what_its_owner_has_added_and_no_more(
    browser: Browser, public_app: str, app_url: str, root: Path
) -> None:
    page = open_page(browser, public_app)
    page.locator("#text_to_video-model input").click()
    page.get_by_role("option", name="my-ltx", exact=True).click()
    page.click("#text_to_video-advanced button")
    box = page.locator("#text_to_video-loras")
    expect(box).to_contain_text("Available: style-1")
    page.fill("#text_to_video-model input", str(root / "my-ltx"))
    page.keyboard.press("Tab")
    assert page.input_value("#text_to_video-model input") == "my-ltx"
    page.context.close()
    # Where there is none, nobody is asked for one.
    page = open_page(browser, app_url)
    page.click("#text_to_video-advanced button")
    expect(page.locator("#text_to_video-shows_prompt")).to_be_visible()
    expect(page.locator("#text_to_video-loras")).to_be_hidden()
    page.context.close()
