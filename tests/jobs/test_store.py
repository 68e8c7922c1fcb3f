"""Jobs on disk: ids, copies of sources, listing, deleting, sweeping, and damage."""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.errors import InvalidRequestError, MediaError, StorageError
from pipeline.jobs.disk_space import bytes_of
from pipeline.jobs.states import Done, Paused, state_class
from pipeline.jobs.store import JobStore
from pipeline.planning.request import GenerationRequest, Shot


def request(prompt: str = "a red car") -> GenerationRequest:
    return GenerationRequest("text_to_video", (Shot(prompt, 5.0),), "kinora-mini", seed=7)


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path)


def leave_job(store: JobStore, state: str, age: float = 0, num_bytes: int = 4) -> str:
    """Leave a job on disk in a state, changed `age` seconds ago; return its id."""
    job_id = store.create(request())
    store.write_state(store.read_state(job_id).become(state_class(state)))
    store.output_path(job_id).write_bytes(bytes(num_bytes))
    path = store.folder(job_id) / "state.json"
    os.utime(path, (time.time() - age, time.time() - age))
    return job_id


def test_an_id_cannot_lead_out_of_the_store(store: JobStore, tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text("{}")
    for job_id in ("..", "../", "x/../.."):
        with pytest.raises(InvalidRequestError, match="There is no job"):
            store.folder(job_id)


def test_ids_are_long_and_never_the_same(store: JobStore) -> None:
    ids = {store.create(request()) for _ in range(20)}
    assert len(ids) == 20
    assert all(len(job_id) == 22 for job_id in ids)


def test_a_job_has_copies_of_its_sources(store: JobStore, tmp_path: Path) -> None:
    clip = tmp_path / "holiday.MP4"
    clip.write_bytes(b"clip")
    asked = replace(request(), task="extend_video", video=clip, aspect_ratio="auto")
    job_id = store.create(asked)
    clip.unlink()
    copy = store.facts(job_id).request.video
    assert copy.read_bytes() == b"clip"
    assert copy == store.folder(job_id) / "source-1.mp4"


def test_a_job_based_on_another_begins_with_its_finished_windows(store: JobStore) -> None:
    first = store.create(request())
    windows = store.folder(first) / "windows"
    windows.mkdir()
    (windows / "a.safetensors").write_bytes(b"latents")
    second = store.create(request("a blue car"), based_on=first)
    store.write_state(store.read_state(first).become(Done))
    store.delete(first)
    assert (store.folder(second) / "windows" / "a.safetensors").read_bytes() == b"latents"
    with pytest.raises(InvalidRequestError, match="There is no job"):
        store.create(request(), based_on=first)


def test_everybody_sees_their_own_jobs_the_newest_first(store: JobStore) -> None:
    ids = [store.create(request(), visitor=visitor) for visitor in ("ada", "grace", "ada")]
    assert [facts.job_id for facts in store.list_jobs("ada")] == [ids[2], ids[0]]
    assert [facts.job_id for facts in store.list_jobs("grace")] == [ids[1]]
    assert store.list_jobs("nobody") == []
    assert len(store.list_jobs()) == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"state": "do',
        "[]",
        '{"state": "dancing"}',
        "\0",
        '{"state": "done", "progress": NaN}',
        '{"state": ["done"], "progress": 1}',
    ],
)
def test_a_damaged_state_is_a_failed_job_that_says_what_to_do(store: JobStore, text: str) -> None:
    job_id, other = store.create(request()), store.create(request())
    (store.folder(job_id) / "state.json").write_text(text)
    state = store.read_state(job_id)
    assert (state.name, state.progress) == ("failed", 0)
    assert "resume it, its finished windows are kept" in state.message
    assert store.unfinished() == [other]


@pytest.mark.parametrize("text", ["", "{", '{"request": {"task": "fly"}}', "[1]"])
def test_a_damaged_request_harms_no_other_job(store: JobStore, text: str) -> None:
    job_id, other = store.create(request()), store.create(request())
    (store.folder(job_id) / "request.json").write_text(text)
    with pytest.raises(InvalidRequestError, match=r"damaged|not a saved"):
        store.facts(job_id)
    assert [facts.job_id for facts in store.list_jobs()] == [other]
    assert store.unfinished() == [other]


