"""The embedded model's text encoder: a word-level tokenizer, and an encoder that fills slots.

The tokenizer puts one slot token per attribute (subject, colour, place, ...) before the words. The
encoder classifies which value the prompt names for each slot, so that all wordings of a scene look
the same to what draws it. Its word vectors are fixed (`training/word_vectors.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import nn
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

MAX_TOKENS = 96


def build_tokenizer(words: list[str], num_slots: int) -> PreTrainedTokenizerFast:
    """Build the tokenizer of a closed vocabulary; unknown words become "[unk]"."""
    slots = [f"[slot{index}]" for index in range(num_slots)]
    vocabulary = ["[pad]", "[unk]", *slots, *words]
    tokenizer = Tokenizer(
        models.WordLevel(dict(zip(vocabulary, range(len(vocabulary)), strict=True)), "[unk]")
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation()]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=" ".join([*slots, "$A"]),
        special_tokens=[(slot, vocabulary.index(slot)) for slot in slots],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[pad]",
        unk_token="[unk]",
        model_max_length=MAX_TOKENS,
    )


class SlotTextConfig(PretrainedConfig):
    """Sizes of the encoder and, per slot, its name and values (without "not said").

    Word vectors are projected first if `word_size` differs from `hidden_size`. `slot_phrases` has,
    by slot and value, the phrases that training used, and `passed_over` the words that it taught
    the encoder to pass over: only `understanding.py` reads these two. With `reads_languages`
    prompts in other languages are first said in English (`languages.py`).
    """

    model_type = "kinora-slot-text"

    def __init__(
        self,
        vocab_size: int = 1000,
        hidden_size: int = 128,
        word_size: int | None = None,
        num_layers: int = 2,
        num_heads: int = 4,
        slot_names: Sequence[str] = (),
        slot_values: Sequence[Sequence[str]] = (),
        slot_phrases: Mapping[str, Mapping[str, Sequence[str]]] | None = None,
        passed_over: Sequence[str] = (),
        reads_languages: bool = False,
        **kwargs: object,
    ) -> None:
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.word_size = word_size or hidden_size
        self.num_layers = num_layers
        self.num_heads = num_heads
        # Two lists, not a dict: a configuration is saved with its keys sorted, and order matters.
        self.slot_names = list(slot_names)
        self.slot_values = [list(values) for values in slot_values]
        self.slot_phrases = {
            slot: {value: list(phrases) for value, phrases in values.items()}
            for slot, values in (slot_phrases or {}).items()
        }
        self.passed_over = list(passed_over)
        self.reads_languages = reads_languages
        super().__init__(**kwargs)


class SlotTextEncoder(PreTrainedModel):
    """Says which value a prompt names for each slot."""

    config_class = SlotTextConfig
    main_input_name = "input_ids"

    def __init__(self, config: SlotTextConfig) -> None:
        super().__init__(config)
        width = config.hidden_size
        self.embed_tokens = nn.Embedding(config.vocab_size, config.word_size, padding_idx=0)
        self.project = (
            nn.Identity() if config.word_size == width else nn.Linear(config.word_size, width)
        )
        self.embed_positions = nn.Embedding(MAX_TOKENS, width)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, config.num_heads, 4 * width, 0.1, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(width)
        # One more value than the slot has: value 0 is "not said".
        self.heads = nn.ModuleList(
            nn.Linear(width, len(values) + 1) for values in config.slot_values
        )
        self.post_init()

    @property
    def num_slots(self) -> int:
        return len(self.config.slot_names)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> list[torch.Tensor]:
        """Return logits (B, 1 + number of values) for each slot; value 0 is "not said".

        `input_ids` and `attention_mask` are (B, L), slots first.
        """
        return self.classify_embeds(self.embed_tokens(input_ids), attention_mask)

    def classify_embeds(
        self, embeds: torch.Tensor, attention_mask: torch.Tensor
    ) -> list[torch.Tensor]:
        """Classify word vectors (B, L, word_size), which training disturbs, as `forward` does."""
        positions = torch.arange(embeds.shape[1], device=embeds.device)
        hidden = self.project(embeds) + self.embed_positions(positions)  # (B, L, D)
        padding = ~attention_mask.bool()
        for layer in self.layers[:-1]:
            hidden = layer(hidden, src_key_padding_mask=padding)
        last = cast("nn.TransformerEncoderLayer", self.layers[-1])
        hidden = self.norm(self._read_slots(last, hidden, padding))  # (B, S, D)
        return [head(hidden[:, index]) for index, head in enumerate(self.heads)]

    def _read_slots(
        self, layer: nn.TransformerEncoderLayer, hidden: torch.Tensor, padding: torch.Tensor
    ) -> torch.Tensor:
        """Run a layer for the slots only: (B, L, D) -> (B, S, D).

        The heads see nothing else, and this saves a third of the time.
        """
        slots, keys = hidden[:, : self.num_slots], layer.norm1(hidden)
        queries = keys[:, : self.num_slots]
        attended, _ = layer.self_attn(
            queries, keys, keys, key_padding_mask=padding, need_weights=False
        )
        slots = slots + layer.dropout1(attended)
        inner = layer.dropout(layer.activation(layer.linear1(layer.norm2(slots))))
        return slots + layer.dropout2(layer.linear2(inner))
