"""What is kept of prompts, and for how long."""

from __future__ import annotations

from pathlib import Path

import torch

from pipeline.engines import open_engine
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.prompt_cache import PromptCache
from tests.tiny import CPU, LTX, tiny_models

DEVICE = torch.device("cpu")


def embeds(value: float) -> tuple[torch.Tensor, ...]:
    return (torch.full((100,), value), torch.ones(100))  # 800 bytes


def find(cache: PromptCache, key: str, value: float) -> float:
    return float(cache.find(key, DEVICE, lambda: embeds(value))[0][0])


def test_what_is_known_is_not_made_again() -> None:
    cache = PromptCache()
    assert find(cache, "a", 1.0) == 1.0
    assert find(cache, "a", 2.0) == 1.0
    assert find(cache, "b", 3.0) == 3.0


def test_what_was_asked_for_longest_ago_is_dropped_first() -> None:
    cache = PromptCache(max_bytes=1600)
    for key, value in (("a", 1.0), ("b", 2.0), ("a", 9.0), ("c", 3.0)):
        find(cache, key, value)
    assert cache.num_bytes == 1600
    assert find(cache, "a", 4.0) == 1.0
    assert find(cache, "b", 5.0) == 5.0


def test_what_is_larger_than_the_cache_is_made_each_time() -> None:
    cache = PromptCache(max_bytes=100)
    assert find(cache, "a", 1.0) == 1.0
    assert find(cache, "a", 2.0) == 2.0
    assert cache.num_bytes == 0


def test_the_text_encoder_reads_words_once_even_after_the_model_was_let_go(folder: Path) -> None:
    model_cache = ModelCache(CPU, tiny_models(folder))
    calls = []

    def encode(*words: object) -> tuple[torch.Tensor, torch.Tensor]:
        model = model_cache.load(LTX)
        assert model.dropped is not None  # as on every CPU
        model.dropped.load()
        hook = model.pipe.text_encoder.register_forward_hook(lambda *_: calls.append(words))
        prompt = open_engine(model, width=64, height=64).encode_prompt(*words)
        hook.remove()
        return prompt.embeds, prompt.mask

    first = encode("a red boat", "a cat", 3.0)
    model_cache.release()
    again = encode("a red boat", "a cat", 3.0)
    assert len(calls) == 2  # the words, and those it is to avoid
    assert all(torch.equal(x, y) for x, y in zip(first, again, strict=True))
    # Other words, others to avoid, no guidance: each is another prompt.
    for words in (("a red cat", "a cat", 3.0), ("a red boat", "", 3.0), ("a red boat", "", 1.0)):
        num_calls = len(calls)
        encode(*words)
        assert len(calls) > num_calls
    # Without guidance nothing is avoided, whatever is said.
    num_calls = len(calls)
    encode("a red boat", "a cat", 1.0)
    assert len(calls) == num_calls


def test_other_weights_read_words_anew(folder: Path) -> None:
    model_cache = ModelCache(CPU, tiny_models(folder))
    model = model_cache.load(LTX)
    words = ("a red boat", "", False)
    ours = model.read_prompt(*words, lambda: embeds(1.0))
    assert ours[0][0] == 1.0
    other = type(model)(model.spec, model.pipe, model.placement, "others", model.prompt_cache)
    assert other.read_prompt(*words, lambda: embeds(2.0))[0][0] == 2.0
