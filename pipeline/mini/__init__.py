"""The embedded model's own classes: what it needs and diffusers does not have."""

from pipeline.mini.autoencoder import AutoencoderKinora
from pipeline.mini.portraits import Portraits
from pipeline.mini.text import SlotTextConfig, SlotTextEncoder, build_tokenizer
from pipeline.mini.transformer import GuidedLTXTransformer3DModel

__all__ = [
    "AutoencoderKinora",
    "GuidedLTXTransformer3DModel",
    "Portraits",
    "SlotTextConfig",
    "SlotTextEncoder",
    "build_tokenizer",
]
