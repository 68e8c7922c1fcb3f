"""The language model that rewrites prompts: a video model's own text encoder, or a small one.

`planning/rewriting.py` has what it is told, and reads its answers.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import torch

from pipeline.errors import ModelError
from pipeline.models.hub import OnBytes
from pipeline.models.language_model import (
    LOADING_ERRORS,
    LanguageModel,
    Message,
    Sampling,
    load_language_model,
)
from pipeline.planning.request import GenerationRequest
from pipeline.runtime.device import GIGABYTE
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.placement import MOVED_BY_PART

if TYPE_CHECKING:
    from pipeline.runtime.loading import LoadedModel

logger = logging.getLogger(__name__)

# Qwen3: Apache-2.0, follows instructions in a hundred languages, and can answer without thinking
# first; its smallest sizes are the smallest of its kind that keep to an instruction of ten
# sentences. A GPU has time for the larger one (4 GB to download). A CPU writes 150 tokens of the
# smaller one (1.5 GB) in the time of a few steps, of the larger one in three times that.
GPU_REPOSITORY, CPU_REPOSITORY = "Qwen/Qwen3-1.7B", "Qwen/Qwen3-0.6B"
# Counted on the real class with the released configurations.
_NUM_PARAMETERS = {GPU_REPOSITORY: 1_720_574_976, CPU_REPOSITORY: 596_049_920}
SECONDS_UNTIL_RETRY = 600.0  # after weights that could not be loaded
_MIN_FREE_GPU_BYTES = 5 * GIGABYTE
_MIN_FREE_BYTES = GIGABYTE // 2  # of the computer, beside the weights
_MAX_TOKENS = 320  # of an answer: twice the longest paragraph that is asked for
# The authors' values for answers without thinking (Qwen3, model card).
_TEMPERATURE, _TOP_K, _TOP_P = 0.7, 20, 0.8


@dataclass(frozen=True)
class PromptWriter:
    """A language model on its device, with the name and revision that recipes give."""

    language_model: LanguageModel
    device: torch.device
    name: str
    revision: str | None

    def write(
        self,
        messages: Sequence[Message],
        seed: int,
        seconds: float,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> str:
        """Return the answer to a conversation; the same seed gives the same words here."""
        generator = torch.Generator("cpu").manual_seed(seed)
        return self.language_model.write(
            messages,
            max_tokens=_MAX_TOKENS,
            seconds=seconds,
            device=self.device,
            sampling=Sampling(generator, _TEMPERATURE, _TOP_K, _TOP_P),
            should_stop=should_stop,
            add_generation_prompt=True,
            enable_thinking=False,  # known to Qwen3's template alone
        )


class PromptWriters:
    """Finds a language model for a request; remembers for a while that one could not be loaded."""

    def __init__(self, model_cache: ModelCache, repository: str | None = None) -> None:
        """Load nothing yet; `repository` takes the place of the machine's small model."""
        self._model_cache = model_cache
        self._repository = repository
        self._failure: tuple[float, ModelError] | None = None
        self._lock = threading.Lock()  # one small model at a time, of several jobs

    @contextlib.contextmanager
    def open(
        self, request: GenerationRequest, on_bytes: OnBytes | None = None
    ) -> Iterator[PromptWriter]:
        """Load the language model for a request's prompts, for a `with` block.

        It is the request's video model itself if that can write: it is needed in a moment anyway.
        If not, it is a small model, which leaves the memory before the video model enters it. On
        ZeroGPU that one is on the CPU, where it costs no visitor's quota. Raises ModelError if it
        cannot be loaded or has no memory, and what loading the video model raises.
        """
        if (own := self._open_own(request, on_bytes)) is not None:
            yield own
            return
        with self._lock:
            small = self._open_small(on_bytes)
            try:
                yield small
            finally:
                small.language_model.model.to("meta")  # frees the weights, whoever holds the writer

    def _open_own(
        self, request: GenerationRequest, on_bytes: OnBytes | None
    ) -> PromptWriter | None:
        """Load the request's model if it may be its own writer; on a CPU it would take minutes."""
        spec, machine = self._model_cache.spec(request.model), self._model_cache.machine
        if not spec.writes_prompts or machine.device == "cpu" or machine.is_zero_gpu:
            return None
        return own_writer(self._model_cache.load(request.model, on_bytes, request.loras))

    def _open_small(self, on_bytes: OnBytes | None) -> PromptWriter:
        if self._failure is not None and time.monotonic() < self._failure[0] + SECONDS_UNTIL_RETRY:
            raise self._failure[1]
        machine = self._model_cache.machine
        has_gpu = machine.device == "cuda" and not machine.is_zero_gpu
        name = self._repository or (GPU_REPOSITORY if has_gpu else CPU_REPOSITORY)
        is_on_gpu = has_gpu and torch.cuda.mem_get_info()[0] >= _MIN_FREE_GPU_BYTES
        is_fast = is_on_gpu or (machine.device == "cpu" and machine.has_fast_bf16)
        dtype = torch.bfloat16 if is_fast else torch.float32
        needed = _NUM_PARAMETERS.get(name, 0) * dtype.itemsize + _MIN_FREE_BYTES
        if psutil.virtual_memory().available < needed:
            raise ModelError(f"There is not enough free memory for {name}.")
        device = torch.device("cuda" if is_on_gpu else "cpu")
        try:
            loaded = load_language_model(name, dtype, name="prompt writer", on_bytes=on_bytes)
            loaded.model.to(device)
        except LOADING_ERRORS as exc:
            logger.warning(
                "Prompts are not rewritten: %s could not be loaded (%s: %s)",
                name,
                type(exc).__name__,
                exc,
            )
            error = ModelError(f"{name} could not be loaded.")
            self._failure = time.monotonic(), error
            raise error from exc
        return PromptWriter(loaded, device, name, loaded.revision)


def own_writer(model: LoadedModel) -> PromptWriter | None:
    """Return a loaded video model's text encoder as a writer, or None if it cannot be one.

    It takes a language model that follows instructions, with a tokenizer that knows how
    conversations are written, and not layer by layer offloading: every word would move all layers.
    """
    encoder, tokenizer = (getattr(model.pipe, x, None) for x in ("text_encoder", "tokenizer"))
    is_able = model.spec.writes_prompts and hasattr(encoder, "generate")
    if not is_able or not getattr(tokenizer, "chat_template", None):
        return None
    if model.placement.offload not in MOVED_BY_PART:
        return None
    name = f"{model.spec.repository}, text_encoder"
    return PromptWriter(LanguageModel(tokenizer, encoder), model.device, name, model.revision)
