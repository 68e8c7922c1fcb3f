"""Runs one job: reviews the request, makes the clip, checks the frames, signs and registers it.

The app decides how the clip is made: on this machine or on ZeroGPU.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pipeline.errors import GenerationCancelledError, KinoraError, MediaError, OutputError
from pipeline.generation.cutting import cut_clips
from pipeline.generation.kept_parts import discard_parts
from pipeline.jobs.enhancement import Enhanced, PromptEnhancer
from pipeline.jobs.store import JobStore
from pipeline.jobs.worker import IsCancelled, OnProgress, Run
from pipeline.planning.recipe import owners_recipe, read_recipe
from pipeline.planning.request import GenerationRequest
from pipeline.runtime.prompt_readers import PromptReaders
from pipeline.trust.moderation.review import Reviewer
from pipeline.trust.moderation.rules import Verdict
from pipeline.trust.provenance.credentials import read_own_credentials
from pipeline.trust.provenance.fingerprint import hash_made_and_given
from pipeline.trust.provenance.identity import Identity
from pipeline.trust.provenance.registry import Registry
from pipeline.trust.provenance.signing import sign_clip

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobRunner:
    """Runs an app's jobs; `make` writes the clip and returns its recipe."""

    make: Run
    reviewer: Reviewer
    identity: Identity
    store: JobStore
    registry: Registry
    enhancer: PromptEnhancer | None = None
    readers: PromptReaders = field(default_factory=PromptReaders)

    def run(
        self,
        request: GenerationRequest,
        output: Path,
        on_progress: OnProgress,
        is_cancelled: IsCancelled,
    ) -> dict[str, Any]:
        """Review a request, make its clip and sign it; sign an unfinished clip if this stops.

        Short prompts are rewritten first. Raises what `generate` raises, and RefusedError: the
        rules may be newer than the job.
        """
        words = self.readers.understand_request(request).for_recipe()
        enhanced = Enhanced(self.reviewer.review(request, asks_guard=True))
        if not request.model:
            recipe = cut_clips(request, output, on_progress, is_cancelled)
            recipe |= enhanced.review.note()
            return {**recipe, **sign_clip(output, recipe, request, self.identity).to_json()}
        if self.enhancer is not None:
            how = output.parent, on_progress, is_cancelled
            enhanced = self.enhancer.enhance(enhanced.review, *how)
        enhanced = replace(enhanced, words=words)
        review, request = enhanced.review, enhanced.review.request
        try:
            recipe = self.make(request, output, on_progress, is_cancelled) | enhanced.note()
            recipe |= review.note(self._check(request, output))
        except KinoraError as exc:
            if isinstance(exc, GenerationCancelledError):
                self._check(request, output)
            self._keep_unfinished(enhanced, output)
            raise
        return sign_and_register(request, output, recipe, self.identity, self.registry)

    def _check(self, request: GenerationRequest, output: Path) -> tuple[Verdict, ...]:
        """Check a clip or its finished part. Deletes it and raises OutputError if it is refused."""
        try:
            return self.reviewer.check_output(request, output)
        except OutputError:
            output.unlink(missing_ok=True)
            discard_parts(output.parent)
            raise

    def _keep_unfinished(self, enhanced: Enhanced, output: Path) -> None:
        """Sign the finished part of a clip; errors here do not replace the original one."""
        job_id = output.parent.name
        with contextlib.suppress(OSError, KinoraError):
            if recipe := sign_unfinished(enhanced, output, self.identity, self.registry):
                self.store.write_recipe(job_id, recipe | {"job_id": job_id})


def sign_and_register(
    request: GenerationRequest,
    clip: Path,
    recipe: Mapping[str, Any],
    identity: Identity,
    registry: Registry,
) -> dict[str, Any]:
    """Sign a job's finished clip in place; return its recipe with the outcome.

    `signed` is true only after reading the signature back. `signing` is a sentence for the user, if
    there is one. `warnings` are sentences about the files that the clip was made from.
    """
    outcome = sign_clip(clip, recipe, request, identity)
    _register(request, clip, recipe, identity, registry)
    return {**recipe, **outcome.to_json()}


def sign_unfinished(
    enhanced: Enhanced, clip: Path, identity: Identity, registry: Registry
) -> dict[str, Any] | None:
    """Sign the finished part of a stopped job as above; return None if it is not a clip."""
    recipe = read_recipe(clip) if clip.is_file() else None
    if recipe is None:
        return None
    request = enhanced.review.request
    recipe = owners_recipe(recipe, request) | enhanced.note()
    return sign_and_register(request, clip, recipe, identity, registry)


def _register(
    request: GenerationRequest,
    clip: Path,
    recipe: Mapping[str, Any],
    identity: Identity,
    registry: Registry,
) -> None:
    """Record a clip in the registry; a failure is logged, and the clip is delivered anyway."""
    try:
        changed = request.clips if request.task in ("remix_video", "retake_video") else ()
        made, given = hash_made_and_given(clip, recipe, request.pictures, changed)
        manifest = read_own_credentials(clip, identity).to_json()
    except (MediaError, OSError):
        logger.exception("The clip could not be added to the registry")
        return
    del manifest["recipe"]  # stored in its own column
    registry.record(clip.parent.name, recipe, manifest, made, given)
