"""The folder that Gradio serves, as disk space: what is counted, and what is deleted."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest

from page.served_files import ServedRoom, serve, serving_folder


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> gr.Blocks:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    return gr.Blocks()


def upload(demo: gr.Blocks, name: str) -> Path:
    """Leave a file of ten bytes, uploaded two hours ago."""
    path = serving_folder() / ("0" * 64) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(10))
    os.utime(path, (time.time() - 7200, time.time() - 7200))
    demo.temp_file_sets.append({str(path)})
    return path


def test_the_uploads_of_a_request_are_not_deleted_to_make_room_for_it(demo: gr.Blocks) -> None:
    """A picture uploaded more than an hour ago was, and then the disk was called full."""
    own, other = upload(demo, "own.png"), upload(demo, "other.png")
    assert ServedRoom(demo).shrink(1000, {own}) == 10
    assert own.exists()
    assert not other.exists()


def test_a_folder_that_is_deleted_meanwhile_has_no_files(
    demo: gr.Blocks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Gradio deletes old folders whenever it likes; it ended the request that asked for room."""
    (tmp_path / "clip.mp4").write_bytes(bytes(10))
    for job_id in ("a", "b"):
        serve(tmp_path / "clip.mp4", job_id, "clip.mp4").unlink()  # the link takes no space
    folders = sorted(serving_folder().iterdir())
    for folder in folders:
        (folder / "clip.mp4").write_bytes(bytes(10))
    list_folder = Path.iterdir

    def list_late(folder: Path) -> Iterator[Path]:
        if folder == folders[0]:
            shutil.rmtree(folder)
        return list_folder(folder)

    monkeypatch.setattr(Path, "iterdir", list_late)
    assert ServedRoom(demo).num_bytes() == 10
