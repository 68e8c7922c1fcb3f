"""Checks every request (prompts, uploads) and every finished clip before it is delivered.

A request is reviewed when submitted and again when its job runs, because rules can change and old
jobs can be resumed. Only a refusal's category is logged; nothing else is copied, kept or logged.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.errors import OutputError, RefusedError
from pipeline.media.images import open_picture
from pipeline.media.video_reader import probe_clip, read_first_frames
from pipeline.models.registry import SHIPPED, Models
from pipeline.planning.request import GenerationRequest
from pipeline.trust.moderation.faces import has_face
from pipeline.trust.moderation.guard_model import GuardModel
from pipeline.trust.moderation.nudity import NudityDetectors, is_installed, judge_shares
from pipeline.trust.moderation.rules import Moderator, Verdict

logger = logging.getLogger(__name__)

SAMPLES_PER_SECOND = 2
MAX_SAMPLES = 120  # per clip: one minute; longer clips are sampled less often
_SAMPLE_SIDE = 640  # pixels
_NO_CONSENT = (
    "There is a face in your upload. If everyone in it agrees, tick the box beside it "
    "(has_consent=true in the API). Otherwise, use a picture without people."
)
_FACE = Verdict("label", "face", "a person's face in the picture or clip it starts from")
_NAKED = "Nudity was found in {}. Nudity is not made or shown to everyone here; use another one."
_MAYBE_NAKED = Verdict(
    "warn", "nudity", "frames that may show nudity; check the clip before you share it"
)


@dataclass(frozen=True)
class Review:
    """A request that passed, with any label it needs, and the findings that did not block it."""

    request: GenerationRequest
    rules: int  # the version of the rules
    verdicts: tuple[Verdict, ...] = ()

    def note(self, found: tuple[Verdict, ...] = ()) -> dict[str, object]:
        """Return the recipe's moderation note: the rules' version, and findings with reasons."""
        verdicts = [
            {"outcome": one.outcome, "category": one.category, "why": one.message}
            for one in (*self.verdicts, *found)
        ]
        note: dict[str, object] = {"moderation": {"rules": self.rules, "found": verdicts}}
        if verdicts:
            note["notice"] = " ".join(one["why"] for one in verdicts)
        return note


class Reviewer:
    """The rules, the face detector and, where there are such, guard model and nudity detectors."""

    def __init__(
        self, moderator: Moderator, models: Models = SHIPPED, guard: GuardModel | None = None
    ) -> None:
        """Log the strictness, and warn if frames are not checked for nudity.

        `models` are the models that clips are made with.
        """
        self._moderator = moderator
        self._guard = guard
        self._models = models
        self._detectors = NudityDetectors() if is_installed() else None
        logger.info("Moderation: %s, rules %d", moderator.strictness, moderator.rules.version)
        if self._detectors is None:
            logger.warning(
                "Uploads and clips are NOT checked for nudity: requirements-nudity.txt is not "
                "installed"
            )

    def review(self, request: GenerationRequest, *, asks_guard: bool = False) -> Review:
        """Return the request, with a visible label if it needs one.

        With `asks_guard`, which takes seconds, the guard model judges the prompts too. Raises
        RefusedError with the reason, or MediaError if a source cannot be opened.
        """
        verdicts = [*self._check_words(request, asks_guard=asks_guard)]
        is_face = False
        for frames, has_consent in _sources(request):
            if not (is_face and has_consent) and has_face(frames):
                is_face = True
                if not has_consent:
                    logger.info("Refused a request: face without consent")
                    raise RefusedError(_NO_CONSENT)
                verdicts.append(_FACE)
            outcome = self._judge(frames)
            if outcome == "block":
                logger.info("Refused a request: nudity in an upload")
                raise RefusedError(_NAKED.format("your upload"))
            verdicts += [_MAYBE_NAKED] if outcome == "warn" else []
        request = _with_label(request, verdicts)
        return Review(request, self._moderator.rules.version, tuple(dict.fromkeys(verdicts)))

    def review_words(self, review: Review, request: GenerationRequest) -> Review:
        """Review a request that passed and whose prompts were rewritten: the words alone.

        The guard model judges them too. The review that is returned has the findings of both.
        Raises RefusedError with the reason.
        """
        verdicts = (*review.verdicts, *self._check_words(request, asks_guard=True))
        return Review(_with_label(request, verdicts), review.rules, tuple(dict.fromkeys(verdicts)))

    def check_output(self, request: GenerationRequest, clip: Path) -> tuple[Verdict, ...]:
        """Check samples of a finished clip. Raises OutputError if they show nudity: delete it.

        Clips of Kinora's own model are skipped: it draws one picture-book world, and checking them
        would take half as much time again.
        """
        if not self._models.find(request.model).can_show_nudity or not clip.is_file():
            return ()
        outcome = self._judge(_sample(clip)) if self._detectors else "pass"
        if outcome == "block":
            logger.info("Refused a clip: nudity")
            raise OutputError(_NAKED.format("the clip") + " The clip was deleted.")
        return (_MAYBE_NAKED,) if outcome == "warn" else ()

    def _check_words(self, request: GenerationRequest, *, asks_guard: bool) -> tuple[Verdict, ...]:
        prompts = [shot.prompt for shot in request.shots]
        guard = self._guard if asks_guard and self._has_guard_for(request) else None
        guards = [] if guard is None else [guard]
        return self._moderator.check(prompts, request.negative_prompt, guards)

    def _has_guard_for(self, request: GenerationRequest) -> bool:
        """Return whether the guard model judges a request.

        Unless it is demanded, it does not for Kinora's own model, which draws one picture-book
        world: its 1.2 GB are fetched with the first large model.
        """
        if self._guard is None or not request.model:
            return False
        return self._guard.is_required or not self._models.find(request.model).ships_with_app

    def _judge(self, frames: np.ndarray) -> str:
        if self._detectors is None:
            return "pass"
        outcome = judge_shares(self._detectors.agree(frame) for frame in frames)
        is_mild = outcome == "block" and self._moderator.strictness == "off"
        return "warn" if is_mild else outcome


def _with_label(request: GenerationRequest, verdicts: Sequence[Verdict]) -> GenerationRequest:
    """Return the request, with a visible label if a verdict asks for one."""
    if all(verdict.outcome != "label" for verdict in verdicts):
        return request
    return replace(request, label=request.label or "corner")


def _sources(request: GenerationRequest) -> Iterator[tuple[np.ndarray, bool]]:
    """Yield the frames (F, H, W, 3) uint8 of each picture and clip that a request starts from.

    With each, whether the people in it have agreed: characters have a consent of their own.
    """
    agreed = {character.image: character.has_consent for character in request.characters}
    for picture in request.pictures:
        image = open_picture(picture)
        image.thumbnail((_SAMPLE_SIDE, _SAMPLE_SIDE))
        yield np.asarray(image)[np.newaxis], agreed.get(picture, request.has_consent)
    for clip in request.clips:
        yield _sample(clip), request.has_consent


def _sample(clip: Path) -> np.ndarray:
    """Return small frames (F, H, W, 3) uint8, spread evenly over a clip."""
    info = probe_clip(clip)
    count = min(MAX_SAMPLES, max(1, round(info.duration * SAMPLES_PER_SECOND)))
    scale = min(1.0, _SAMPLE_SIDE / max(info.width, info.height))
    size = max(2, round(info.width * scale)), max(2, round(info.height * scale))
    return read_first_frames(clip, info, count, fps=count / info.duration, size=size)
