"""The gate that every request and every clip passes: words, uploaded pictures, what comes out.

A request is reviewed before it is a job, and again when the job runs: rules change, and an old job
may be resumed. Nothing is copied, kept or logged here but the category of a refusal.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.errors import OutputError, RefusedError
from pipeline.media import probe_clip, read_first_frames
from pipeline.models import SHIPPED, Models
from pipeline.pictures import open_picture
from pipeline.request import GenerationRequest
from pipeline.trust.faces import has_face
from pipeline.trust.moderation import Moderator, Verdict
from pipeline.trust.nudity import NudityDetectors, is_installed, judge_shares

logger = logging.getLogger(__name__)

SAMPLES_PER_SECOND = 2
MAX_SAMPLES = 120  # of one clip: a minute; a longer one is sampled more thinly
_SAMPLE_SIDE = 640  # pixels
_NO_CONSENT = (
    "There is a face in what you uploaded; if everybody in it agrees, say so by ticking the box "
    "beside it (has_consent=true in the API), or use a picture without people."
)
_FACE = Verdict("label", "face", "somebody's face in what it begins with")
_NAKED = "Nudity was found in {}, which is not made or shown to everybody here; use another one."
_MAYBE_NAKED = Verdict("warn", "nudity", "frames that may show nudity; look before you share it")


@dataclass(frozen=True)
class Review:
    """A request as it may be made, and what was found that is no reason to refuse it."""

    request: GenerationRequest
    rules: int  # the version of the rules
    verdicts: tuple[Verdict, ...] = ()

    def note(self, found: tuple[Verdict, ...] = ()) -> dict[str, object]:
        """Return what the recipe says of it: the rules' version, and each category with its why."""
        verdicts = [
            {"outcome": one.outcome, "category": one.category, "why": one.message}
            for one in (*self.verdicts, *found)
        ]
        note: dict[str, object] = {"moderation": {"rules": self.rules, "found": verdicts}}
        if verdicts:
            note["notice"] = " ".join(one["why"] for one in verdicts)
        return note


class Gate:
    """The rules, the finder of faces, and the detectors of nudity where they are installed."""

    def __init__(self, moderator: Moderator, models: Models = SHIPPED) -> None:
        """Say in the log how strict it is, and whether frames are looked at.

        `models` are those that clips are made with.
        """
        self._moderator = moderator
        self._models = models
        self._detectors = NudityDetectors() if is_installed() else None
        logger.info("Moderation: %s, rules %d", moderator.strictness, moderator.rules.version)
        if self._detectors is None:
            logger.warning(
                "Uploads and clips are NOT checked for nudity: requirements-nudity.txt is not "
                "installed"
            )

    def review(self, request: GenerationRequest) -> Review:
        """Return the request, with a visible label if it needs one.

        Raises RefusedError with its sentence, MediaError if a source cannot be opened.
        """
        prompts = [shot.prompt for shot in request.shots]
        verdicts = [*self._moderator.check(prompts, request.negative_prompt)]
        is_face = False
        for frames in _sources(request):
            if not is_face and has_face(frames):
                is_face = True
                if not request.has_consent:
                    logger.info("A request was refused: face without consent")
                    raise RefusedError(_NO_CONSENT)
                verdicts.append(_FACE)
            outcome = self._judge(frames)
            if outcome == "block":
                logger.info("A request was refused: nudity in a picture")
                raise RefusedError(_NAKED.format("what you uploaded"))
            verdicts += [_MAYBE_NAKED] if outcome == "warn" else []
        if any(verdict.outcome == "label" for verdict in verdicts):
            request = replace(request, label=request.label or "corner")
        return Review(request, self._moderator.rules.version, tuple(dict.fromkeys(verdicts)))

    def check_output(self, request: GenerationRequest, clip: Path) -> tuple[Verdict, ...]:
        """Look at samples of a finished clip; delete it and raise OutputError if it is naked.

        Not of a model of Kinora's own: it draws one picture-book world, and half as much time
        again would go into looking at it.
        """
        if self._models.find(request.model).is_embedded or not clip.is_file():
            return ()
        outcome = self._judge(_sample(clip)) if self._detectors else "pass"
        if outcome == "block":
            logger.info("A clip was deleted: nudity")
            clip.unlink(missing_ok=True)
            for name in ("pieces", "windows"):
                shutil.rmtree(clip.parent / name, ignore_errors=True)
            raise OutputError(_NAKED.format("the clip") + " It was deleted.")
        return (_MAYBE_NAKED,) if outcome == "warn" else ()

    def _judge(self, frames: np.ndarray) -> str:
        if self._detectors is None:
            return "pass"
        outcome = judge_shares(self._detectors.agree(frame) for frame in frames)
        is_mild = outcome == "block" and self._moderator.strictness == "off"
        return "warn" if is_mild else outcome


def _sources(request: GenerationRequest) -> Iterator[np.ndarray]:
    """Yield the frames of each picture and clip that a request starts from, (F, H, W, 3) uint8."""
    pictures = [request.image, *(shot.image for shot in request.shots)]
    for picture in dict.fromkeys(path for path in pictures if path):
        image = open_picture(picture)
        image.thumbnail((_SAMPLE_SIDE, _SAMPLE_SIDE))
        yield np.asarray(image)[np.newaxis]
    for clip in (request.video, request.video_after):
        if clip is not None:
            yield _sample(clip)


def _sample(clip: Path) -> np.ndarray:
    """Return frames of a clip evenly over its time, (F, H, W, 3) uint8, small."""
    info = probe_clip(clip)
    count = min(MAX_SAMPLES, max(1, round(info.duration * SAMPLES_PER_SECOND)))
    scale = min(1.0, _SAMPLE_SIDE / max(info.width, info.height))
    size = max(2, round(info.width * scale)), max(2, round(info.height * scale))
    return read_first_frames(clip, info, count, fps=count / info.duration, size=size)
