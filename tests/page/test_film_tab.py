"""The film tab in a real Chromium: its cards, the same as text, and the film they become."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from page.storyboard_cards import MAX_CARDS
from tests.browser import choose_tab, needs_chromium, open_page, play, seconds_of, wait_for_clip

TWO_SHOTS = "[0.5s, zoom in] a red car in a city\n[1s, pan left, continue] a blue boat on a lake"

pytestmark = needs_chromium


@pytest.fixture
def page(browser: Browser, app_url: str) -> Iterator[Page]:
    page = open_page(browser, app_url)
    choose_tab(page, "Film")
    page.wait_for_selector("#film-shot-1-prompt")
    yield page
    page.context.close()


def fill(page: Page, number: int, prompt: str, *, seconds: str = "5") -> None:
    page.fill(f"#film-shot-{number}-prompt textarea", prompt)
    page.fill(f"#film-shot-{number}-duration input", seconds)


def press(page: Page, number: int, button: str) -> None:
    page.click(f"#film-shot-{number}-{button}")


def add(page: Page, number: int) -> None:
    page.click("#film-add")
    page.wait_for_selector(f"#film-shot-{number}")


def expect_cards(page: Page, *prompts: str) -> None:
    for number, prompt in enumerate(prompts, 1):
        expect(page.locator(f"#film-shot-{number}-prompt textarea")).to_have_value(prompt)
    expect(page.locator(f"#film-shot-{len(prompts) + 1}")).to_be_hidden()


def write_text(page: Page, text: str) -> None:
    """Put a text on the cards, as far as it can be read."""
    if not page.is_visible("#film-text"):
        page.click("#film-as-text button")
        page.wait_for_selector("#film-text textarea")
        page.wait_for_timeout(1000)  # Gradio draws what a fold contains again when it has opened
    page.fill("#film-text textarea", text)
    page.click("#film-to-cards")


def choose(page: Page, menu: str, choice: str) -> None:
    page.click(f"{menu} input")
    page.get_by_role("option", name=choice, exact=True).click()


def test_few_components_have_events_of_their_own(app_url: str) -> None:
    """When the page is loaded, Gradio looks for each trigger at each component: 780 took 2 s."""
    events = httpx.get(f"{app_url}config", timeout=60).json()["dependencies"]
    assert sum(len(event["targets"]) for event in events) < 500


def test_cards_are_added_duplicated_moved_and_removed(page: Page) -> None:
    fill(page, 1, "one", seconds="2.5")
    add(page, 2)
    fill(page, 2, "two")
    press(page, 1, "duplicate")
    expect_cards(page, "one", "one", "two")
    expect(page.locator("#film-shot-2-duration input")).to_have_value("2.5")
    press(page, 3, "up")
    expect_cards(page, "one", "two", "one")
    press(page, 1, "down")
    expect_cards(page, "two", "one", "one")
    press(page, 3, "remove")
    expect_cards(page, "two", "one")
    press(page, 1, "up")  # there is nothing above it
    press(page, 2, "down")  # nor below
    add(page, 3)
    expect_cards(page, "two", "one", "")
    for left in (["one", ""], [""], [""]):
        press(page, 1, "remove")
        expect_cards(page, *left)


def test_shots_are_moved_along_the_time_line_with_arrows_and_the_mouse(page: Page) -> None:
    fill(page, 1, "one", seconds="4")
    add(page, 2)
    fill(page, 2, "two", seconds="12")
    segments = page.locator("#film-total [data-shot]")
    expect(segments).to_have_count(2)
    expect(segments.last).to_have_attribute("aria-label", re.compile("Shot 2, 12 s"))
    widths = [segment.bounding_box()["width"] for segment in segments.all()]
    assert widths[1] / widths[0] == pytest.approx(3, rel=0.1)
    segments.last.focus()
    page.keyboard.press("ArrowLeft")
    expect_cards(page, "two", "one")
    expect(segments.first).to_be_focused()
    expect(segments.first).to_have_attribute("aria-label", re.compile("12 s"))
    segments.first.drag_to(segments.last)
    expect_cards(page, "one", "two")
    segments.last.click()
    expect(page.locator("#film-shot-2-prompt textarea")).to_be_focused()


def test_the_bar_says_how_long_the_film_is_and_what_is_too_long(page: Page) -> None:
    total, plan = page.locator("#film-total"), page.locator("#film-plan")
    expect(total).to_have_text("5 of 60 s")
    fill(page, 1, "one", seconds="23.5")
    expect(total).to_have_text("23.5 of 60 s")
    press(page, 1, "duplicate")
    expect(total).to_have_text("47 of 60 s")
    assert page.locator("#film-total [data-shot]").count() == 2
    page.fill("#film-shot-2-duration input", "40")
    expect(total).to_have_text("63.5 of 60 s")
    expect(plan).to_contain_text("The shots last 63.5 seconds together, but")
    assert page.eval_on_selector("#film-total u", "veil => veil.clientWidth") > 5
    press(page, 2, "remove")
    expect(total).to_have_text("23.5 of 60 s")
    assert page.eval_on_selector("#film-total u", "veil => veil.clientWidth") == 0


def test_cards_become_text_and_text_becomes_cards(page: Page) -> None:
    write_text(page, TWO_SHOTS)
    expect_cards(page, "a red car in a city", "a blue boat on a lake")
    expect(page.locator("#film-shot-2-camera input")).to_have_value("pan left")
    expect(page.locator("#film-shot-2-transition input")).to_have_value("continue")
    press(page, 2, "up")
    expect_cards(page, "a blue boat on a lake", "a red car in a city")
    page.click("#film-to-text")
    expect(page.locator("#film-text textarea")).to_have_value(
        "[1s, pan left, continue] a blue boat on a lake\n[0.5s, zoom in] a red car in a city"
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a cat\n[fly] a dog", "Line 2: [fly] is not understood"),
        ("a cat\n[orbit left] a dog", "Shot 2: Kinora mini cannot do the camera move"),
        ("[picture 1] a cat", "Line 1: There is no picture 1"),
        ("\n".join(["[1s] a cat"] * (MAX_CARDS + 1)), f"The page has {MAX_CARDS} cards"),
    ],
)
def test_text_that_is_no_film_is_one_sentence_and_nothing_is_lost(
    page: Page, text: str, sentence: str
) -> None:
    fill(page, 1, "one")
    write_text(page, text)
    expect(page.locator("#film-text-note")).to_contain_text(sentence)
    expect(page.locator("#film-text textarea")).to_have_value(text)
    expect_cards(page, "one")


def test_one_shot_of_a_film_is_drawn_anew(page: Page) -> None:
    write_text(page, TWO_SHOTS)
    expect_cards(page, "a red car in a city", "a blue boat on a lake")
    expect(page.locator("#film-shot-1-retry")).to_be_hidden()
    page.click("#film-generate")
    wait_for_clip(page, "film")
    made = page.locator("#film-total [data-shot][style*=background-image]")
    expect(made).to_have_count(2)
    press(page, 2, "retry")
    expect(made).to_have_count(1)
    wait_for_clip(page, "film")
    expect(made).to_have_count(2)
    page.click("#film-to-text")
    expect(page.locator("#film-text textarea")).to_have_value(re.compile("take 2"))


def test_a_film_of_two_shots_is_made_and_plays(page: Page) -> None:
    write_text(page, TWO_SHOTS)
    expect_cards(page, "a red car in a city", "a blue boat on a lake")
    page.click("#film-generate")
    expect(page.locator("#film-stop")).to_be_visible()
    wait_for_clip(page, "film")
    assert seconds_of(page, "film") == pytest.approx((9 + 16) / 16, abs=0.05)
    play(page, "film")
    page.click("#film-recipe-fold button")
    expect(page.locator("#film-recipe")).to_contain_text("a blue boat on a lake")
    page.click("#film-extend")
    expect(page.locator("#extend_video-prompt textarea")).to_have_value("a blue boat on a lake")


@pytest.mark.parametrize(
    ("prompt", "seconds", "sentence"),
    [
        ("", "1", "Shot 2: The prompt is empty"),
        ("a cat", "0", "Shot 2: The duration is 0"),
        ("a cat", "", "Shot 2: The duration is missing"),
        ("a cat", "60", "The shots last 65 seconds together"),
    ],
)
def test_a_mistake_on_a_card_is_one_sentence_and_can_be_put_right(
    page: Page, prompt: str, seconds: str, sentence: str
) -> None:
    fill(page, 1, "a rabbit")  # it is known, so that nothing else has to be confirmed
    add(page, 2)
    fill(page, 2, prompt, seconds=seconds)
    page.keyboard.press("Tab")
    page.click("#film-generate")
    expect(page.locator(".toast-body")).to_have_count(1)
    expect(page.locator(".toast-body")).to_contain_text(sentence)
    fill(page, 2, "a cat", seconds="1")
    expect(page.locator("#film-plan")).to_contain_text("512 x 288")


def test_words_that_look_like_html_stay_words(page: Page) -> None:
    prompt = "a cat <img src=x onerror=\"document.title='pwned'\">"
    fill(page, 1, prompt)
    page.click("#film-as-text button")
    page.click("#film-to-text")
    expect(page.locator("#film-text textarea")).to_have_value(f"[5s] {prompt}")
    write_text(page, f"[1s] {prompt}\n[2s] b")
    expect_cards(page, prompt, "b")
    assert page.title() == "Kinora"


def test_a_picture_goes_where_its_card_goes_and_has_a_number_in_the_text(
    page: Page, tmp_path: Path
) -> None:
    Image.new("CMYK", (64, 48), (0, 255, 255, 0)).save(tmp_path / "print.jpg")
    (tmp_path / "bad.png").write_text("I am no picture")
    fill(page, 1, "one")
    add(page, 2)
    fill(page, 2, "two")
    page.set_input_files("#film-shot-1-image input[type=file]", tmp_path / "bad.png")
    expect(page.locator(".toast-body")).to_contain_text("The file is not a picture")
    expect(page.locator("#film-shot-1-image img")).to_have_count(0)
    page.set_input_files("#film-shot-1-image input[type=file]", tmp_path / "print.jpg")
    expect(page.locator("#film-shot-1-image img")).to_have_attribute("src", re.compile(r"\.png$"))
    press(page, 1, "down")
    expect(page.locator("#film-shot-2-image img")).to_be_visible()
    expect(page.locator("#film-shot-1-image img")).to_have_count(0)
    page.click("#film-as-text button")
    page.click("#film-to-text")
    text = page.locator("#film-text textarea")
    expect(text).to_have_value("[5s] two\n[5s, picture 1] one")
    write_text(page, "[5s, picture 1] one\n[5s] two")
    expect(page.locator("#film-shot-1-image img")).to_be_visible()
    expect(page.locator("#film-shot-2-image img")).to_have_count(0)


def test_the_camera_menu_offers_what_the_model_can_do(page: Page) -> None:
    page.click("#film-shot-1-camera input")
    options = page.get_by_role("option")
    assert {"static", "follow"} <= set(options.all_inner_texts())
    expect(page.get_by_role("option", name="orbit left")).to_have_count(0)
    page.keyboard.press("Escape")
    choose(page, "#film-model", "LTX-Video 2B 0.9.8 distilled")
    expect(page.locator("#film-plan")).to_contain_text("24 frames a second")
    choose(page, "#film-shot-1-camera", "orbit left")
    choose(page, "#film-model", "Kinora mini")
    expect(page.locator(".toast-body")).to_contain_text("Kinora mini cannot do orbit left")
    expect(page.locator("#film-shot-1-camera input")).to_have_value("As in my text")
    expect(page.locator("#film-plan")).to_contain_text("16 frames a second")


def test_typing_on_one_of_twelve_cards_queues_nothing_and_draws_no_other_again(
    page: Page,
) -> None:
    write_text(page, "\n".join(f"[1s] card {number}" for number in range(1, 13)))
    expect(page.locator("#film-total")).to_have_text("12 of 60 s")
    page.evaluate("window.areas = [...document.querySelectorAll('#film-tab textarea')]")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.click("#film-shot-5-prompt textarea")
    page.keyboard.press("End")
    page.keyboard.type(" in a garden")
    expect(page.locator("#film-shot-5-prompt textarea")).to_be_focused()
    expect(page.locator("#film-shot-5-prompt textarea")).to_have_value("card 5 in a garden")
    # Only what is understood of the words is asked for, past the queue.
    assert {url.rsplit("/", 1)[-1] for url in requests} <= {"predict"}
    assert page.evaluate("window.areas.every((area) => area.isConnected)")


def test_the_cards_come_to_an_end_in_plain_words(page: Page) -> None:
    write_text(page, "\n".join(["[1s] a cat"] * MAX_CARDS))
    expect(page.locator("#film-add")).to_be_disabled()
    expect(page.locator("#film-add")).to_have_text(f"The limit is {MAX_CARDS} shots")
    press(page, 1, "duplicate")
    press(page, 1, "remove")
    expect(page.locator("#film-add")).to_be_enabled()
    expect(page.locator("#film-total")).to_have_text(f"{MAX_CARDS - 1} of 60 s")


def test_an_example_is_written_as_text_and_as_cards(page: Page) -> None:
    page.get_by_role("button", name="A story in three shots").click()
    expect(page.locator("#film-shot-3-camera input")).to_have_value("pan right")
    expect(page.locator("#film-total")).to_have_text("11 of 60 s")
