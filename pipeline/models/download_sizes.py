"""Finds out how large a model's download is: from the Hub if it answers in time, else computed.

`download.py` says which files are needed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.models.download import bytes_to_download, is_downloaded, single_files
from pipeline.models.hub import HUB_ERRORS
from pipeline.models.spec import ModelSpec

logger = logging.getLogger(__name__)

MAX_SECONDS = 2.0  # to wait for the Hub before a page or an answer is shown without it
# The Hub's answer is used for an hour; where it did not answer, it is asked again after a minute.
_FRESH_SECONDS, _SECONDS_BEFORE_RETRY = 3600.0, 60.0
_MAX_AT_ONCE = 4  # models; huggingface_hub asks for eight files of each at a time


@dataclass(frozen=True)
class DownloadSize:
    """The bytes of a model that are not on this computer; computed where the Hub did not say."""

    num_bytes: int
    is_computed: bool = False


@dataclass
class _Answer:
    """What the Hub said about a model: None until it has answered, and if it cannot be asked."""

    asked_at: float
    num_bytes: int | None = None
    is_there: threading.Event = field(default_factory=threading.Event)

    @property
    def is_old(self) -> bool:
        """Return whether it is time to ask again."""
        age = time.monotonic() - self.asked_at
        known = self.num_bytes is not None
        return self.is_there.is_set() and age > (_FRESH_SECONDS if known else _SECONDS_BEFORE_RETRY)


class DownloadSizes:
    """Asks the Hub in threads of its own and remembers the answers; thread-safe."""

    def __init__(self, seconds: float = MAX_SECONDS) -> None:
        """Wait at most this long for the Hub; asks nothing yet."""
        self._seconds = seconds
        self._answers: dict[object, _Answer] = {}
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_MAX_AT_ONCE)

    def find(self, specs: Iterable[ModelSpec]) -> dict[str, DownloadSize]:
        """Return the sizes of models by their ids; waits for the Hub, so keep it off event loops.

        What the Hub says too late is there for the next call.
        """
        specs = list(specs)
        deadline = time.monotonic() + self._seconds
        missing = [spec for spec in specs if not is_downloaded(spec)]
        answers = [(spec, self._ask(spec)) for spec in missing]
        sizes = {spec.id: DownloadSize(0) for spec in specs}
        for spec, answer in answers:
            answer.is_there.wait(max(0.0, deadline - time.monotonic()))
            known = answer.num_bytes
            computed = DownloadSize(spec.num_bytes, is_computed=True)
            sizes[spec.id] = computed if known is None else DownloadSize(known)
        return sizes

    def _ask(self, spec: ModelSpec) -> _Answer:
        """Return the answer about a model, or one that a new thread will fill in."""
        key = str(spec.repository), spec.revision, tuple(single_files(spec))
        with self._lock:
            answer = self._answers.get(key)
            if answer is not None and not answer.is_old:
                return answer
            answer = self._answers[key] = _Answer(time.monotonic())
        # A daemon: a request that hangs must not keep the program from ending.
        threading.Thread(
            target=self._fill, args=(spec, answer), name="kinora-hub", daemon=True
        ).start()
        return answer

    def _fill(self, spec: ModelSpec, answer: _Answer) -> None:
        try:
            with self._places:
                answer.num_bytes = bytes_to_download(spec)
        except HUB_ERRORS as exc:
            logger.info("The Hub does not say the size of %s: %s", spec.id, exc)
        finally:
            answer.is_there.set()
