"""Runs a generation as a generator of events, so that ZeroGPU can run it in another process.

`stream_clip` runs there and yields picklable values; `follow_clip` reads them in this process.
"""

from __future__ import annotations

import contextlib
import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Collection, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from pipeline.errors import GenerationCancelledError, KinoraError
from pipeline.generation.kept_parts import num_windows
from pipeline.generation.progress import Progress
from pipeline.planning.request import GenerationRequest
from pipeline.runtime.model_cache import ModelCache
from pipeline.trust.watermark.mark import Marker

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 0.25  # longest time between two yields: a stream can only be closed at a yield

News = Progress | dict | KinoraError | None
"""Progress; at the end the recipe or an error for the user; None if there is nothing new."""


def stream_clip(
    request: GenerationRequest,
    output: Path,
    model_cache: ModelCache,
    seconds: float = math.inf,
    marker: Marker | None = None,
    shots: Collection[int] | None = None,
    makes_new: bool = True,
) -> Generator[News, None, None]:
    """Make a clip in a thread and yield its events; closing stops it within a denoising step.

    It also stops after `seconds` if a window was finished in that time: another stream can continue
    from there. Finished windows are kept beside the output. `shots` and `makes_new` are those of
    `generate`. Errors for the user are yielded, not raised, because ZeroGPU passes on only the
    class of a raised error and ends the process that has loaded the model.
    """
    # Imports diffusers, which takes seconds: the page is there without it.
    from pipeline.generation.generate import generate

    deadline, num_finished = time.monotonic() + seconds, num_windows(output.parent)
    news: queue.SimpleQueue[News] = queue.SimpleQueue()
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="kinora-model") as executor:
        future = executor.submit(
            generate,
            request,
            model_cache=model_cache,
            output=output,
            on_progress=news.put,
            is_cancelled=stop.is_set,
            keep=output.parent,
            marker=marker,
            shots=shots,
            makes_new=makes_new,
        )
        future.add_done_callback(lambda _: news.put(None))
        try:
            while not (future.done() and news.empty()):
                if time.monotonic() > deadline and num_windows(output.parent) > num_finished:
                    stop.set()
                yield _next_of(news)
            yield _outcome(future)
        finally:
            stop.set()


def follow_clip(
    stream: Generator[News, None, None],
    on_progress: Callable[[Progress], None],
    is_cancelled: Callable[[], bool],
) -> dict[str, object]:
    """Return the recipe that a stream ends with, or raise its error; close it if cancelled."""
    with contextlib.closing(stream):
        for news in stream:
            if is_cancelled():
                raise GenerationCancelledError()
            if isinstance(news, Progress):
                on_progress(news)
            elif isinstance(news, KinoraError):
                raise news
            elif news is not None:
                return news
    raise RuntimeError("the stream ended without a result")


def _next_of(news: queue.SimpleQueue[News]) -> News:
    try:
        return news.get(timeout=HEARTBEAT_SECONDS)
    except queue.Empty:
        return None


def _outcome(future: Future) -> News:
    try:
        return future.result().recipe
    except KinoraError as exc:
        logger.info("No clip was made: %s", exc)
        return exc
