"""Loads and keeps what accounts for the words of prompts, and says what models make of requests."""

from __future__ import annotations

import pkgutil
import threading
from collections.abc import Mapping, Sequence

from pipeline.errors import InvalidRequestError
from pipeline.models.registry import SHIPPED
from pipeline.models.spec import ModelSpec
from pipeline.planning.characters import Character
from pipeline.planning.request import GenerationRequest
from pipeline.planning.understanding import Reader, Understanding, understand


class PromptReaders:
    """The readers of an app, one for each row that names one; thread-safe."""

    def __init__(self, models: Mapping[str, ModelSpec] = SHIPPED) -> None:
        """Load nothing yet; `models` are those that saved requests may name."""
        self._models = models
        self._lock = threading.Lock()
        self._readers: dict[str, Reader] = {}

    def find(self, spec: ModelSpec) -> Reader | None:
        """Return the reader of a row, or None if its model reads any words.

        The first call for a row takes a second, so keep it off event loops.
        """
        if not spec.reader:
            return None
        with self._lock:
            if spec.id not in self._readers:
                self._readers[spec.id] = pkgutil.resolve_name(spec.reader)(spec)
            return self._readers[spec.id]

    def understand(
        self,
        prompts: Sequence[str],
        spec: ModelSpec,
        *,
        enhance: bool | None = None,
        characters: Sequence[Character] | None = None,
    ) -> Understanding:
        """Say what a model makes of prompts; `enhance` as in a request. Off event loops, as above.

        With `enhance`, short prompts are not judged: the model reads them as they are rewritten.
        `characters` are those that the prompts may call; None if they are not known.
        """
        is_rewritten = spec.prompt_words is not None and enhance is not False
        reader = self.find(spec)
        return understand(prompts, spec, reader, is_rewritten=is_rewritten, characters=characters)

    def understand_request(self, request: GenerationRequest) -> Understanding:
        """Say what its model makes of a request; nothing if the model is no longer offered."""
        spec = self._models.get(request.model)
        if spec is None:
            return Understanding()
        prompts = [shot.prompt for shot in request.shots]
        return self.understand(
            prompts, spec, enhance=request.enhance, characters=request.characters
        )

    def refuse_unknown(self, prompts: Sequence[str], spec: ModelSpec) -> None:
        """Raise InvalidRequestError if a model draws nothing of what prompts name."""
        said = self.understand(prompts, spec)
        if said.knows_nothing:
            words = ", ".join(x.word for x in said.unknown or ())
            raise InvalidRequestError(
                f"{spec.label} knows nothing of this prompt{f' ({words})' if words else ''}; "
                "describe something of its world, or choose a larger model."
            )
