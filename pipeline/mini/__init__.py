"""The embedded model: a small neural renderer of scenes from a picture-book world."""

from pipeline.mini.autoencoder import AutoencoderKinora
from pipeline.mini.painter import PainterModel
from pipeline.mini.pipeline import KinoraMiniPipeline
from pipeline.mini.text_encoder import SlotTextConfig, SlotTextEncoder, build_tokenizer

__all__ = [
    "AutoencoderKinora",
    "KinoraMiniPipeline",
    "PainterModel",
    "SlotTextConfig",
    "SlotTextEncoder",
    "build_tokenizer",
]
