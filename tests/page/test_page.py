"""The page in a real Chromium, on the real app with the embedded model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from page.components import offer_settings
from pipeline.models.registry import Models
from tests.browser import (
    PROMPT,
    ask,
    choose_model,
    choose_tab,
    needs_chromium,
    open_page,
    play,
    seconds_of,
    wait_for_clip,
)

pytestmark = needs_chromium


def test_a_prompt_becomes_a_clip_that_plays_and_can_be_extended(page: Page) -> None:
    ask(page, "text_to_video", seconds="10")
    expect(page.locator("#text_to_video-stop")).to_be_visible()
    expect(page.locator("#text_to_video-generate")).to_be_disabled()
    expect(page.locator("#text_to_video-status")).to_contain_text("Drawing part")
    expect(page.locator("#text_to_video-preview img")).to_be_visible()
    wait_for_clip(page, "text_to_video")

    play(page, "text_to_video")
    page.click("#text_to_video-recipe-fold button")
    assert page.input_value("#text_to_video-seed_used :is(input, textarea)").isdigit()
    expect(page.locator("#text_to_video-stop")).to_be_hidden()
    expect(page.locator("#text_to_video-generate")).to_be_enabled()

    page.click("#text_to_video-extend")
    expect(page.locator("#extend_video-source")).to_contain_text("512 x 288, 161 frames")
    ask(page, "extend_video")
    wait_for_clip(page, "extend_video")
    assert seconds_of(page, "extend_video") == pytest.approx(169 / 16, abs=0.05)


def test_every_button_says_what_it_does_when_the_page_has_loaded(page: Page) -> None:
    """A generator that yielded nothing for a visitor without a job emptied all of them."""
    page.wait_for_timeout(3000)  # until the visitor has been greeted
    for tab, label in (
        ("Text to video", "Make the clip"),
        ("Image to video", "Bring it to life"),
        ("Extend a clip", "Extend the clip"),
        ("Film", "Make the film"),
    ):
        page.get_by_role("tab", name=tab, exact=True).click()
        shown = page.get_by_role("tabpanel").filter(visible=True)
        expect(shown.get_by_role("button", name=label)).to_be_in_viewport(ratio=1)  # unscrolled
        expect(shown.get_by_role("button", name="Extend this")).to_have_count(0)


def test_stop_ends_a_long_clip_and_the_next_one_works(page: Page) -> None:
    ask(page, "text_to_video", seconds="60")
    page.click("#text_to_video-stop")
    expect(page.locator("#text_to_video-status")).to_contain_text("Stopped")
    expect(page.locator(".toast-body")).to_have_count(0)
    ask(page, "text_to_video")
    wait_for_clip(page, "text_to_video")


def test_an_empty_prompt_is_one_sentence_and_the_next_request_works(page: Page) -> None:
    ask(page, "text_to_video", prompt="")
    expect(page.locator(".toast-body")).to_contain_text("The prompt is empty; describe")
    ask(page, "text_to_video")
    wait_for_clip(page, "text_to_video")


def test_the_last_frame_goes_on_as_a_picture(page: Page) -> None:
    ask(page, "text_to_video")
    wait_for_clip(page, "text_to_video")
    page.click("#text_to_video-use_frame")
    expect(page.locator("#image_to_video-crop img")).to_be_visible()
    assert page.input_value("#image_to_video-prompt textarea") == PROMPT
    ask(page, "image_to_video")
    wait_for_clip(page, "image_to_video")


def test_a_picture_for_print_is_shown_as_it_is_kept(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (400, 400), (0, 255, 255, 0)).save(path)
    page.get_by_role("tab", name="Image to video").click()
    page.set_input_files("#image_to_video-image input[type=file]", path)
    expect(page.locator("#image_to_video-source")).to_contain_text("400 x 400; all of it is used")
    page.click("#image_to_video-aspect_ratio label:has-text('16:9')")
    expect(page.locator("#image_to_video-source")).to_contain_text("the middle 400 x 225 is used")
    ask(page, "image_to_video")
    wait_for_clip(page, "image_to_video")


def test_a_file_that_is_no_clip_is_one_sentence_on_the_page(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_text("I am no clip")
    page.get_by_role("tab", name="Extend a clip").click()
    page.set_input_files("#extend_video-video input[type=file]", path)
    line = page.locator("#extend_video-source")
    expect(line).to_contain_text("The file is not a video that can be read")


def test_the_line_under_the_controls_says_what_will_come_out(page: Page) -> None:
    line = page.locator("#text_to_video-plan")
    expect(line).to_have_text("512 x 288, 81 frames at 16 frames a second (5.06 s)")
    page.click("#text_to_video-aspect_ratio label:has-text('1:1')")
    expect(line).to_contain_text("384 x 384, 81 frames at 16 frames a second (5.06 s)")


def test_a_first_visitor_sees_a_clip_play_after_two_presses(page: Page) -> None:
    page.get_by_role("button", name="Send a greeting").click()
    expect(page.locator("#text_to_video-plan")).to_contain_text("288 x 512")
    assert "pink balloon" in page.input_value("#text_to_video-prompt textarea")
    page.get_by_role("button", name="Make the clip").click()
    wait_for_clip(page, "text_to_video")
    page.wait_for_function(
        "document.querySelector('#text_to_video-clip video').currentTime > 0.3"
    )  # by itself
    height = page.locator("#text_to_video-clip video").bounding_box()["height"]
    assert height <= 0.6 * 900 + 1  # an upright clip fits the window


def test_example_clips_are_loaded_when_they_are_in_sight(browser: Browser, app_url: str) -> None:
    page = open_page(browser, app_url, width=390, height=500)
    page.emulate_media(reduced_motion="no-preference")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.wait_for_selector("#text_to_video-examples video", state="attached")
    page.wait_for_timeout(500)
    assert not [url for url in asked if url.endswith(".mp4")]
    with page.expect_request("**/kinora/showcase/*.mp4"):
        page.locator("#text_to_video-examples video").first.scroll_into_view_if_needed()
    page.context.close()


def test_words_of_an_example_suit_the_chosen_model(page: Page) -> None:
    choose_model(page, "text_to_video", "Wan 2.2 TI2V 5B")
    page.get_by_role("button", name="Walk through a place").click()
    prompt = page.locator("#text_to_video-prompt textarea")
    expect(prompt).to_have_value(re.compile("wooden staircase"))
    choose_model(page, "text_to_video", "Kinora mini")
    page.get_by_role("button", name="Walk through a place").click()
    expect(prompt).to_have_value(re.compile("red dress"))


def test_words_that_look_like_html_stay_words(page: Page) -> None:
    ask(page, "text_to_video", prompt="a cat <img src=x onerror=\"document.title='pwned'\">")
    wait_for_clip(page, "text_to_video")
    page.click("#text_to_video-recipe-fold button")
    expect(page.locator("#text_to_video-recipe")).to_contain_text("onerror")
    assert page.title() == "Kinora"


def test_the_page_asks_nobody_else_for_anything(browser: Browser, app_url: str) -> None:
    page = open_page(browser, app_url)
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.reload()
    page.wait_for_selector("#text_to_video-generate")
    assert hosts == {app_url.split("/")[2]}
    page.context.close()


@pytest.mark.parametrize("tab", ["Text to video", "Image to video", "Extend a clip", "Film"])
def test_a_telephone_does_not_scroll_sideways(browser: Browser, app_url: str, tab: str) -> None:
    page = open_page(browser, app_url, width=400, height=800)
    choose_tab(page, tab)
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.context.close()


def test_a_model_is_offered_for_what_it_can_do_and_says_what_it_cannot(page: Page) -> None:
    page.get_by_role("tab", name="Extend a clip").click()
    directions = page.locator("#extend_video-direction")
    directions.get_by_label("make it loop").check()
    page.locator("#extend_video-model input").click()
    expect(page.get_by_role("option", name="Wan 2.2 T2V A14B", exact=True)).to_have_count(0)
    page.get_by_role("option", name="Wan 2.2 TI2V 5B", exact=True).click()
    expect(directions.get_by_role("radio")).to_have_count(1)
    expect(directions.get_by_label("at its end")).to_be_checked()
    expect(directions).to_contain_text("make it loop")
    expect(directions).to_contain_text("It takes only a first frame")
    page.locator("#extend_video-model input").click()
    page.get_by_role("option", name="Kinora mini", exact=True).click()
    expect(directions.get_by_role("radio")).to_have_count(4)
    expect(directions).not_to_contain_text("one picture")


MODEL_SETTINGS = ("quality", "num_inference_steps", "guidance_scale", "negative_prompt", "loras")


@pytest.mark.parametrize(("tab", "label"), [("text_to_video", "Text to video"), ("film", "Film")])
def test_the_settings_that_a_model_does_not_have_are_hidden(
    page: Page, tab: str, label: str
) -> None:
    choose_tab(page, label)
    page.click(f"#{tab}-advanced button")
    expect(page.locator(f"#{tab}-label")).to_be_visible()
    expect_settings(page, tab)
    choose_model(page, tab, "Wan 2.2 TI2V 5B")
    expect_settings(page, tab, "num_inference_steps", "guidance_scale", "negative_prompt")
    choose_model(page, tab, "LTX-Video 2B 0.9.8 distilled")
    expect_settings(page, tab, "quality", "guidance_scale", "negative_prompt")
    page.locator(f"#{tab}-quality").get_by_label("HD").check()
    expect(page.locator(f"#{tab}-plan")).to_contain_text("1216 x 704")
    expect(page.locator(f"#{tab}-plan")).to_contain_text("two passes")
    choose_model(page, tab, "Kinora mini")
    expect_settings(page, tab)


def test_what_was_set_for_another_model_does_not_stop_one_without_settings(page: Page) -> None:
    page.click("#text_to_video-advanced button")
    choose_model(page, "text_to_video", "Wan 2.2 TI2V 5B")
    page.fill("#text_to_video-num_inference_steps input[type=number]", "30")
    page.fill("#text_to_video-guidance_scale input[type=number]", "4")
    page.fill("#text_to_video-negative_prompt :is(input, textarea)", "rain")
    choose_model(page, "text_to_video", "Kinora mini")
    expect_settings(page, "text_to_video")
    ask(page, "text_to_video")
    wait_for_clip(page, "text_to_video")


def test_loras_are_shown_where_some_are_offered_to_a_model_that_takes_them() -> None:
    models = Models(loras={"style": "owner/style"})
    mini, wan = (offer_settings(models[name], models) for name in ("kinora-mini", "wan-2.2-5b"))
    assert wan["loras"] == {"visible": True}
    assert mini["loras"] == {"visible": False, "value": ""}
    assert offer_settings(models["wan-2.2-5b"], Models())["loras"]["visible"] is False


def test_qualities_are_offered_where_a_model_has_several() -> None:
    models = Models()
    mini, ltx = (offer_settings(models[x], models)["quality"] for x in ("kinora-mini", "ltx-2.3"))
    assert (mini["visible"], mini["value"]) == (False, "standard")
    assert (ltx["visible"], ltx["value"]) == (True, "standard")
    assert ltx["choices"] == [("Draft", "draft"), ("Standard", "standard"), ("HD", "hd")]


def expect_settings(page: Page, tab: str, *shown: str) -> None:
    """Expect a tab to show these of the settings that not every model has, and no others.

    This app offers no LoRAs.
    """
    for name in MODEL_SETTINGS:
        expect(page.locator(f"#{tab}-{name}")).to_be_visible(visible=name in shown)
