"""The embedded model: a small neural renderer of scenes from a picture-book world."""

from pipeline.mini.autoencoder import AutoencoderKinora
from pipeline.mini.background import BackgroundModel
from pipeline.mini.painter import PainterModel
from pipeline.mini.pipeline import KinoraMiniPipeline
from pipeline.mini.sprites import SpriteModel
from pipeline.mini.text_encoder import SlotTextConfig, SlotTextEncoder, build_tokenizer

__all__ = [
    "AutoencoderKinora",
    "BackgroundModel",
    "KinoraMiniPipeline",
    "PainterModel",
    "SlotTextConfig",
    "SlotTextEncoder",
    "SpriteModel",
    "build_tokenizer",
]
