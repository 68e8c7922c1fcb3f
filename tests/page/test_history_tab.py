"""A visitor's clips in a real Chromium: over reloads and pauses, and seen by nobody else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import ask, choose_tab, needs_chromium, open_page, open_tab, play, wait_for_clip

PROMPT = "a large red car drives to the right in a city at noon"
TASK = "text_to_video"

pytestmark = needs_chromium


@pytest.fixture
def page(browser: Browser, app_url: str) -> Iterator[Page]:
    page = open_page(browser, app_url)
    yield page
    page.context.close()


def test_a_reload_in_the_middle_of_a_job_shows_it_again_and_plays_the_result(
    page: Page, browser: Browser, app_url: str
) -> None:
    ask(page, TASK, PROMPT, seconds="10")
    expect(page.locator(f"#{TASK}-status")).to_contain_text("Drawing part")
    page.reload()
    expect(page.locator(f"#{TASK}-status")).to_contain_text("Drawing part")
    expect(page.locator(f"#{TASK}-pause")).to_be_visible()
    wait_for_clip(page, TASK)
    play(page, TASK)

    # A second tab of the same browser has it in the history; another visitor has not.
    second = open_tab(page.context, app_url)
    choose_tab(second, "Your clips")
    picture = second.locator("#clips-gallery button.thumbnail-item")
    expect(picture).to_have_count(1)
    picture.click()
    expect(second.locator("#clips-status")).to_contain_text("Finished")
    second.wait_for_function("document.querySelector('#clips-clip video')?.readyState >= 2")
    stranger = open_page(browser, app_url)
    choose_tab(stranger, "Your clips")
    expect(stranger.get_by_text("Your clips appear here")).to_be_visible()
    expect(stranger.locator("#clips-gallery button.thumbnail-item")).to_have_count(0)
    stranger.close()

    second.click("#clips-delete")
    expect(picture).to_have_count(0)


def test_a_job_is_paused_with_its_finished_seconds_and_goes_on_after_a_reload(page: Page) -> None:
    ask(page, TASK, PROMPT, seconds="10")
    expect(page.locator(f"#{TASK}-status")).to_contain_text("part 2")
    page.click(f"#{TASK}-pause")
    expect(page.locator(f"#{TASK}-status")).to_contain_text("Paused")
    page.wait_for_function(f"document.querySelector('#{TASK}-clip video')?.duration > 0.5")
    page.reload()
    page.click(f"#{TASK}-resume")
    wait_for_clip(page, TASK)
    page.wait_for_function(f"document.querySelector('#{TASK}-clip video')?.duration > 10")
