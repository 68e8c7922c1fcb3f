"""Getting a model's files, from a Hub of this machine's own.

In other processes: huggingface_hub looks once whether it is offline, and where its cache is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.fetch import LocalFiles, fetch
from pipeline.models import MODELS
from tests.hub import COMMIT, Hub, serve_hub
from tests.tiny import LTX, MINI

ROOT = Path(__file__).resolve().parent.parent
# Of the row that is half a repository and half one file of another.
PARTS, ONE_FILE = "Lightricks/LTX-Video-0.9.5", "Lightricks/LTX-Video"
CHECKPOINT = "ltxv-2b-0.9.8-distilled.safetensors"
NOT_HERE = (
    "LTX-Video 2B 0.9.8 distilled is not on this computer, or not all of it, and could not be "
    "loaded from the Hub; with a network and room on the disk `python -m pipeline.fetch "
    "ltx-video-2b` fetches it.\n"
)


@pytest.fixture
def hub(folder: Path, tmp_path: Path) -> Iterator[Hub]:
    """Serve the row's two repositories, with files in them that nobody needs."""
    parts, one_file = tmp_path / "parts", tmp_path / "one-file"
    shutil.copytree(folder / "ltx", parts)
    one_file.mkdir()
    for path in (
        parts / "ltx-video-2b-v0.9.5.safetensors",
        parts / "README.md",
        parts / "text_encoder" / "model.fp16.safetensors",
        parts / "text_encoder" / "pytorch_model.bin",
        parts / "text_encoder" / "modeling.py",
        parts / "transformer_full" / "diffusion_pytorch_model.safetensors",
        one_file / CHECKPOINT,
        one_file / "ltxv-13b-0.9.7-dev.safetensors",
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"weights" * 1000)
    with serve_hub({PARTS: parts, ONE_FILE: one_file, "tiny/ltx": folder / "ltx"}) as hub:
        yield hub


def run(*command: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HF_HOME": str(home)} | more
    environment.pop("HF_HUB_CACHE", None)
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def run_fetch(hub: Hub, home: Path, *, offline: bool = False) -> subprocess.CompletedProcess[str]:
    is_offline = "1" if offline else "0"
    more = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": is_offline}
    return run("-m", "pipeline.fetch", LTX, home=home, **more)


def test_only_the_needed_files_are_fetched_and_only_once(hub: Hub, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = run_fetch(hub, home)
    assert first.returncode == 0, first.stderr
    assert "ltx-video-2b: 0.00 GB to download in" in first.stdout
    assert "are free in" in first.stdout
    assert sorted(hub.downloads) == sorted(
        [
            f"{PARTS}/model_index.json",
            f"{PARTS}/scheduler/scheduler_config.json",
            f"{PARTS}/text_encoder/config.json",
            f"{PARTS}/text_encoder/model.safetensors",
            f"{PARTS}/tokenizer/tokenizer.json",
            f"{PARTS}/tokenizer/tokenizer_config.json",
            f"{PARTS}/transformer/config.json",
            f"{PARTS}/vae/config.json",
            f"{ONE_FILE}/{CHECKPOINT}",
        ]
    )
    hub.downloads.clear()
    again = run_fetch(hub, home)
    assert (again.returncode, hub.downloads) == (0, []), again.stderr
    assert "to download" not in again.stdout
    offline = run_fetch(hub, home, offline=True)
    assert offline.returncode == 0, offline.stderr
    assert f"snapshots/{COMMIT}" in offline.stdout


def test_without_a_network_one_sentence_names_the_command(hub: Hub, tmp_path: Path) -> None:
    failed = run_fetch(hub, tmp_path / "home", offline=True)
    assert (failed.returncode, failed.stderr) == (1, NOT_HERE)
    assert hub.downloads == []


def test_a_broken_download_is_a_sentence_and_goes_on_the_next_time(
    hub: Hub, tmp_path: Path
) -> None:
    hub.broken.add("text_encoder/model.safetensors")
    failed = run_fetch(hub, tmp_path / "home")
    assert failed.returncode == 1
    assert failed.stderr.endswith(NOT_HERE)
    assert "Traceback" not in failed.stderr
    whole = set(hub.downloads) - {f"{PARTS}/{name}" for name in hub.broken}
    hub.broken.clear()
    hub.downloads.clear()
    assert run_fetch(hub, tmp_path / "home").returncode == 0
    assert f"{PARTS}/text_encoder/model.safetensors" in hub.downloads
    assert whole
    assert whole.isdisjoint(hub.downloads)


def test_a_disk_without_room_is_found_out_before_the_download(hub: Hub, tmp_path: Path) -> None:
    hub.claimed_bytes["text_encoder/model.safetensors"] = 10**15
    failed = run_fetch(hub, tmp_path / "home")
    assert failed.returncode == 1
    needs = "LTX-Video 2B 0.9.8 distilled needs 1000000.00 GB on the disk, and "
    assert failed.stderr.splitlines()[-1].startswith(needs)
    assert "set HF_HOME to a folder on a larger disk" in failed.stderr
    assert hub.downloads == [f"{PARTS}/model_index.json"]


def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    failed = run("-m", "pipeline.fetch", "sora", home=tmp_path)
    assert failed.returncode == 1
    assert failed.stderr.startswith("There is no model named 'sora'; choose one of kinora-mini, ")


LOAD = """
import dataclasses, sys
from pathlib import Path
from pipeline.loader import Loader
from tests.tiny import CPU, LTX, tiny_models

row = dataclasses.replace(tiny_models(Path())[LTX], repository="tiny/ltx", revision="main")
told = []
model = Loader(CPU, {LTX: row}).load(LTX, lambda *news: told.append(news))
done, total = zip(*told)
assert done[-1] == total[-1] == max(total) and list(done) == sorted(done), told
sys.stdout.write(model.pipe.transformer.config._class_name)
"""


def test_the_first_use_downloads_a_model_and_says_how_far_it_is(hub: Hub, tmp_path: Path) -> None:
    more = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
    loaded = run("-c", LOAD, home=tmp_path / "home", **more)
    assert loaded.stdout == "LTXVideoTransformer3DModel", loaded.stderr
    assert "tiny/ltx/transformer/diffusion_pytorch_model.safetensors" in hub.downloads


def test_a_folder_and_the_embedded_model_are_where_they_are() -> None:
    assert fetch(MODELS[MINI]) == LocalFiles(MODELS[MINI].repository)
