"""The queue in a real Chromium: in every tab of the browser, with its buttons and the title."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from page.queue_bar import _choose_wanted
from pipeline.mini.renderer import Renderer
from tests.browser import ask, choose_tab, needs_chromium, open_tab, wait_for_clip

TASK = "text_to_video"
ROWS = "#kinora-queue li"


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a minute of video take a minute at least, so that it outlasts a test on any machine."""
    draw = Renderer.draw

    def draw_slowly(*args: Any, **kwargs: Any) -> Iterator[np.ndarray]:  # noqa: ANN401
        for frames in draw(*args, **kwargs):
            time.sleep(0.5)  # of half a second of video
            yield frames

    monkeypatch.setattr(Renderer, "draw", draw_slowly)


@needs_chromium
@pytest.mark.usefixtures("unhurried")
def test_what_runs_is_in_sight_in_every_tab_with_its_place_and_its_buttons(page: Page) -> None:
    ask(page, TASK, "a red car <b>drives</b>", seconds="60")
    choose_tab(page, "Image to video")
    row = page.locator(ROWS)
    expect(row).to_contain_text("a red car <b>drives</b>")
    expect(row).to_contain_text("Text to video")
    expect(row).to_contain_text("left")
    page.wait_for_function("/^\\d+% · Kinora$/.test(document.title)")
    choose_tab(page, "Film")
    page.fill("#film-shot-1-prompt textarea", "a blue boat on a lake")
    page.click("#film-generate")
    expect(row.nth(1)).to_contain_text("1 clip before it")
    row.nth(1).get_by_role("button", name="Stop").click()
    expect(row).to_have_count(1)
    row.get_by_role("button", name="Show").click()
    expect(page.get_by_role("tab", selected=True)).to_have_text("Text to video")
    for button in page.locator("#kinora-queue button[data-act=stop]").all():
        button.click()
    expect(row).to_have_count(0)
    expect(page).to_have_title("Kinora")


@needs_chromium
@pytest.mark.usefixtures("unhurried")
def test_a_job_that_goes_on_in_one_tab_goes_on_in_the_other(page: Page, app_url: str) -> None:
    ask(page, TASK, seconds="60")
    expect(page.locator(f"#{TASK}-status")).to_contain_text("part 2")
    second = open_tab(page.context, app_url)
    status = second.locator(f"#{TASK}-status")
    expect(status).to_contain_text("part")
    page.click(f"#{TASK}-pause")
    expect(status).to_contain_text("Paused")
    expect(second.locator(ROWS)).to_have_count(0)
    page.click(f"#{TASK}-resume")
    expect(status).to_contain_text("Drawing part")
    expect(second.locator(ROWS)).to_have_count(1)
    second.click(f"#{TASK}-stop")
    expect(page.locator(f"#{TASK}-status")).to_contain_text("Stopped")


@needs_chromium
def test_the_title_says_when_a_clip_is_ready_while_nobody_looks(page: Page) -> None:
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => window.away ?? false })")
    page.evaluate("window.away = true")
    ask(page, TASK)
    wait_for_clip(page, TASK)
    expect(page).to_have_title("Done · Kinora")
    page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page).to_have_title("Kinora")


def test_a_panel_is_told_of_a_job_only_if_it_does_not_show_it_yet() -> None:
    assert _choose_wanted([], None, "") == ""
    assert _choose_wanted(["a"], "a", "") == ""  # it was started in this tab
    assert _choose_wanted(["a"], None, "") == "a"  # it was resumed in another one
    assert _choose_wanted(["a"], "a", "a") == "a"  # and is shown since
    assert _choose_wanted(["a", "b"], "b", "") == ""
    assert _choose_wanted([], "a", "a") == ""