def test_deleting_takes_a_job_off_the_list_and_spares_what_is_being_made(store: JobStore) -> None:
    job_id = leave_job(store, "done")
    store.delete(job_id)
    assert store.list_jobs() == []
    with pytest.raises(InvalidRequestError, match="There is no job"):
        store.delete(job_id)
    for state in ("queued", "running"):
        with pytest.raises(InvalidRequestError, match="stop it first"):
            store.delete(leave_job(store, state))
    claimed = leave_job(store, "done")
    with store.claim(claimed) as is_ours:
        assert is_ours
        with pytest.raises(InvalidRequestError, match="stop it first"):
            JobStore(store.root).delete(claimed)


def forget_with(store: JobStore, forgotten: list[str], **limits: float) -> JobStore:
    return JobStore(store.root, forget=forgotten.append, **limits)


def test_a_deleted_job_can_be_restored_until_the_bin_is_emptied(store: JobStore) -> None:
    forgotten: list[str] = []
    store = forget_with(store, forgotten)
    job_id = leave_job(store, "done", age=8000, num_bytes=10)
    store.delete(job_id)
    store.space.sweep()
    store.restore(job_id)
    assert [facts.job_id for facts in store.list_jobs()] == [job_id]
    assert store.output_path(job_id).stat().st_size == 10
    store.delete(job_id)
    os.utime(store.output_path(job_id).with_name("deleted.json"), (time.time() - 700,) * 2)
    assert store.space.sweep() == 1
    assert forgotten == [job_id]
    assert [*(store.root / "jobs").iterdir()] == []
    for unknown in (job_id, "../..", None):
        with pytest.raises(InvalidRequestError, match="deleted for good; make it again"):
            store.restore(unknown)


def test_the_bin_counts_and_is_emptied_before_any_clip_goes_for_a_new_job(store: JobStore) -> None:
    forgotten: list[str] = []
    old = leave_job(store, "done", age=8000, num_bytes=1_000_000)
    deleted = leave_job(store, "done", age=20, num_bytes=1_000_000)
    store.delete(deleted)
    small = forget_with(store, forgotten, max_bytes=1_100_000 + bytes_of(request()))
    new = small.create(request())
    assert {facts.job_id for facts in store.list_jobs()} == {old, new}
    assert forgotten == [deleted]


def test_sweeping_removes_old_finished_jobs_and_nothing_else(store: JobStore) -> None:
    old = [leave_job(store, state, 100) for state in ("done", "failed", "cancelled", "paused")]
    kept = [leave_job(store, state, 100) for state in ("queued", "running")]
    kept.append(leave_job(store, "done", age=10))
    assert JobStore(store.root, max_age=50).space.sweep() == len(old)
    assert {facts.job_id for facts in store.list_jobs()} == set(kept)


def test_sweeping_makes_room_by_removing_the_oldest(store: JobStore) -> None:
    oldest = leave_job(store, "done", age=8000, num_bytes=100_000)
    kept = {
        leave_job(store, "running", age=9000, num_bytes=100_000),
        leave_job(store, "paused", age=9000, num_bytes=100_000),
        leave_job(store, "done", age=20, num_bytes=100_000),  # somebody looks at it
    }
    assert JobStore(store.root, max_bytes=250_000).space.sweep() == 1
    assert {facts.job_id for facts in store.list_jobs()} == kept
    assert oldest not in {facts.job_id for facts in store.list_jobs()}


class Uploads:
    """Files beside the jobs, which go when room is needed."""

    def __init__(self, num_bytes: int, num_removable: int) -> None:
        self.taken, self.removable = num_bytes, num_removable

    def num_bytes(self) -> int:
        return self.taken

    def shrink(self, num_bytes: int, kept: Collection[Path]) -> int:
        del kept
        gone = min(num_bytes, self.removable)
        self.taken, self.removable = self.taken - gone, self.removable - gone
        return gone


