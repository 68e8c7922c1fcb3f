"""Records the clips that this Kinora delivered, in a SQLite file only its owner can read.

Database errors are logged and never stop a clip from being made or checked. A prompt is stored only
if the clip's own file shows it too.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from filelock import FileLock

from pipeline.planning.recipe import public_recipe
from pipeline.trust.provenance.fingerprint import distance

logger = logging.getLogger(__name__)

FILE = "registry.sqlite"
MAX_CLIPS = 5000
_PATIENCE_SECONDS = 5.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS clips (
    job_id TEXT PRIMARY KEY, made_at REAL NOT NULL, recipe TEXT NOT NULL, manifest TEXT NOT NULL,
    fingerprint BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS marks (
    mark_id TEXT NOT NULL, job_id TEXT NOT NULL REFERENCES clips (job_id) ON DELETE CASCADE,
    PRIMARY KEY (mark_id, job_id)
);
CREATE TABLE IF NOT EXISTS given (
    job_id TEXT PRIMARY KEY REFERENCES clips (job_id) ON DELETE CASCADE, fingerprint BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS clips_by_age ON clips (made_at);
CREATE INDEX IF NOT EXISTS marks_by_job ON marks (job_id);
"""
_COLUMNS = "clips.made_at, clips.recipe, clips.fingerprint, given.fingerprint"
_CLIPS = "clips LEFT JOIN given USING (job_id)"
_TIE_BITS = 2  # of 64: what a second encoding changes
_NO_HASHES = np.array([], np.uint64)
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Known:
    """What every user may know about a clip: day, model, and the prompt if its file shows it.

    `made` and `given` are hashes (M,) uint64 of what is new of it, and of what it was made from.
    """

    made_on: str
    model: str
    prompt: str = ""
    made: np.ndarray = field(default_factory=_NO_HASHES.copy, repr=False, compare=False)
    given: np.ndarray = field(default_factory=_NO_HASHES.copy, repr=False, compare=False)

    @property
    def hashes(self) -> np.ndarray:
        """Return the hashes (M,) of all that is in the clip."""
        return np.concatenate([self.made, self.given])

    def to_json(self) -> dict[str, str]:
        """Return the values for a report."""
        return {"made_on": self.made_on, "model": self.model, "prompt": self.prompt}


