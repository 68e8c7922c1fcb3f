"""Fixtures for all tests: no network, tiny models, and a served app with a browser."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from pipeline.runtime.model_cache import ModelCache
    from pipeline.studio import Studio

# Set before gradio, gradio_client and huggingface_hub are imported, which read these once.
SCRATCH = Path(tempfile.mkdtemp(prefix="kinora-tests-"))
os.environ |= {
    "GRADIO_TEMP_DIR": str(SCRATCH / "gradio"),
    "KINORA_DATA_DIR": str(SCRATCH / "data"),
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "KINORA_MODEL": "kinora-mini",  # on every machine, with or without a GPU
}
LOOPBACK = ("127.", "::1", "localhost")


@pytest.hookimpl(tryfirst=True)  # before pytest selects tests by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark browser tests as `alone`: on a busy machine their waits time out."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.alone)


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Refuse every connection that leaves this machine."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def refuse_the_world(address: object) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            raise OSError(f"a test tried to connect to {address}")

    def guarded_connect(self: socket.socket, address: object) -> None:
        refuse_the_world(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: object) -> int:
        refuse_the_world(address)
        return connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        yield


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a test clip: two seconds at 24 frames a second, with a beep from 0.5 s to 1 s."""
    from tests.sources import BEEP, H264, make_clip

    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", *H264, "-shortest", sound=BEEP)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save both tiny models; tests that change one must copy it first."""
    from tests.tiny import save_tiny_models

    path = tmp_path_factory.mktemp("models")
    save_tiny_models(path)
    return path


@pytest.fixture(scope="session")
def model_caches(folder: Path) -> dict[str, ModelCache]:
    """Load the tiny models, each in its own model cache; tests must not change them."""
    from tests.tiny import tiny_model_caches

    return tiny_model_caches(folder)


@pytest.fixture(scope="session")
def app_studio() -> Iterator[Studio]:
    """Start the studio of the app with the embedded model."""
    import torch

    import app
    from pipeline.runtime.model_cache import ModelCache

    torch.set_num_threads(2)
    studio = app.create_studio(SCRATCH / "data", ModelCache())
    yield studio
    studio.close()
    shutil.rmtree(SCRATCH, ignore_errors=True)


@pytest.fixture(scope="session")
def app_url(app_studio: Studio) -> Iterator[str]:
    """Serve the app with the embedded model, as `python app.py` does."""
    import app

    demo = app.create_demo(app_studio)
    options = {"server_name": "127.0.0.1", "quiet": True}
    _, url, _ = app.launch(demo, app_studio, **options)
    yield url
    demo.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium."""
    from playwright.sync_api import sync_playwright

    from tests.browser import CHROMIUM

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
