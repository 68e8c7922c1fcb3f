"""The embedded model: a small neural renderer of a picture-book world, part by part."""

from pipeline.mini.autoencoder import AutoencoderKinora
from pipeline.mini.background import BackgroundModel
from pipeline.mini.pipeline import KinoraMiniPipeline
from pipeline.mini.sprites import SpriteModel
from pipeline.mini.text_encoder import SlotTextConfig, SlotTextEncoder, build_tokenizer

__all__ = [
    "AutoencoderKinora",
    "BackgroundModel",
    "KinoraMiniPipeline",
    "SlotTextConfig",
    "SlotTextEncoder",
    "SpriteModel",
    "build_tokenizer",
]
