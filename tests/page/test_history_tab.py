"""A visitor's clips in a real Chromium: over reloads and pauses, and seen by nobody else."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from tests.browser import ask, choose_tab, needs_chromium, open_page, open_tab, play, wait_for_clip

PROMPT = "a large red car drives to the right in a city at noon"
TASK = "text_to_video"

pytestmark = needs_chromium


def test_a_reload_in_the_middle_of_a_job_shows_it_again_and_plays_the_result(
    page: Page, browser: Browser, app_url: str
) -> None:
    ask(page, TASK, PROMPT, seconds="60")  # longer than a slow machine takes to load the page
    expect(page.locator(f"#{TASK}-status")).to_contain_text("Drawing part")
    page.reload()
    expect(page.locator(f"#{TASK}-status")).to_contain_text(re.compile("(Drawing|writing) part"))
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
    second.click("#clips-undo")
    expect(picture).to_have_count(1)
    expect(second.locator("#clips-status")).to_contain_text("Finished")


def test_a_job_is_paused_with_its_finished_seconds_and_goes_on_after_a_reload(page: Page) -> None:
    ask(page, TASK, PROMPT, seconds="30")
    expect(page.locator(f"#{TASK}-status")).to_contain_text("part 2")
    page.click(f"#{TASK}-pause")
    expect(page.locator(f"#{TASK}-status")).to_contain_text("Paused")
    page.wait_for_function(f"document.querySelector('#{TASK}-clip video')?.duration > 0.5")
    page.reload()
    page.click(f"#{TASK}-resume")
    wait_for_clip(page, TASK)
    page.wait_for_function(f"document.querySelector('#{TASK}-clip video')?.duration > 30")


def test_a_clip_is_varied_found_and_shared_without_a_refresh(page: Page) -> None:
    ask(page, TASK, PROMPT)
    wait_for_clip(page, TASK)
    page.click(f"#{TASK}-recipe-fold button")
    expect(page.locator(f"#{TASK}-recipe")).to_contain_text("kinora-mini")
    expect(page.locator(f"#{TASK}-recipe")).not_to_contain_text("job_id")

    choose_tab(page, "Your clips")
    pictures = page.locator("#clips-gallery button.thumbnail-item")
    pictures.first.click()
    status = page.locator("#clips-status")
    expect(status).to_contain_text(PROMPT)
    expect(status).to_contain_text("Kinora mini · 0.56 s · 512 x 288 · seed")
    seed = int(status.inner_text().split("seed")[1].split()[0])
    page.click("#clips-again")
    expect(pictures).to_have_count(2)
    expect(status).to_contain_text("Finished")  # by itself
    expect(status).to_contain_text(f"seed {seed + 1}")

    with page.expect_download() as gif:
        page.click("#clips-gif")
    assert gif.value.suggested_filename == f"kinora-{seed + 1}.gif"
    with page.expect_download() as poster:
        page.click("#clips-poster")
    assert poster.value.suggested_filename == f"kinora-{seed + 1}.webp"

    page.fill("#clips-search :is(input, textarea)", "no such words")
    expect(pictures).to_have_count(0)
    page.fill("#clips-search :is(input, textarea)", "noon RED")
    expect(pictures).to_have_count(2)


def test_the_frame_that_the_player_shows_goes_on_as_a_picture(page: Page) -> None:
    ask(page, TASK, PROMPT, seconds="1")
    wait_for_clip(page, TASK)
    page.eval_on_selector(
        f"#{TASK}-clip video", "video => { video.pause(); video.currentTime = 0.5; }"
    )
    with page.expect_request(lambda request: '[0.5,{"path"' in (request.post_data or "")):
        page.click(f"#{TASK}-use_frame")
    expect(page.locator("#image_to_video-crop img")).to_be_visible()
    expect(page.locator("#image_to_video-prompt textarea")).to_have_value(PROMPT)
