"""Forms in a real Chromium: kept over a reload, filled by a link, by a clip and by a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.browser import ask, choose_tab, needs_chromium, open_page, wait_for_clip

PROMPT = "a red car with a Gürkchen 🥒 & <b>in</b> a city"
TASK = "text_to_video"
FIRST, SECOND = "a red rocket in a desert", "a white rabbit in a snowfield"

pytestmark = needs_chromium


@pytest.fixture
def stranger(browser: Browser, app_url: str) -> Iterator[Page]:
    page = open_page(browser, app_url)
    yield page
    page.context.close()


def prompt_of(page: Page, task: str = TASK) -> str:
    return page.input_value(f"#{task}-prompt textarea")


def expect_prompt(page: Page, prompt: str, task: str = TASK) -> None:
    expect(page.locator(f"#{task}-prompt textarea")).to_have_value(prompt)


def write_film(page: Page) -> None:
    choose_tab(page, "Film")
    page.fill("#film-shot-1-prompt textarea", FIRST)
    page.fill("#film-shot-1-duration input", "0.5")
    page.click("#film-add")
    page.fill("#film-shot-2-prompt textarea", SECOND)
    page.fill("#film-shot-2-duration input", "0.5")


def expect_film(page: Page) -> None:
    expect(page.get_by_role("tab", selected=True)).to_have_text("Film")
    expect(page.locator("#film-shot-1-prompt textarea")).to_have_value(FIRST)
    expect(page.locator("#film-shot-2-prompt textarea")).to_have_value(SECOND)
    expect(page.locator("#film-shot-2-duration input")).to_have_value("0.5")
    expect(page.locator("#film-shot-3")).to_be_hidden()


def copy_link(page: Page, button: str) -> str:
    context: BrowserContext = page.context
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.bring_to_front()  # the clipboard is that of the page with the focus
    page.click(button)
    expect(page.locator(".toast-body").first).to_contain_text("The link is copied")
    return page.evaluate("navigator.clipboard.readText()")


def test_a_reload_gives_back_the_forms_the_cards_the_result_and_the_tab(page: Page) -> None:
    ask(page, TASK, PROMPT)
    page.click(f"#{TASK}-aspect_ratio label:has-text('1:1')")
    wait_for_clip(page, TASK)
    write_film(page)  # the last card still has the focus
    page.reload()
    expect_film(page)
    choose_tab(page, "Text to video")
    expect_prompt(page, PROMPT)
    assert page.input_value(f"#{TASK}-duration input[type=number]") == "0.5"
    expect(page.locator(f"#{TASK}-aspect_ratio").get_by_label("1:1")).to_be_checked()
    wait_for_clip(page, TASK)


def test_a_reload_gives_back_a_picture_and_asks_for_consent_again(
    page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "picture.png"
    Image.new("RGB", (400, 300), "red").save(path)
    choose_tab(page, "Image to video")
    page.set_input_files("#image_to_video-image input[type=file]", path)
    expect(page.locator("#image_to_video-source")).to_contain_text("400 x 300")
    page.locator("#image_to_video-has_consent input").check()
    page.reload()
    expect(page.locator("#image_to_video-source")).to_contain_text("400 x 300")
    expect(page.locator("#image_to_video-has_consent input")).not_to_be_checked()


def test_a_tab_that_was_opened_before_the_page_was_ready_is_open_after_a_reload(
    page: Page,
) -> None:
    held: list[Route] = []
    page.route("**/gradio_api/**", lambda route: held.append(route))
    page.reload()
    choose_tab(page, "Image to video")
    expect(page.get_by_role("tab", selected=True)).to_have_text("Image to video")
    for route in held:
        route.continue_()
    page.unroute("**/gradio_api/**")
    page.wait_for_function("sessionStorage.getItem('kinora-forms')")
    page.reload()
    expect(page.get_by_role("tab", selected=True)).to_have_text("Image to video")


def test_a_link_fills_the_form_of_another_browser_and_no_server_sees_it(
    page: Page, stranger: Page
) -> None:
    ask(page, TASK, PROMPT)
    wait_for_clip(page, TASK)
    seed = page.evaluate("document.querySelector('#text_to_video-clip video').src")
    link = copy_link(page, f"#{TASK}-link")
    assert PROMPT not in link
    asked: list[str] = []
    stranger.on("request", lambda request: asked.append(request.url))
    stranger.goto("about:blank")
    stranger.goto(link)
    expect_prompt(stranger, PROMPT)
    stranger.click(f"#{TASK}-advanced button")
    assert f"kinora-{stranger.input_value(f'#{TASK}-seed input')}" in seed
    fragment = link.split("#")[1]
    assert not any(fragment in url for url in asked)
    assert "#" not in stranger.url  # a reload does not fill it in again
    assert "job" not in link


def test_a_film_of_your_clips_is_opened_as_cards_again(page: Page) -> None:
    write_film(page)
    page.click("#film-generate")
    wait_for_clip(page, "film")
    page.fill("#film-shot-1-prompt textarea", "something else")
    page.click("#film-shot-2-remove")
    choose_tab(page, "Your clips")
    page.locator("#clips-gallery button.thumbnail-item").first.click()
    expect(page.locator("#clips-status")).to_contain_text("a white rabbit")
    page.click("#clips-edit")
    expect_film(page)


@pytest.mark.parametrize("shows_prompt", [True, False])
def test_a_dropped_clip_restores_its_form_and_its_prompt_only_if_it_carries_that(
    page: Page, stranger: Page, tmp_path: Path, shows_prompt: bool
) -> None:
    if shows_prompt:
        page.click(f"#{TASK}-advanced button")
        page.locator(f"#{TASK}-shows_prompt input").check()
    ask(page, TASK, PROMPT)
    wait_for_clip(page, TASK)
    url = page.eval_on_selector(f"#{TASK}-clip video", "video => video.src")
    path = tmp_path / "from somebody.mp4"
    path.write_bytes(page.request.get(url).body())
    choose_tab(stranger, "Your clips")
    stranger.set_input_files("#clips-file input[type=file]", path)
    expect(stranger.get_by_role("tab", selected=True)).to_have_text("Text to video")
    expect_prompt(stranger, PROMPT if shows_prompt else "")
    assert stranger.input_value(f"#{TASK}-duration input[type=number]") == "0.5"
    if not shows_prompt:
        expect(stranger.locator(".toast-body")).to_contain_text("only a fingerprint")


def test_a_file_without_a_recipe_is_one_sentence(page: Page, clip: Path) -> None:
    choose_tab(page, "Your clips")
    page.set_input_files("#clips-file input[type=file]", clip)
    expect(page.locator(".toast-body")).to_contain_text("This file has no Kinora recipe")


def test_an_extended_clip_gets_its_source_back_and_asks_for_consent_again(page: Page) -> None:
    ask(page, TASK)
    wait_for_clip(page, TASK)
    page.click(f"#{TASK}-extend")
    expect(page.locator("#extend_video-source")).to_contain_text("512 x 288")
    page.locator("#extend_video-has_consent input").check()
    ask(page, "extend_video")
    wait_for_clip(page, "extend_video")
    page.reload()
    expect(page.locator("#extend_video-source")).to_contain_text("512 x 288")
    choose_tab(page, "Your clips")
    page.locator("#clips-gallery button.thumbnail-item").first.click()
    expect(page.locator("#clips-status")).to_contain_text("Finished")
    page.click("#clips-edit")
    expect(page.get_by_role("tab", selected=True)).to_have_text("Extend a clip")
    expect(page.locator("#extend_video-video video")).to_be_visible()
    expect(page.locator("#extend_video-has_consent input")).not_to_be_checked()
