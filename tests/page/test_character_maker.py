"""Characters in a real Chromium: made of a clip, and called by @name."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser import ask, choose_tab, needs_chromium, wait_for_clip

pytestmark = needs_chromium


def test_a_clip_becomes_a_character_that_prompts_call(page: Page) -> None:
    ask(page, "text_to_video")
    wait_for_clip(page, "text_to_video")
    choose_tab(page, "Your clips")
    page.locator("#clips-gallery button.thumbnail-item").first.click()
    page.click("#clips-character-fold button")
    page.fill("#clips-character-name input, #clips-character-name textarea", "Mia Lu")
    page.click("#clips-character-keep")
    expect(page.locator("#clips-character-known input")).to_have_value("@mia-lu")

    choose_tab(page, "Text to video")
    ask(page, "text_to_video", "@mia-lu in a forest")
    told = page.locator("#text_to_video-told")
    expect(told).to_contain_text("red car (@mia-lu), forest")
    expect(told).not_to_contain_text("Not known")
    page.click("#text_to_video-recipe-fold button")
    expect(page.locator("#text_to_video-recipe")).to_contain_text("@mia-lu in a forest")
