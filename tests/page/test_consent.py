"""The tick of consent is for the picture or clip that is there when it is set."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser import choose_tab, needs_chromium

pytestmark = needs_chromium


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("one.png", "two.png")]
    for path, color in zip(paths, ("red", "blue"), strict=True):
        Image.new("RGB", (64, 48), color).save(path)
    return paths


def consent(page: Page, tab: str) -> Locator:
    return page.locator(f"#{tab}-has_consent input[type=checkbox]")


def test_another_picture_clears_it(page: Page, pictures: list[Path]) -> None:
    """A tick for a friend's picture went on to all that were uploaded after it."""
    choose_tab(page, "Image to video")
    for path in pictures:
        page.set_input_files("#image_to_video-image input[type=file]", path)
        expect(page.locator("#image_to_video-crop img")).to_be_visible()
        expect(consent(page, "image_to_video")).not_to_be_checked()
        consent(page, "image_to_video").check()
        page.fill("#image_to_video-prompt textarea", "a cat")  # clears nothing
        page.wait_for_timeout(500)
        expect(consent(page, "image_to_video")).to_be_checked()
        page.click("#image_to_video-image button[aria-label='Clear']", timeout=15_000)
    expect(consent(page, "image_to_video")).not_to_be_checked()


def test_another_clip_clears_it(page: Page, clip: Path) -> None:
    choose_tab(page, "Extend a clip")
    consent(page, "extend_video").check()
    page.set_input_files("#extend_video-video input[type=file]", clip)
    expect(page.locator("#extend_video-source")).to_contain_text("2")
    expect(consent(page, "extend_video")).not_to_be_checked()


def test_another_picture_on_a_card_clears_it_and_moving_one_does_not(
    page: Page, pictures: list[Path]
) -> None:
    choose_tab(page, "Film")
    page.click("#film-add")
    for number, path in enumerate(pictures, 1):
        consent(page, "film").check()
        page.set_input_files(f"#film-shot-{number}-image input[type=file]", path)
        expect(page.locator(f"#film-shot-{number}-image img")).to_be_visible()
        expect(consent(page, "film")).not_to_be_checked()
    consent(page, "film").check()
    page.click("#film-shot-1-down")
    page.wait_for_timeout(1000)
    expect(consent(page, "film")).to_be_checked()
