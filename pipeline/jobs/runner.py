"""A job from its request to a clip that is handed out: looked at, made, looked at again, signed.

How it is made, on this machine or on a card that is lent, is the app's.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import GenerationCancelledError, KinoraError
from pipeline.jobs.delivery import sign_and_register, sign_unfinished
from pipeline.jobs.store import JobStore
from pipeline.jobs.worker import IsCancelled, OnProgress, Run
from pipeline.planning.request import GenerationRequest
from pipeline.trust.moderation.review import Reviewer
from pipeline.trust.provenance.identity import Identity
from pipeline.trust.provenance.registry import Registry


@dataclass(frozen=True)
class JobRunner:
    """What every job of an app passes; `make` writes the clip and returns its recipe."""

    make: Run
    reviewer: Reviewer
    identity: Identity
    store: JobStore
    registry: Registry

    def run(
        self,
        request: GenerationRequest,
        output: Path,
        on_progress: OnProgress,
        is_cancelled: IsCancelled,
    ) -> dict[str, Any]:
        """Make a clip, unless it is refused, and sign it; what was finished when it stops too.

        Raises what `generate` raises, and RefusedError: the rules may be newer than the job.
        """
        review = self.reviewer.review(request)
        request = review.request
        try:
            recipe = self.make(request, output, on_progress, is_cancelled)
            recipe |= review.note(self.reviewer.check_output(request, output))
        except KinoraError as exc:
            if isinstance(exc, GenerationCancelledError):
                self.reviewer.check_output(request, output)
            self._keep_unfinished(request, output)
            raise
        return sign_and_register(request, output, recipe, self.identity, self.registry)

    def _keep_unfinished(self, request: GenerationRequest, output: Path) -> None:
        """Sign what there is of a clip; what is wrong with it hides no error."""
        job_id = output.parent.name
        with contextlib.suppress(OSError, KinoraError):
            if recipe := sign_unfinished(request, output, self.identity, self.registry):
                self.store.write_recipe(job_id, recipe | {"job_id": job_id})
