"""`KinoraMiniPipeline`: the components of the embedded scene renderer.

It is not a diffusion model: the prompt fills slots, and a network paints what the slots say. It is
a `DiffusionPipeline` only so that diffusers saves and loads it like other models.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import torch
from diffusers import DiffusionPipeline
from transformers import PreTrainedTokenizerFast

from pipeline.mini.autoencoder import AutoencoderKinora
from pipeline.mini.languages import to_english
from pipeline.mini.painter import PainterModel
from pipeline.mini.reading import PhraseReader
from pipeline.mini.synonyms import say_in_known_words
from pipeline.mini.tables import Vocabulary
from pipeline.mini.text_encoder import SlotTextEncoder
from pipeline.mini.words import words_of

Values = Mapping[str, str | None]
"""A value for each attribute of the vocabulary; None if the prompt does not name one."""


class KinoraMiniPipeline(DiffusionPipeline):
    """A text-driven scene renderer, without scheduler, transformer or steps."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        text_encoder: SlotTextEncoder,
        painter: PainterModel,
        vae: AutoencoderKinora,
    ) -> None:
        """Register the components."""
        super().__init__()
        self.register_modules(
            tokenizer=tokenizer, text_encoder=text_encoder, painter=painter, vae=vae
        )

    @property
    def vocabulary(self) -> Vocabulary:
        """The values of each attribute that the weights know, in the order of the slots."""
        config = self.text_encoder.config
        pairs = zip(config.slot_names, config.slot_values, strict=True)
        return {name: tuple(values) for name, values in pairs}

    @torch.no_grad()
    def parse_prompt(self, prompt: str) -> dict[str, str | None]:
        """Return the value that a prompt names for each attribute, or None."""
        if self.text_encoder.config.reads_languages:
            prompt = to_english(prompt)
        prompt, _ = say_in_known_words(prompt)
        tokens = self.tokenizer(
            prompt, truncation=True, return_tensors="pt", return_offsets_mapping=True
        )
        end = int(tokens.pop("offset_mapping")[0, -1, 1])  # of what is read
        tokens = tokens.to(self.device)
        logits = self.text_encoder(tokens.input_ids, tokens.attention_mask)
        labels = [int(x.argmax()) for x in logits]
        guessed = {
            name: values[label - 1] if label else None
            for (name, values), label in zip(self.vocabulary.items(), labels, strict=True)
        }
        return self._phrases.correct(words_of(prompt[:end]), guessed)

    @cached_property
    def _phrases(self) -> PhraseReader:
        return PhraseReader(self.text_encoder.config.slot_phrases)
