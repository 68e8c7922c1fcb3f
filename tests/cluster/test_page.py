"""The page of an app whose clips are made on a cluster, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import ask, needs_chromium, open_page, wait_for_clip
from tests.cluster.tiny_cluster import NEEDS_RAY

if TYPE_CHECKING:
    from pipeline.cluster.cluster import Cluster
    from pipeline.models.registry import Models

pytestmark = [*NEEDS_RAY, needs_chromium]


@pytest.fixture
def url(cluster: Cluster, models: Models, tmp_path: Path) -> Iterator[str]:
    """Serve the app as `app.main` does with KINORA_CLUSTER."""
    import app

    studio = app.create_studio(tmp_path, cluster.models, models, cluster=cluster)
    demo = app.create_demo(studio)
    _, url, _ = app.launch(demo, studio, server_name="127.0.0.1", quiet=True)
    yield url
    demo.close()
    studio.close()


def test_the_page_lists_the_machines_and_a_visitors_clip_is_made_on_one(
    browser: Browser, url: str, hold: Path
) -> None:
    page = open_page(browser, url)
    line = page.locator("#kinora-machines")
    expect(line).to_contain_text("0 of 3 workers are busy")
    expect(line).to_contain_text("2 × GPU (16 GB), 1 × GPU (512 GB)")  # noqa: RUF001
    ask(page, "text_to_video")
    expect(line).to_contain_text("1 of 3 workers are busy")
    hold.unlink()
    wait_for_clip(page, "text_to_video")
    page.context.close()