def test_a_new_job_takes_the_room_of_old_clips_and_of_no_other(store: JobStore) -> None:
    old = leave_job(store, "done", age=400, num_bytes=1_000_000)
    seen = leave_job(store, "done", age=20, num_bytes=1_000_000)
    waiting = leave_job(store, "queued", age=400, num_bytes=1_000_000)
    small = JobStore(store.root, max_bytes=2_100_000 + bytes_of(request()))
    new = small.create(request())
    assert {facts.job_id for facts in store.list_jobs()} == {seen, waiting, new}
    assert old != new


def test_a_job_is_refused_when_there_is_no_room_and_leaves_nothing(store: JobStore) -> None:
    waiting = leave_job(store, "queued", num_bytes=1_000_000)
    small = JobStore(store.root, max_bytes=2_000_000)
    with pytest.raises(StorageError, match=r"but 0\.001 of Kinora's 0\.002 GB are in use"):
        small.create(request())
    assert [facts.job_id for facts in store.list_jobs()] == [waiting]


def test_files_beside_the_jobs_count_and_go_first(store: JobStore) -> None:
    kept = leave_job(store, "done", age=8000, num_bytes=1_000_000)
    small = JobStore(store.root, max_bytes=1_100_000 + bytes_of(request()))
    uploads = Uploads(5_000_000, num_removable=5_000_000)
    small.space.rooms.append(uploads)
    new = small.create(request())
    assert {facts.job_id for facts in store.list_jobs()} == {kept, new}
    uploads.taken, uploads.removable = 50_000_000, 0
    with pytest.raises(StorageError, match="delete clips that you no longer need"):
        small.create(request())


def test_making_room_spares_what_the_new_job_is_made_from(store: JobStore) -> None:
    """A variation of the oldest clip could delete that clip, and with it its own picture."""
    jobs = [leave_job(store, "done", age=age, num_bytes=1_000_000) for age in (900, 800, 700)]
    picture = store.folder(jobs[0]) / "source-1.png"
    picture.write_bytes(b"picture")
    small = JobStore(store.root, max_bytes=2_100_000 + bytes_of(request()))
    asked = replace(request(), task="image_to_video", image=picture)
    new = small.create(asked, based_on=jobs[1])
    assert {facts.job_id for facts in store.list_jobs()} == {jobs[0], jobs[1], new}
    assert store.facts(new).request.image.read_bytes() == b"picture"


def test_an_upload_that_is_gone_is_not_a_full_disk(store: JobStore, tmp_path: Path) -> None:
    asked = replace(request(), task="image_to_video", image=tmp_path / "gone.png")
    with pytest.raises(MediaError, match="no longer on the server; upload it again"):
        store.create(asked)
    assert store.list_jobs() == []
    assert [*(store.root / "jobs").iterdir()] == []


def test_a_job_is_refused_when_the_disk_itself_has_no_room(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(store.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=400_000_000))
    with pytest.raises(StorageError, match="disk is full"):
        store.create(request())


def test_a_clock_that_is_set_forward_deletes_nothing(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = JobStore(store.root, max_age=24 * 3600)
    leave_job(store, "done", age=20)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 31 * 24 * 3600)
    assert limited.space.sweep() == 0


@pytest.mark.parametrize("text", ["1e308", "-1", "NaN", "Infinity", '"soon"', "null"])
def test_a_time_that_cannot_be_harms_no_listing(store: JobStore, text: str) -> None:
    kept, damaged = store.create(request()), store.create(request())
    path = store.folder(damaged) / "request.json"
    facts = json.loads(path.read_text()) | {"created_at": "time"}
    path.write_text(json.dumps(facts).replace('"time"', text))
    assert [facts.job_id for facts in store.list_jobs()] == [kept]
    with pytest.raises(InvalidRequestError, match="damaged"):
        store.facts(damaged)


def test_too_many_open_files_are_not_a_full_disk(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(StorageError, match="too many files open at the moment; try again"):
        store.create(request())


def test_an_order_is_taken_once(store: JobStore) -> None:
    job_id = store.create(request())
    assert store.take_order(job_id) is None
    store.order(job_id, Paused)
    assert store.take_order(job_id) is Paused
    assert store.take_order(job_id) is None


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"disk is full .*KINORA_DATA_DIR.*\.$"):
        JobStore(tmp_path / "file" / "data")
