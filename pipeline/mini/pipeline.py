"""`KinoraMiniPipeline`: the components of the embedded scene renderer, and one method for each.

It is not a diffusion model: the prompt fills slots, and networks paint what the slots say in one
call. It is a `DiffusionPipeline` only so that diffusers saves and loads it like other models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from diffusers import DiffusionPipeline
from torch.nn import functional
from transformers import PreTrainedTokenizerFast

from pipeline.mini.autoencoder import AutoencoderKinora
from pipeline.mini.background import BackgroundModel
from pipeline.mini.languages import to_english
from pipeline.mini.painter import PainterModel
from pipeline.mini.scene import OF_BODIES, Look, Vocabulary
from pipeline.mini.sprites import SpriteModel
from pipeline.mini.text_encoder import SlotTextEncoder

Values = Mapping[str, str | None]
"""A value for each attribute of the vocabulary; None if the prompt does not name one."""


class KinoraMiniPipeline(DiffusionPipeline):
    """A text-driven scene renderer, without scheduler, transformer or steps.

    Weights have a background network and sprites of bodies, or a painter of bodies and props.
    """

    _optional_components: ClassVar[list[str]] = ["background", "sprites", "painter"]

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        text_encoder: SlotTextEncoder,
        vae: AutoencoderKinora,
        background: BackgroundModel | None = None,
        sprites: SpriteModel | None = None,
        painter: PainterModel | None = None,
    ) -> None:
        """Register the components."""
        super().__init__()
        self.register_modules(
            tokenizer=tokenizer,
            text_encoder=text_encoder,
            background=background,
            sprites=sprites,
            painter=painter,
            vae=vae,
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
        tokens = self.tokenizer(prompt, truncation=True, return_tensors="pt").to(self.device)
        logits = self.text_encoder.classify(tokens.input_ids, tokens.attention_mask)
        labels = [int(x.argmax()) for x in logits]
        return {
            name: values[label - 1] if label else None
            for (name, values), label in zip(self.vocabulary.items(), labels, strict=True)
        }

    @torch.no_grad()
    def embed_values(self, values: Values) -> torch.Tensor:
        """Embed the values of all attributes, those that are not given as not said: (1, S, D)."""
        encoder, chosen = self.text_encoder, []
        for (name, options), head in zip(self.vocabulary.items(), encoder.heads, strict=True):
            value = values.get(name)
            label = 0 if value is None else 1 + options.index(value)
            index = torch.tensor([label], device=self.device)
            chosen.append(functional.one_hot(index, head.out_features).to(encoder.dtype))
        return encoder.embed_slots(chosen)

    @torch.no_grad()
    def paint_background(
        self, values: Values, features: torch.Tensor, size: tuple[int, int], *, is_start: bool
    ) -> torch.Tensor:
        """Paint the background of a scene: normalized latents (1, C, T, h, w), float32.

        `features` (1, T, D) are its path features; `size` (height, width) is in pixels. With
        `is_start` the first latent frame stands for a single frame.
        """
        slots = self.embed_values({**values, **dict.fromkeys(OF_BODIES)}).flatten(1)
        return self.background.paint(slots, features.to(self.device), size, is_start=is_start)

    @torch.no_grad()
    def paint_sprites(self, look: Look, seconds: tuple[float, ...]) -> torch.Tensor:
        """Paint a character at N times, in seconds: (N, 4, H, W), see `SpriteModel.paint`."""
        slots = self.embed_values(vars(look))
        clock = torch.tensor(seconds, device=self.device)
        return self.sprites.paint(look.subject, slots, clock)