@dataclass(frozen=True)
class Registry:
    """The database; safe for several threads and processes, opened anew for each query."""

    path: Path
    max_clips: int = MAX_CLIPS

    def record(
        self,
        job_id: str,
        recipe: Mapping[str, Any],
        manifest: Mapping[str, Any],
        made: np.ndarray,
        given: np.ndarray = _NO_HASHES,
    ) -> None:
        """Store a clip in place of its job's earlier one; drop the oldest beyond `max_clips`.

        `made` and `given` are hashes of what is new of it, and of what it was made from.
        """
        said = json.dumps(public_recipe(recipe))
        row = (job_id, time.time(), said, json.dumps(manifest), made.astype("<u8").tobytes())
        marks = {str(mark["id"]) for mark in recipe.get("marks") or ()}

        def write(database: sqlite3.Connection) -> None:
            database.execute("DELETE FROM clips WHERE job_id = ?", (job_id,))
            database.execute("INSERT INTO clips VALUES (?, ?, ?, ?, ?)", row)
            blob = given.astype("<u8").tobytes()
            database.execute("INSERT INTO given VALUES (?, ?)", (job_id, blob))
            pairs = [(mark_id, job_id) for mark_id in marks]
            database.executemany("INSERT INTO marks VALUES (?, ?)", pairs)
            database.execute(
                "DELETE FROM clips WHERE job_id NOT IN "
                "(SELECT job_id FROM clips ORDER BY made_at DESC LIMIT ?)",
                (self.max_clips,),
            )

        self._ask(write, None)

    def forget(self, job_id: str) -> None:
        """Delete a clip and its marks."""
        self._ask(lambda x: x.execute("DELETE FROM clips WHERE job_id = ?", (job_id,)), None)

    def find_mark(self, mark_id: str) -> Known | None:
        """Return what is known about the newest clip with this mark, or None."""
        query = (
            f"SELECT {_COLUMNS} FROM {_CLIPS} JOIN marks USING (job_id) WHERE mark_id = ? "
            "ORDER BY made_at DESC LIMIT 1"
        )
        row = self._ask(lambda x: x.execute(query, (mark_id,)).fetchone(), None)
        return row and _known(*row)

    def nearest(self, hashes: np.ndarray) -> tuple[float, Known] | None:
        """Return the clip most similar to these (N,) hashes, with its distance in bits, or None.

        Of clips that are about as similar, one in which the similar part is new comes first.
        """
        if not len(hashes):
            return None
        query = f"SELECT job_id, clips.fingerprint, given.fingerprint FROM {_CLIPS}"
        rows: list[tuple[Any, ...]] = self._ask(lambda x: x.execute(query).fetchall(), [])
        found = []
        for job_id, *blobs in rows:
            made, given = (_hashes(blob) for blob in blobs)
            if len(known := np.concatenate([made, given])):
                bits = distance(hashes, known)
                found.append((bits, distance(hashes, made) > bits, job_id))
        if not found:
            return None
        least = min(found)[0]
        bits, _, job_id = min((x for x in found if x[0] <= least + _TIE_BITS), key=_made_first)
        query = f"SELECT {_COLUMNS} FROM {_CLIPS} WHERE clips.job_id = ?"
        row = self._ask(lambda x: x.execute(query, (job_id,)).fetchone(), None)
        return row and (bits, _known(*row))

    def _ask(self, work: Callable[[sqlite3.Connection], _Answer], otherwise: _Answer) -> _Answer:
        """Run `work` in one transaction; move a damaged file aside first and start a new one."""
        try:
            try:
                return self._transact(work)
            except sqlite3.DatabaseError as exc:
                if not _is_damage(exc):
                    raise
            with FileLock(self.path.with_suffix(".lock"), timeout=_PATIENCE_SECONDS):
                self._move_aside_if_damaged()
                return self._transact(work)
        except (sqlite3.Error, OSError):  # a lock timeout is an OSError too
            logger.exception("The clip registry cannot be used")
            return otherwise

    def _move_aside_if_damaged(self) -> None:
        """Check again first: another process may have started a new file meanwhile."""
        try:
            (said,) = self._transact(lambda x: x.execute("PRAGMA quick_check(1)").fetchone())
        except sqlite3.DatabaseError as exc:
            said = str(exc)
            if not _is_damage(exc):
                raise
        if said != "ok":
            aside = self.path.with_suffix(".damaged")
            self.path.replace(aside)
            logger.error("The clip registry is damaged (%s); it was moved to %s", said, aside)

    def _transact(self, work: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        with self._open() as database, database:
            return work(database)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Create it private before SQLite makes it readable to all; its journals get the same mode.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect(self.path, timeout=_PATIENCE_SECONDS)
        try:
            database.executescript(
                f"PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; {_SCHEMA}"
            )
            yield database
        finally:
            database.close()


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Return whether the file is damaged, rather than locked or the disk full."""
    return getattr(error, "sqlite_errorname", "") in ("SQLITE_CORRUPT", "SQLITE_NOTADB") or (
        "malformed" in str(error) or "not a database" in str(error)  # Python 3.10 has no names
    )


def _made_first(found: tuple[float, bool, str]) -> tuple[bool, float, str]:
    bits, is_given, job_id = found
    return is_given, bits, job_id


def _hashes(blob: bytes | None) -> np.ndarray:
    return np.frombuffer(blob or b"", "<u8")


def _known(made_at: float, recipe: str, made: bytes, given: bytes | None) -> Known:
    said = json.loads(recipe)
    day = datetime.fromtimestamp(made_at, timezone.utc).strftime("%Y-%m-%d")
    shown = said.get("shows_prompt") and [shot["prompt"] for shot in said["shots"]]
    model = str(said.get("model_label", said["model"]))
    return Known(day, model, " / ".join(shown or ()), _hashes(made), _hashes(given))
