"""Files that travel between a page and a worker that does not see its data folder."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from pipeline.cluster.job_files import CHUNK_BYTES, JobCopy, discard_left, fetch_new, send
from pipeline.cluster.work import Work, WorkerBusyError, WorkerLostError
from pipeline.errors import StorageError
from pipeline.planning.request import GenerationRequest, Shot

SIZES = (0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 5)
REQUEST = GenerationRequest("text_to_video", (Shot("a red car", 2.0),), "kinora-mini")


@pytest.fixture
def job(tmp_path: Path) -> Path:
    (tmp_path / "job").mkdir()
    return tmp_path / "job"


class Calls:
    """Calls a copy as a page calls a worker, and remembers the largest chunk."""

    def __init__(self, copy: JobCopy) -> None:
        self.copy = copy
        self.largest = 0

    def __call__(self, method: str, *arguments: object) -> object:
        result = getattr(self.copy, method)(*arguments)
        for value in (*arguments, result):
            self.largest = max(self.largest, len(value) if isinstance(value, bytes) else 0)
        return result


@pytest.mark.parametrize("size", SIZES)
def test_a_file_travels_there_and_back_in_chunks(job: Path, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    name = "windows/one.safetensors"
    (job / name).parent.mkdir()
    (job / name).write_bytes(data[:size])
    copy = JobCopy()
    folder = copy.open("job")
    call = Calls(copy)
    send(call, job, name)
    assert (folder / name).read_bytes() == data[:size]
    (job / name).unlink()
    fetch_new(call, Work("job", REQUEST, job / "result.mp4"), is_last=False)
    assert (job / name).read_bytes() == data[:size]
    assert call.largest <= CHUNK_BYTES
    assert [path.name for path in job.rglob("*.*")] == ["one.safetensors"]


def test_only_what_is_new_is_fetched_and_the_clip_when_it_is_whole(job: Path) -> None:
    copy = JobCopy()
    folder = copy.open("job")
    work, call = Work("job", REQUEST, job / "result.mp4"), Calls(copy)
    for path in (folder, job):
        (path / "pieces").mkdir()
        (path / "pieces" / "old.mp4").write_text(path.name)
    (folder / "result.mp4").write_text("clip")
    (folder / "pieces" / "new.mp4").write_text("new")
    (folder / "pieces" / "half.mp4.part").write_text("half")
    fetch_new(call, work, is_last=False)
    found = {path.name: path.read_text() for path in job.rglob("*.*")}
    assert found == {"old.mp4": "job", "new.mp4": "new"}
    (job / "result.mp4").write_text("of an earlier attempt")
    fetch_new(call, work, is_last=True)
    assert (job / "result.mp4").read_text() == "clip"


def test_a_copy_goes_when_another_job_takes_its_place(job: Path) -> None:
    copy = JobCopy()
    folder = copy.open("job")
    (job / "source-1.png").write_text("picture")
    send(Calls(copy), job, "source-1.png")
    assert copy.open("job") == folder
    with pytest.raises(WorkerLostError):
        copy.read("job", "no-such-file", 0)
    other = copy.open("other")
    assert not folder.exists()
    with pytest.raises(WorkerBusyError):
        send(Calls(copy), job, "source-1.png")
    copy.discard("job")
    assert other.exists()
    copy.discard("other")
    assert not other.exists()


def test_what_a_killed_worker_left_is_deleted_and_what_is_used_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    copy = JobCopy()
    used, dead = copy.open("job"), tmp_path / "kinora-worker-dead"
    (dead / "windows").mkdir(parents=True)
    (tmp_path / "kinora-worker-dead.lock").touch()  # the system has released it
    discard_left()
    assert used.is_dir()
    assert not dead.exists()
    copy.discard()
    assert not [*tmp_path.iterdir()]


def test_a_disk_that_takes_no_file_is_said_to_the_user(job: Path) -> None:
    copy = JobCopy()
    (copy.open("job") / "windows").write_text("no folder")
    (job / "windows").mkdir()
    (job / "windows" / "one.safetensors").write_text("latents")
    with pytest.raises(StorageError):
        send(Calls(copy), job, "windows/one.safetensors")
