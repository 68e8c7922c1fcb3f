"""A visitor's page for the tests of its tabs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import open_page


@pytest.fixture
def page(browser: Browser, app_url: str) -> Iterator[Page]:
    """Open the app for a visitor of its own."""
    page = open_page(browser, app_url)
    yield page
    page.context.close()
