"""Variations in a real Chromium: one request, clips side by side, the best kept."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser import ask, choose_tab, needs_chromium

TASK = "text_to_video"
CELLS = f"#{TASK}-variations figure"

pytestmark = needs_chromium


def test_three_variations_are_made_at_once_and_the_best_is_kept(page: Page) -> None:
    page.locator(f"#{TASK}-count").get_by_label("3").check()
    ask(page, TASK)
    keep = page.locator(f"{CELLS} button[data-act=keep]")
    expect(keep).to_have_count(3)
    names = page.locator(f"{CELLS} figcaption").all_inner_texts()
    first = int(names[0].removeprefix("Seed "))
    assert names == [f"Seed {first + number}" for number in range(3)]
    assert page.locator(f"{CELLS} video").evaluate_all("all => all.every((x) => x.loop && x.muted)")

    page.locator(f"{CELLS} button[data-act=show]").nth(1).click()
    expect(page.locator(f"{CELLS}.chosen figcaption")).to_have_text(names[1])
    page.reload()
    expect(keep).to_have_count(3)

    keep.nth(1).click()
    expect(page.locator(f"#{TASK}-variations")).to_be_hidden()
    choose_tab(page, "Your clips")
    gallery = page.locator("#clips-gallery button.thumbnail-item")
    expect(gallery).to_have_count(1)
    choose_tab(page, "Text to video")
    page.click(f"#{TASK}-undo")
    expect(page.locator(CELLS)).to_have_count(3)
