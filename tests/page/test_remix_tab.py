"""The Remix tab in a real Chromium: own clips changed and cut, and what cannot be done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import (
    PROMPT,
    ask,
    choose_tab,
    needs_chromium,
    seconds_of,
    wait_for_clip,
)

pytestmark = needs_chromium


def choose(page: Page, change: str) -> None:
    page.locator("#remix-change").get_by_text(change).click()


def set_span(page: Page, start: str, end: str) -> None:
    page.fill("#remix-start input", start)
    page.fill("#remix-end input", end)
    page.keyboard.press("Tab")


def test_an_own_clip_is_cut_and_found_again_as_it_was_made(page: Page) -> None:
    ask(page, "text_to_video", seconds="1")
    wait_for_clip(page, "text_to_video")
    page.click("#text_to_video-remix")
    expect(page.locator("#remix-prompt textarea")).to_have_value(PROMPT)
    expect(page.locator("#remix-plan")).to_contain_text("17 frames")
    choose(page, "make a part of it again")
    set_span(page, "0.25", "0.75")
    expect(page.locator("#remix-plan")).to_contain_text("Replaces 8 frames")

    choose(page, "cut it, or join clips")
    set_span(page, "0", "0.5")
    page.click("#remix-own input")
    page.locator("#remix-own").get_by_role("option").first.click()
    expect(page.locator("#remix-plan")).to_contain_text("25 frames")
    page.fill("#remix-spans textarea", "0.5 -")
    expect(page.locator("#remix-plan")).to_contain_text("17 frames")
    page.click("#remix-generate")
    wait_for_clip(page, "remix")
    assert seconds_of(page, "remix") == pytest.approx(17 / 16, abs=0.05)

    choose_tab(page, "Your clips")
    page.locator("#clips-gallery button.thumbnail-item").first.click()
    expect(page.locator("#clips-status")).to_contain_text("Cut of 2 pieces")
    page.click("#clips-edit")
    expect(page.locator("#remix-joined")).to_contain_text(".mp4")
    expect(page.locator("#remix-spans textarea")).to_have_value("0.5 -")
    expect(page.locator("#remix-plan")).to_contain_text("17 frames")


def test_a_clip_from_elsewhere_cannot_be_remixed_by_the_small_model(page: Page, clip: Path) -> None:
    choose_tab(page, "Remix")
    page.get_by_role("button", name="Change the time of day").click()  # an example that is one
    expect(page.locator("#remix-prompt textarea")).to_have_value(re.compile("at night"))
    expect(page.locator("#remix-plan")).to_contain_text("49 frames")
    page.get_by_role("button", name="Clear").click()
    page.set_input_files("#remix-video input[type=file]", clip)
    expect(page.locator("#remix-plan")).to_contain_text("can remix only clips that it has made")
    choose(page, "cut it, or join clips")
    expect(page.locator("#remix-plan")).to_contain_text("48 frames")
