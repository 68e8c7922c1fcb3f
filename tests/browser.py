"""How a person uses the page: what tests of it in a real Chromium have in common."""

from __future__ import annotations

import shutil
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PROMPT = "a red car in a city at sunset"
PATIENCE = 90_000  # milliseconds, on a busy machine

expect.set_options(timeout=PATIENCE)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, see .ci/run")


def open_page(
    browser: Browser, url: str, scheme: Literal["light", "dark"] = "light", **viewport: int
) -> Page:
    """Open the app on a screen of 1280 x 900, or of another size.

    Clips of the showcase stay still: without a GPU, playing them takes a third of a core.
    """
    size: ViewportSize = {"width": 1280, "height": 900} | viewport  # type: ignore[assignment]
    context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    return open_tab(context, url)


def open_tab(context: BrowserContext, url: str) -> Page:
    """Open the app in a further tab of a browser."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(url)
    page.wait_for_selector("#text_to_video-generate")
    return page


def choose_tab(page: Page, name: str) -> None:
    """Click a tab."""
    page.get_by_role("tab", name=name).click()


def choose_model(page: Page, tab: str, label: str) -> None:
    """Choose a model of a tab's menu."""
    page.locator(f"#{tab}-model input").click()
    page.get_by_role("option", name=label, exact=True).click()


def ask(page: Page, task: str, prompt: str = PROMPT, *, seconds: str = "0.5") -> None:
    """Fill a tab in for a quick clip, and press its button."""
    page.fill(f"#{task}-prompt textarea", prompt)
    page.fill(f"#{task}-duration input[type=number]", seconds)
    page.keyboard.press("Tab")
    page.click(f"#{task}-generate")


def wait_for_clip(page: Page, tab: str) -> None:
    """Wait until a tab's clip is made and can be played."""
    expect(page.locator(f"#{tab}-status")).to_contain_text("Done")
    page.wait_for_function(
        "tab => document.querySelector(`#${tab}-clip video`)?.readyState >= 2", arg=tab
    )


def play(page: Page, tab: str) -> None:
    """Play a tab's clip, and wait until it runs."""
    page.eval_on_selector(f"#{tab}-clip video", "video => video.play()")
    page.wait_for_function(
        "tab => document.querySelector(`#${tab}-clip video`).currentTime > 0.3", arg=tab
    )


def seconds_of(page: Page, tab: str) -> float:
    """Return how long a tab's clip is."""
    return page.eval_on_selector(f"#{tab}-clip video", "video => video.duration")
