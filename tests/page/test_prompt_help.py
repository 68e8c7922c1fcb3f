"""What the page says of a prompt before a clip is made, in a real Chromium."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser import PROMPT, ask, choose_tab, needs_chromium, wait_for_clip

pytestmark = needs_chromium
BOX = "#text_to_video-prompt textarea"


def test_what_will_be_drawn_and_what_is_not_known_is_said_while_typing(page: Page) -> None:
    told = page.locator("#text_to_video-told")
    page.locator(BOX).press_sequentially("a wolf in a city")
    expect(told).to_contain_text("Will draw: city")
    expect(told).to_contain_text("Not known: wolf (nearest: dog)")
    page.locator(BOX).press_sequentially(", drone shot <img src=x>")
    expect(told).to_contain_text("does not know the camera move")
    assert told.locator("img").count() == 0
    page.fill(BOX, "")
    expect(told).to_have_text("")


def test_a_larger_model_is_offered_with_figures_and_there_is_a_way_back(page: Page) -> None:
    switch, model = (
        page.locator("#text_to_video-switch"),
        page.locator("#text_to_video-model input"),
    )
    page.fill(BOX, PROMPT)
    expect(page.locator("#text_to_video-told")).to_contain_text("red car, city, sunset")
    expect(switch).to_be_hidden()
    page.fill(BOX, "a hammer in a city")
    expect(switch).to_have_text("Switch to LTX-Video 2B 0.9.8 distilled")
    offer = page.locator("#text_to_video-offer")
    expect(offer).to_contain_text("can draw this: about")
    expect(offer).to_contain_text("for 2 s here, about 16 GB to download once")
    assert model.input_value() == "Kinora mini"  # never by itself
    switch.click()
    expect(model).to_have_value("LTX-Video 2B 0.9.8 distilled")
    expect(page.locator("#text_to_video-told")).to_have_text("")
    expect(switch).to_have_text("Back to Kinora mini")
    seconds = page.locator("#text_to_video-duration input[type=number]")
    expect(seconds).to_have_value("2")
    expect(page.locator("#text_to_video-quality").get_by_label("Draft")).to_be_checked()
    switch.click()
    expect(model).to_have_value("Kinora mini")
    expect(seconds).to_have_value("5")
    expect(switch).to_have_text("Switch to LTX-Video 2B 0.9.8 distilled")


def test_a_clip_of_nothing_that_was_typed_takes_a_second_press(page: Page) -> None:
    ask(page, "text_to_video", "a hammer on an anvil")
    question = page.locator("#text_to_video-ask")
    expect(question).to_contain_text("knows nothing of this prompt (hammer, anvil)")
    button = page.locator("#text_to_video-generate")
    expect(button).to_have_text("Make it anyway")
    page.fill(BOX, "a hammer in its sheath")  # another prompt is asked about again
    expect(button).to_have_text("Make the clip")
    button.click()
    expect(question).to_contain_text("(hammer, sheath)")
    button.click()
    wait_for_clip(page, "text_to_video")
    expect(button).to_have_text("Make the clip")
    expect(question).to_have_text("")


def test_a_mistake_is_told_before_a_second_press_is_asked_for(page: Page) -> None:
    page.click("#text_to_video-advanced button")
    page.fill("#text_to_video-seed input", "-7")
    ask(page, "text_to_video", "a hammer on an anvil")
    expect(page.locator(".toast-body").first).to_contain_text("-7")
    expect(page.locator("#text_to_video-generate")).to_have_text("Make the clip")


def test_words_are_chosen_from_chips_one_of_each_kind(page: Page) -> None:
    page.click("#text_to_video-words-fold button")
    chips = page.locator("#text_to_video-chips")
    for word, prompt in (
        ("cat", "a cat"),
        ("red", "a red cat"),
        ("in a city", "a red cat in a city"),
        ("elephant", "a red elephant in a city"),
        ("orange", "an orange elephant in a city"),
        ("comic style", "an orange elephant in a city, comic style"),
    ):
        chips.get_by_role("button", name=word, exact=True).click()
        expect(page.locator(BOX)).to_have_value(prompt)
    expect(page.locator("#text_to_video-told")).to_have_text(
        "Will draw: orange elephant, city, comic style"
    )
    chips.get_by_role("button", name="Surprise me").click()
    expect(page.locator("#text_to_video-told")).to_contain_text("Will draw:")
    expect(page.locator("#text_to_video-told")).not_to_contain_text("Not known")


def test_a_photograph_is_said_to_move_only_with_the_camera(page: Page) -> None:
    choose_tab(page, "Image to video")
    told = page.locator("#image_to_video-told")
    expect(told).to_contain_text("moves only the camera over a picture")
    page.fill("#image_to_video-prompt textarea", "she smiles and waves")
    expect(page.locator("#image_to_video-switch")).to_contain_text("Switch to LTX-Video")
    expect(told).to_contain_text("moves only the camera over a picture")


def test_the_words_of_all_shots_of_a_film_are_told_together(page: Page) -> None:
    choose_tab(page, "Film")
    page.fill("#film-shot-1 textarea", "a wolf in a city")
    expect(page.locator("#film-told")).to_contain_text("Not known: wolf (nearest: dog)")
    page.click("#film-add")
    page.fill("#film-shot-2 textarea", "a red robot")
    expect(page.locator("#film-told")).to_contain_text("Will draw: city, red robot")
    expect(page.locator("#film-offer")).to_contain_text("for 10 s here")
    page.click("#film-words-fold button")
    page.focus("#film-shot-1 textarea")
    page.locator("#film-chips").get_by_role("button", name="at sunset", exact=True).click()
    expect(page.locator("#film-shot-1 textarea")).to_have_value("a wolf in a city at sunset")
    expect(page.locator("#film-shot-2 textarea")).to_have_value("a red robot")
