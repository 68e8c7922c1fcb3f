"""Small language models from the Hub: fetches one, loads it, and lets it write.

The guard model and the rewriting of prompts use it; each asks its own questions.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import DryRunError
from safetensors import SafetensorError

from pipeline.errors import ModelError
from pipeline.models.hub import HUB_ERRORS, OnBytes, download, missing_files

if TYPE_CHECKING:
    import torch

logger = logging.getLogger(__name__)

Message = Mapping[str, str]
"""A turn of a conversation: its "role" (system or user) and its "content"."""

LOADING_ERRORS = (*HUB_ERRORS, ModelError, SafetensorError, RuntimeError)
_ENDS_OF_TURN = ("<|im_end|>", "<end_of_turn>")  # Qwen's and Gemma's
_FILES = ["*.json", "*.txt", "*.jinja", "*.safetensors"]


@dataclass(frozen=True)
class Sampling:
    """How the next token is drawn, with a generator of its own.

    transformers draws from torch's global generator, which other threads use too: the same seed
    would not always give the same words.
    """

    generator: torch.Generator  # on the CPU
    temperature: float
    top_k: int
    top_p: float

    def processors(self) -> list[Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]:
        """Return processors after which the most likely token is one that was drawn.

        The last one adds Gumbel noise to the logits: the maximum is then a sample of their softmax
        (Maddison et al. 2014, "A* Sampling").
        """
        from transformers import (
            TemperatureLogitsWarper,
            TopKLogitsWarper,
            TopPLogitsWarper,
        )

        return [
            TemperatureLogitsWarper(self.temperature),
            TopKLogitsWarper(self.top_k),
            TopPLogitsWarper(self.top_p),
            self._add_noise,
        ]

    def _add_noise(self, _: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        import torch

        drawn = torch.rand(scores.shape, generator=self.generator, dtype=torch.float64)  # (B, V)
        noise = -(-drawn.clamp_min(1e-300).log()).log()
        return scores + noise.to(scores.device, scores.dtype)


@dataclass(frozen=True)
class LanguageModel:
    """A tokenizer with a chat template, a model that can generate, and its commit on the Hub."""

    tokenizer: Any
    model: Any
    revision: str | None = None

    def write(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        seconds: float,
        device: str | torch.device = "cpu",
        sampling: Sampling | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        **template: Any,  # noqa: ANN401
    ) -> str:
        """Return the model's answer, cut after `max_tokens` or `seconds`, or when it `should_stop`.

        Without `sampling` it is the likeliest answer. `template` are options of the chat template.
        What users write is shown to the model without "<": its own tokens begin with that, and a
        prompt must not end its turn and answer in the model's place.
        """
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        shown = [_without_tokens(x) for x in messages]
        text = self.tokenizer.apply_chat_template(shown, tokenize=False, **template)
        inputs = self.tokenizer(text, return_tensors="pt", add_special_tokens=False).to(device)

        def is_over(ids: torch.Tensor, _: object) -> torch.Tensor:
            return torch.full(ids.shape[:1], should_stop(), device=ids.device)  # (B,)

        with torch.inference_mode():
            written = self.model.generate(
                **inputs,
                max_new_tokens=max_tokens,
                max_time=seconds,
                do_sample=False,
                eos_token_id=self._ends,
                logits_processor=LogitsProcessorList(sampling.processors() if sampling else []),
                stopping_criteria=StoppingCriteriaList([is_over]),
            )
        return self.tokenizer.decode(
            written[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True
        )

    @property
    def _ends(self) -> list[int]:
        """List the tokens that end an answer; text encoders come without this configuration."""
        known = self.model.generation_config.eos_token_id
        ends = {*known} if isinstance(known, list) else {known}
        ends |= {self.tokenizer.convert_tokens_to_ids(x) for x in _ENDS_OF_TURN}
        ends.add(self.tokenizer.eos_token_id)
        return sorted(ends - {None, self.tokenizer.unk_token_id})


def _without_tokens(message: Message) -> Message:
    if message["role"] != "user":
        return message
    return {**message, "content": message["content"].replace("<", "\u2039")}


def load_language_model(
    repository: str,
    dtype: torch.dtype,
    *,
    name: str,
    revision: str = "main",
    on_bytes: OnBytes | None = None,
) -> LanguageModel:
    """Return a model in the CPU's memory, from a folder or the Hub; download what is missing.

    No code is downloaded, and no pickles. `name` is for the log and errors. Raises LOADING_ERRORS.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = _fetch(repository, revision, name, on_bytes)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True)
    commit = None if Path(repository).is_dir() else folder.name
    return LanguageModel(AutoTokenizer.from_pretrained(folder), model.eval(), commit)


def _fetch(repository: str, revision: str, name: str, on_bytes: OnBytes | None) -> Path:
    if Path(repository).is_dir():
        return Path(repository)
    try:
        files = snapshot_download(
            repository, revision=revision, allow_patterns=_FILES, dry_run=True
        )
        download(name, f"The {name}", missing_files(repository, files), on_bytes)
    except DryRunError:
        logger.info("The Hub cannot be asked for %s: what is here has to do", repository)
    return Path(snapshot_download(repository, revision=revision, allow_patterns=_FILES))
