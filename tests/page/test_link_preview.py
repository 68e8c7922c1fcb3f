"""What other sites show of a link to the page."""

from __future__ import annotations

import io
import re

import httpx
import pytest
from PIL import Image


@pytest.fixture(scope="module")
def tags(app_url: str) -> dict[str, str]:
    html = httpx.get(app_url, headers={"X-Forwarded-Proto": "https"}).text
    found = re.findall(r'<meta (?:property|name)="([\w:]+)" content="([^"]*)"', html)
    assert len(found) == len(dict(found))  # no second name or picture, of Gradio
    assert "<title>Kinora</title>" in html
    return dict(found)


def test_a_link_shows_kinora_s_name_and_sentence(tags: dict[str, str]) -> None:
    assert tags["og:title"] == "Kinora"
    assert tags["og:description"] == tags["description"]
    assert "gradio" not in " ".join(tags.values()).lower()


def test_a_link_shows_a_picture_of_the_size_that_sites_want(tags: dict[str, str]) -> None:
    assert tags["og:image"].startswith("https://127.0.0.1")  # as the visitor's proxy serves it
    answer = httpx.get(tags["og:image"].replace("https:", "http:"))
    assert Image.open(io.BytesIO(answer.content)).size == (1200, 630)


def test_the_page_is_whole_for_every_way_to_ask_for_it(app_url: str) -> None:
    whole = httpx.get(app_url)
    assert int(whole.headers["content-length"]) == len(whole.content)
    head = httpx.head(app_url)  # Gradio's question whether the server is there: nothing is drawn
    assert (head.status_code, head.headers["content-length"]) == (200, "0")


@pytest.mark.parametrize("size", ["100000", "1", "0192"])
def test_icons_are_made_only_in_the_sizes_that_the_manifest_names(app_url: str, size: str) -> None:
    """Gradio makes a picture of whatever size an address has."""
    assert httpx.get(f"{app_url}pwa_icon/{size}").status_code == 404
    assert httpx.get(f"{app_url}pwa_icon/192").headers["content-type"] == "image/png"
