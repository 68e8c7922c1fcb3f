"""The embedded model's own classes: what it needs and diffusers does not have."""

from pipeline.mini.autoencoder import AutoencoderKinora
from pipeline.mini.text import SlotTextConfig, SlotTextEncoder, build_tokenizer

__all__ = ["AutoencoderKinora", "SlotTextConfig", "SlotTextEncoder", "build_tokenizer"]
