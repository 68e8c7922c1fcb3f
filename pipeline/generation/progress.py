"""Progress of a generation: reports it to a listener, and checks whether to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.errors import GenerationCancelledError
from pipeline.planning.plan import Plan

Stage = Literal["rewriting", "loading", "sampling", "writing"]
# The share of the total time that sampling takes; the rest is decoding, marking and encoding. Of a
# model with steps it is assumed. Of one without, it was measured with the embedded model on two
# cores: 0.75 of 3.7 s a window, as in tests/jobs/timings.json.
SAMPLING_SHARE, RENDERING_SHARE = 0.85, 0.2


@dataclass(frozen=True)
class Progress:
    """The state of a generation; windows and steps count from 1 and are 0 before the first."""

    stage: Stage
    window: int
    num_windows: int
    step: int
    num_steps: int
    fraction: float  # of the whole, 0 to 1
    seconds_left: float | None = None  # of the whole job; known only to the worker that runs it
    preview: np.ndarray | None = None  # (H, W, 3) uint8, small
    downloaded: tuple[int, int] | None = None  # bytes so far, and in total


class Reporter:
    """Reports progress; every report raises GenerationCancelledError if the job was cancelled."""

    def __init__(
        self,
        plan: Plan,
        num_frames: int,
        on_progress: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        """Report on a plan whose clip will have `num_frames` frames."""
        self._plan = plan
        self._num_frames = num_frames
        self._on_progress = on_progress
        self._is_cancelled = is_cancelled
        self._at_window = (0, 0)
        self._sampled = self._written = 0.0  # shares that are done, 0 to 1
        self._preview: np.ndarray | None = None
        self._downloaded: tuple[int, int] | None = None

    def loading(self) -> None:
        """Report that the model is being loaded."""
        self._report("loading")

    def downloading(self, done: int, total: int) -> None:
        """Report how many bytes of a model's files are downloaded."""
        self._downloaded = (done, total) if done < total else None
        self._report("loading")

    def sampling(self, window: int, step: int, preview: np.ndarray | None) -> None:
        """Report a finished step, or with step 0 that the first one begins.

        `preview` (h, w, 3) uint8 is shown until the next one.
        """
        self._preview = preview
        self._at_window = window, step
        sampled = (window - 1 + self._plan.share_of_window(step)) / self._plan.num_windows
        # A finished shot may be read again when the next one dissolves out of it.
        self._sampled = max(self._sampled, sampled)
        self._report("sampling")

    def found(self, num_windows: int) -> None:
        """Report that the first `num_windows` windows were found and need not be made."""
        self._sampled = max(self._sampled, num_windows / self._plan.num_windows)

    def writing(self, num_written: int) -> None:
        """Report how many frames are written; this happens while later windows are made."""
        self._written = num_written / self._num_frames
        self._report("writing" if self._sampled == 1 else "sampling")

    def _report(self, stage: Stage) -> None:
        if self._is_cancelled():
            raise GenerationCancelledError()
        window, step = self._at_window
        share = RENDERING_SHARE if self._plan.num_inference_steps is None else SAMPLING_SHARE
        fraction = share * self._sampled + (1 - share) * self._written
        self._on_progress(
            Progress(
                stage=stage,
                window=window,
                num_windows=self._plan.num_windows,
                step=step,
                num_steps=self._plan.steps_per_window,
                fraction=fraction,
                preview=self._preview,
                downloaded=self._downloaded,
            )
        )
