"""The page for everybody: axe-core in both themes, the keyboard alone, and screen readers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser import PROMPT, ask, choose_tab, needs_chromium, open_page, wait_for_clip

pytestmark = needs_chromium
TABS = ("Text to video", "Image to video", "Extend a clip", "Film", "Your clips", "Verify")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture
def page(browser: Browser, app_url: str) -> Iterator[Page]:
    page = open_page(browser, app_url)
    yield page
    page.context.close()


def serious(page: Page) -> list[str]:
    """List what axe-core finds on the page that keeps people from using it."""
    found: list[dict[str, Any]] = Axe().run(page, options=RULES).response["violations"]
    return [
        f"{problem['id']}: {node['html'][:300]} {node['failureSummary'][:200]}"
        for problem in found
        if problem["impact"] in ("serious", "critical")
        for node in problem["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    browser: Browser, app_url: str, scheme: Literal["light", "dark"]
) -> None:
    page = open_page(browser, app_url, scheme)
    for tab in TABS[::-1]:
        choose_tab(page, tab)
        page.wait_for_timeout(300)
        assert serious(page) == [], tab
    ask(page, "text_to_video", seconds="20")
    expect(page.locator("#text_to_video-preview img")).to_be_visible()
    assert serious(page) == [], "running"
    page.click("#text_to_video-stop")
    expect(page.locator("#text_to_video-status")).to_contain_text("Stopped")
    assert serious(page) == [], "stopped"
    ask(page, "text_to_video", prompt="")
    expect(page.locator(".toast-body")).to_be_visible()
    page.wait_for_timeout(500)  # it fades in
    assert serious(page) == [], "refused"
    ask(page, "text_to_video")
    wait_for_clip(page, "text_to_video")
    assert serious(page) == [], "done"
    page.context.close()


def test_a_clip_is_made_and_stopped_with_the_keyboard_alone(page: Page) -> None:
    page.get_by_role("tab", name=TABS[1]).focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name=TABS[0])).to_be_focused()
    page.get_by_role("textbox", name="Prompt", exact=True).focus()
    page.keyboard.type(PROMPT)
    page.fill("#text_to_video-duration input[type=number]", "60")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#text_to_video-stop")).to_be_visible()
    live = page.locator("#kinora-live")
    expect(live).to_contain_text("Drawing part")
    asked: list[str] = []

    def answer(dialog: Any) -> None:  # noqa: ANN401
        asked.append(dialog.message)
        dialog.accept() if len(asked) == 2 else dialog.dismiss()

    page.on("dialog", answer)
    page.keyboard.press("Escape")
    expect(page.locator("#text_to_video-stop")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#text_to_video-status")).to_contain_text("Stopped")
    expect(live).to_contain_text("Stopped")
    assert asked == ["Stop? The part that is finished stays."] * 2


def test_arrows_move_between_tabs(page: Page) -> None:
    tabs = page.get_by_role("tab")
    tabs.first.focus()
    page.keyboard.press("ArrowLeft")
    expect(tabs.last).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tabs.first).to_be_focused()
    page.keyboard.press("End")
    expect(tabs.last).to_have_attribute("aria-selected", "true")


def test_progress_is_spoken_when_the_stage_changes_and_not_at_every_step(page: Page) -> None:
    page.evaluate(
        """() => {
            window.spoken = [];
            const region = document.getElementById("kinora-live");
            new MutationObserver(() => window.spoken.push(region.textContent))
                .observe(region, { childList: true });
        }"""
    )
    ask(page, "text_to_video", seconds="10")
    wait_for_clip(page, "text_to_video")
    spoken = page.evaluate("window.spoken")
    assert "Done" in spoken[-1]
    assert 2 <= len(spoken) <= 8


def test_a_phone_shows_all_tabs(browser: Browser, app_url: str) -> None:
    page = open_page(browser, app_url, width=390, height=844)
    for tab in TABS:
        expect(page.get_by_role("tab", name=tab)).to_be_in_viewport()
    page.context.close()


def test_bold_words_have_the_page_s_own_type_in_every_letter(page: Page) -> None:
    """Gradio's bold cut has a part of the letters; the others fell back in the middle of words."""
    loads = "text => document.fonts.load('600 16px \"Instrument Sans\"', text).then(x => x.length)"
    assert page.evaluate(loads, "Make the clip, façade") == 1
    assert page.evaluate(loads, "Ő") == 1
