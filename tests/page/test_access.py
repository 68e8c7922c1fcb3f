"""The page for everybody: axe-core in both themes, the keyboard alone, and screen readers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser import (
    PROMPT,
    ask,
    choose_model,
    choose_tab,
    needs_chromium,
    open_page,
    wait_for_clip,
)

pytestmark = needs_chromium
TABS = (
    *("Text to video", "Image to video", "Extend a clip", "Remix"),
    *("Film", "Your clips", "Verify"),
)
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture(scope="module")
def page(browser: Browser, app_url: str) -> Iterator[Page]:
    page = open_page(browser, app_url)
    yield page
    page.context.close()


def serious(page: Page) -> list[str]:
    """List what axe-core finds on the page, in both themes, that keeps people from using it."""
    _wait_for_colours(page)
    problems = _serious(page, RULES)
    page.evaluate("document.body.classList.add('dark')")
    _wait_for_colours(page)
    problems += _serious(page, {"runOnly": {"type": "rule", "values": ["color-contrast"]}})
    page.evaluate("document.body.classList.remove('dark')")
    return problems


def _wait_for_colours(page: Page) -> None:
    page.wait_for_function("!document.getAnimations().some((x) => x instanceof CSSTransition)")


def _serious(page: Page, options: dict[str, Any]) -> list[str]:
    found: list[dict[str, Any]] = Axe().run(page, options=options).response["violations"]
    return [
        f"{problem['id']}: {node['html'][:300]} {node['failureSummary'][:200]}"
        for problem in found
        if problem["impact"] in ("serious", "critical")
        for node in problem["nodes"]
    ]


def test_axe_finds_nothing_serious_in_either_theme(browser: Browser, app_url: str) -> None:
    page = open_page(browser, app_url)
    for tab in TABS[::-1]:
        choose_tab(page, tab)
        expect(page.get_by_role("tabpanel").filter(visible=True)).to_have_count(1)
        assert serious(page) == [], tab
    ask(page, "text_to_video", prompt="")
    toast = page.locator(".toast-body")
    expect(toast).to_be_visible()
    expect(toast).to_have_css("opacity", "1")  # it fades in
    assert serious(page) == [], "refused"
    choose_model(page, "text_to_video", "LTX-Video 2B 0.9.8 distilled")
    ask(page, "text_to_video")
    failure = "could not be downloaded"
    expect(page.locator("#text_to_video-status")).to_contain_text(failure)
    expect(toast.filter(has_text=failure)).to_have_css("opacity", "1")
    assert serious(page) == [], "failed"
    choose_model(page, "text_to_video", "Kinora mini")
    ask(page, "text_to_video", seconds="20")
    expect(page.locator("#text_to_video-preview img")).to_be_visible()
    assert serious(page) == [], "running"
    wait_for_clip(page, "text_to_video")
    assert serious(page) == [], "done"
    choose_tab(page, "Your clips")
    page.locator("#clips-gallery button.thumbnail-item").first.click()
    expect(page.locator("#clips-clip video")).to_be_visible()
    expect(page.locator("#clips-edit")).to_be_enabled()
    assert serious(page) == [], "chosen"
    page.context.close()


def test_a_clip_is_made_and_stopped_with_the_keyboard_alone(page: Page) -> None:
    """Spoken are the stages, and not every step."""
    page.evaluate(
        """() => {
            window.spoken = [];
            const region = document.getElementById("kinora-live");
            new MutationObserver(() => window.spoken.push(region.textContent))
                .observe(region, { childList: true });
        }"""
    )
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
    spoken = page.evaluate("window.spoken")
    assert "Stopped" in spoken[-1]
    assert 2 <= len(spoken) <= 8


def test_arrows_move_between_tabs(page: Page) -> None:
    tabs = page.get_by_role("tab")
    tabs.first.focus()
    page.keyboard.press("ArrowLeft")
    expect(tabs.last).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tabs.first).to_be_focused()
    page.keyboard.press("End")
    expect(tabs.last).to_have_attribute("aria-selected", "true")


def test_the_page_of_the_api_lists_all_endpoints_and_nothing_that_does_not_work(page: Page) -> None:
    page.get_by_role("button", name="Use via API").click()
    docs = page.locator(".api-docs")
    for endpoint in ("text_to_video", "delete_character"):
        expect(docs.get_by_text(f"/{endpoint}", exact=True).first).to_be_attached()
    expect(docs.get_by_text("Make a clip from text.")).to_be_visible()
    expect(docs.locator(".snippet", has_text="cURL")).to_be_visible()
    expect(docs.locator(".snippet", has_text="MCP")).to_be_hidden()
    expect(docs.get_by_text("Api component").filter(visible=True)).to_have_count(0)
    page.keyboard.press("Escape")
    page.goto(page.url.split("?")[0])


def test_a_phone_shows_all_tabs(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for tab in TABS:
        expect(page.get_by_role("tab", name=tab)).to_be_in_viewport()
    page.set_viewport_size({"width": 1280, "height": 900})


def test_bold_words_have_the_page_s_own_type_in_every_letter(page: Page) -> None:
    """Gradio's bold cut has a part of the letters; the others fell back in the middle of words."""
    loads = "text => document.fonts.load('600 16px \"Instrument Sans\"', text).then(x => x.length)"
    assert page.evaluate(loads, "Make the clip, façade") == 1
    assert page.evaluate(loads, "Ő") == 1
