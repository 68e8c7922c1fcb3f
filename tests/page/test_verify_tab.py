"""Where a file comes from, in a real Chromium: own, altered, foreign and plain clips, pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image, PngImagePlugin
from playwright.sync_api import Browser, Page, expect

from pipeline import programs
from pipeline.media import ffmpeg
from pipeline.studio import Studio
from pipeline.trust.provenance.identity import open_identity
from tests import sources
from tests.browser import PROMPT, choose_tab, needs_chromium, open_page
from tests.conftest import SCRATCH
from tests.credentials import flip_a_bit

_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
INJECTION = "<img src=x onerror='window.hurt=1'>${window.hurt=1}{{window.hurt=1}}"


@pytest.fixture(scope="module")
def own(app_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Make a clip with this studio, and return it with its recipe."""
    client = Client(app_url, verbose=False, download_files=tmp_path_factory.mktemp("own"))
    words = {"prompt": PROMPT, "duration": 3, "seed": 7}
    video, recipe = client.predict(**words, api_name="/text_to_video")
    client.close()
    return Path(video["video"] if isinstance(video, dict) else video), recipe


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a clip that nothing made here looks like, whatever other tests have extended."""
    path = tmp_path_factory.mktemp("plain") / "plain.mp4"
    picture = ("-f", "lavfi", "-i", "mandelbrot=size=320x180:rate=24", "-t", "2")
    sources.ffmpeg(*picture, *sources.H264, path)
    return path


@pytest.fixture
def client(app_url: str, tmp_path: Path) -> Iterator[Client]:
    client = Client(app_url, verbose=False, download_files=tmp_path / "downloads")
    yield client
    client.close()


@pytest.fixture
def page(browser: Browser, app_url: str) -> Iterator[Page]:
    page = open_page(browser, app_url)
    choose_tab(page, "Verify")
    yield page
    page.context.close()


def verify(client: Client, path: Path) -> dict[str, Any]:
    return client.predict(handle_file(path), api_name="/verify_video")


def look(page: Page, path: Path, headline: str) -> str:
    """Drop a file on the tab; return what the page says of it."""
    if (clear := page.locator("#verify-file button[aria-label='Clear']")).count():
        clear.click()
    page.set_input_files("#verify-file input[type=file]", path)
    expect(page.locator("#verify-report h3")).to_contain_text(headline)
    return page.inner_text("#verify-report")


def sign_elsewhere(source: Path, target: Path, source_type: str, folder: Path) -> Path:
    """Sign a file as a camera or another generator does: with a root that is not known here."""
    stranger = open_identity(folder / "stranger", {})
    info = c2pa.C2paSignerInfo(
        c2pa.C2paSigningAlg.ES256, stranger.chain.encode(), stranger.key.encode(), None
    )
    created = {"action": "c2pa.created", "digitalSourceType": _SOURCE + source_type}
    created["softwareAgent"] = {"name": INJECTION, "version": "1"}
    actions = {"label": "c2pa.actions.v2", "data": {"actions": [created]}}
    manifest = {"claim_generator_info": [{"name": "Elsewhere"}], "assertions": [actions]}
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder(json.dumps(manifest)) as builder:
        builder.sign_file(source, target, signer)
    return target


def encode(source: Path, target: Path, *options: str) -> Path:
    done = programs.run(
        ffmpeg.command(*ffmpeg.source(source), *options, "-pix_fmt", "yuv420p", str(target)), 60
    )
    assert done.returncode == 0
    return target


def test_an_own_clip_is_known_by_its_signature_its_mark_and_the_registry(
    client: Client, own: tuple[Path, dict[str, Any]]
) -> None:
    path, recipe = own
    report = verify(client, path)
    assert report["signed"]
    mark_id = recipe["marks"][0]["id"]
    assert {window["id"] for window in report["marks"]} == {mark_id}
    known = report["marks"][0]["known"]
    assert (known["model"], known["prompt"]) == (recipe["model_label"], "")
    assert report["nearest"]["distance"] <= 1
    assert report["marks"][0]["looks_like_known"] is True
    said = json.dumps(report)
    assert recipe["job_id"] not in said
    assert PROMPT not in said


def test_a_clip_that_was_cropped_and_encoded_again_is_found_all_the_same(
    client: Client, own: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    path, recipe = own
    crop = ("-vf", "crop=iw*0.9:ih*0.9,scale=480:270", "-map_metadata", "-1", "-crf", "26")
    report = verify(client, encode(path, tmp_path / "again.mp4", *crop))
    assert (report["signed"], report["credentials"]["state"]) == (False, "none")
    assert recipe["marks"][0]["id"] in [window["id"] for window in report["marks"]]
    assert report["nearest"]["model"] == recipe["model_label"]


def test_nothing_found_proves_nothing_and_is_said(client: Client, plain: Path) -> None:
    report = verify(client, plain)
    assert not any(window["is_marked"] for window in report["marks"])
    assert report["nearest"] is None
    assert report["conclusions"][-1].startswith("Finding nothing proves nothing")


@needs_chromium
def test_a_deleted_clip_is_not_in_the_registry_any_more(
    page: Page, client: Client, app_studio: Studio, tmp_path: Path
) -> None:
    """It can be restored for ten minutes, and is known until then."""
    jobs = SCRATCH / "data" / "jobs"
    before = {folder.name for folder in jobs.iterdir()}
    choose_tab(page, "Text to video")
    page.fill("#text_to_video-prompt textarea", "a yellow balloon over a snowfield")
    page.fill("#text_to_video-duration input[type=number]", "3")
    page.keyboard.press("Tab")
    page.click("#text_to_video-generate")
    expect(page.locator("#text_to_video-status")).to_contain_text("Done")
    (job_id,) = {folder.name for folder in jobs.iterdir()} - before
    kept = tmp_path / "kept.mp4"
    kept.write_bytes((jobs / job_id / "result.mp4").read_bytes())
    assert verify(client, kept)["marks"][0]["known"]
    choose_tab(page, "Your clips")
    page.click("#clips-gallery button.thumbnail-item")
    expect(page.locator("#clips-status")).to_contain_text("Finished")
    page.click("#clips-delete")
    expect(page.locator("#clips-gallery button.thumbnail-item")).to_have_count(0)
    app_studio.worker.store.space.empty_bin(0)
    (window, *_) = verify(client, kept)["marks"]
    assert window["id"]
    assert window["known"] is None


@needs_chromium
def test_the_page_tells_own_altered_and_plain_clips_apart(
    page: Page, own: tuple[Path, dict[str, Any]], plain: Path, tmp_path: Path
) -> None:
    path, recipe = own
    said = look(page, path, "Made and signed by this Kinora; content unchanged since")
    assert recipe["marks"][0]["id"] in said
    assert "Valid, signed by this Kinora" in said
    altered = tmp_path / "altered.mp4"
    altered.write_bytes(path.read_bytes())
    said = look(page, flip_a_bit(altered), "Signed, but the credentials are not valid")
    assert "changed after it was signed" in said
    assert "Finding nothing proves nothing" in look(page, plain, "Nothing found")


@needs_chromium
def test_the_page_shows_what_others_signed_and_runs_none_of_it(
    page: Page, plain: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "plain.png"
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Description", INJECTION)
    Image.fromarray(np.full((64, 96, 3), 90, np.uint8)).save(picture, pnginfo=notes)
    headline = "Signed, content unchanged; this Kinora does not know the signer"
    camera = sign_elsewhere(picture, tmp_path / "camera.png", "digitalCapture", tmp_path)
    said = look(page, camera, headline)
    assert "a camera took it" in said
    assert said.count(INJECTION) == 2
    generated = tmp_path / "generated.mp4"
    sign_elsewhere(plain, generated, "trainedAlgorithmicMedia", tmp_path)
    look(page, plain, "Nothing found")
    assert "a model generated it" in look(page, generated, headline)
    assert page.evaluate("window.hurt") is None
