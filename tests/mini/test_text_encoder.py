"""The embedded model's text side, with all its slots and a dozen words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from pipeline.mini import KinoraMiniPipeline, SlotTextConfig, SlotTextEncoder, build_tokenizer
from pipeline.mini.tables import ATTRIBUTES
from pipeline.mini.text_encoder import MAX_TOKENS
from tests.tiny import WORDS, tiny_mini_pipeline
from training.captions import development_words, draw_caption, vocabulary
from training.grammar import draw_scene
from training.lexicon import Lexicon, load_lexicon
from training.phrases import HELD_OUT_WORDS
from training.train_text import build_encoder, draw_batch, read_captions, train


@pytest.fixture(scope="module")
def pipe() -> KinoraMiniPipeline:
    return tiny_mini_pipeline()


@torch.no_grad()
def read(encoder: SlotTextEncoder, tokenizer: Any, prompt: str, **padding: object) -> torch.Tensor:  # noqa: ANN401
    """Return a prompt's logits of all slots (1, N)."""
    tokens = tokenizer(prompt, return_tensors="pt", truncation=True, **padding)
    return torch.cat(encoder(tokens.input_ids, tokens.attention_mask), dim=1)


def test_the_slots_come_first_and_the_words_after_them(pipe: KinoraMiniPipeline) -> None:
    tokens = pipe.tokenizer.tokenize("A red boat.", add_special_tokens=True)
    assert tokens == [*(f"[slot{i}]" for i in range(len(ATTRIBUTES))), "a", "red", "boat", "."]


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("A RED, cat", ["a", "red", ",", "cat"]),
        ("á çar", ["a", "car"]),
        ("a zeppelin", ["a", "[unk]"]),
        ("", []),
        ("[slot0]", ["[", "[unk]", "]"]),
        ("日本 🚗", ["[unk]", "[unk]"]),
    ],
)
def test_any_prompt_is_read_as_known_words_and_unknown_ones(
    pipe: KinoraMiniPipeline, prompt: str, words: list[str]
) -> None:
    words = [word if word in WORDS else "[unk]" for word in words]
    assert pipe.tokenizer.tokenize(prompt, add_special_tokens=True)[len(ATTRIBUTES) :] == words
    assert torch.isfinite(read(pipe.text_encoder, pipe.tokenizer, prompt)).all()


def test_an_over_long_prompt_is_cut_off_after_its_first_words(pipe: KinoraMiniPipeline) -> None:
    long = "a red car by night , " * 300
    tokens = pipe.tokenizer(long, truncation=True, max_length=MAX_TOKENS).input_ids
    assert len(tokens) == MAX_TOKENS
    assert tokens[: len(ATTRIBUTES)] == pipe.tokenizer("").input_ids
    read: list[torch.Tensor] = []
    hook = pipe.text_encoder.embed_tokens.register_forward_pre_hook(
        lambda _module, arguments: read.append(arguments[0])
    )
    pipe.parse_prompt(long)
    hook.remove()
    assert [x.tolist() for x in read] == [[tokens]]


def test_padding_does_not_change_what_is_read(pipe: KinoraMiniPipeline) -> None:
    words = pipe.text_encoder, pipe.tokenizer, "a red car"
    padded = read(*words, padding="max_length", max_length=64)
    torch.testing.assert_close(padded, read(*words), rtol=1e-4, atol=1e-5)


def test_saving_and_loading_keeps_the_slots_in_their_order(
    pipe: KinoraMiniPipeline, tmp_path: Path
) -> None:
    """The slots were a dict once; a configuration is saved sorted, and colour became subject."""
    pipe.text_encoder.save_pretrained(tmp_path)
    pipe.tokenizer.save_pretrained(tmp_path)
    encoder = SlotTextEncoder.from_pretrained(tmp_path).eval()
    assert encoder.config.slot_names == list(ATTRIBUTES)
    assert encoder.config.slot_values == [list(values) for values in ATTRIBUTES.values()]
    assert encoder.num_slots == len(ATTRIBUTES)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer("A red boat.").input_ids == pipe.tokenizer("A red boat.").input_ids
    logits = read(encoder, tokenizer, "a red car")
    torch.testing.assert_close(logits, read(pipe.text_encoder, pipe.tokenizer, "a red car"))


def test_a_word_that_training_never_saw_is_read_like_the_words_near_it() -> None:
    """Words had vectors of their own once, learnt from captions: an unseen one meant nothing."""
    torch.manual_seed(0)
    words = ["red", "scarlet", "blue", "azure", "treaty", "vermilion", "cobalt"]
    warm, cold, other = torch.eye(3)
    vectors = torch.stack([warm, warm, cold, cold, other, warm, cold]) + torch.randn(7, 3) / 10
    lexicon = Lexicon(words, vectors.numpy(), near={}, far=["treaty"])
    tokenizer = build_tokenizer(words, 1)
    model = SlotTextEncoder(
        SlotTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            word_size=3,
            num_layers=1,
            slot_names=["colour"],
            slot_values=[["red", "blue"]],
        )
    )
    model.embed_tokens.weight.data = lexicon.table(len(tokenizer) - len(words))
    model.embed_tokens.requires_grad_(False)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-2)
    tokens = tokenizer(words[:5], return_tensors="pt")
    for _ in range(60):
        (logits,) = model(tokens.input_ids, tokens.attention_mask)
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor([1, 1, 2, 2, 0]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert read_captions(model, tokenizer, words).flatten().tolist() == [1, 1, 2, 2, 0, 1, 2]


@pytest.fixture
def lexicon(tmp_path: Path) -> Lexicon:
    """Give the world's own words unlike vectors, and four others: two near red, one near nothing.

    "Ruby" is a held-out phrase; "lampshade" is half near red and half near blue.
    """
    own = vocabulary()
    words = [*own, "carmine", "ruby", "treaty", "lampshade"]
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((len(words), 512))
    red, blue = vectors[own.index("red")], vectors[own.index("blue")]
    vectors[-4:] *= 0.3
    vectors[-4:-2] += red
    vectors[-2] /= 0.3
    vectors[-1] += red + blue
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.savez(tmp_path / "words.npz", words=np.array(words), vectors=vectors)
    return load_lexicon(tmp_path / "words.npz")


def test_a_lexicon_uses_near_words_and_far_ones_but_never_held_out_ones(lexicon: Lexicon) -> None:
    assert lexicon.near == {"red": ["carmine"]}
    assert lexicon.far == ["treaty"]
    rng = np.random.default_rng(0)
    counts = Counter(" ".join(lexicon.disturb("a red car", rng) for _ in range(200)).split())
    assert counts["red"] + counts["carmine"] == counts["a"] == counts["car"] == 200
    assert 10 < counts["carmine"] < 100 < counts["treaty"]
    assert not counts.keys() - {"a", "red", "car", "carmine", "treaty"}
    assert set(lexicon.babble(rng).split()) <= {"treaty"}


def test_training_leaves_word_vectors_alone(lexicon: Lexicon) -> None:
    model, tokenizer = build_encoder(lexicon)
    before = model.project.weight.clone()
    train(model, tokenizer, lexicon, 2)
    assert not torch.equal(model.project.weight, before)
    num_special = len(tokenizer) - len(lexicon.words)
    assert torch.equal(model.embed_tokens.weight, lexicon.table(num_special))
    assert not model.embed_tokens.weight[:num_special].any()


@pytest.mark.parametrize("unseen", [HELD_OUT_WORDS, development_words()])
def test_phrases_that_are_kept_from_training_are_in_no_caption_of_it(
    unseen: frozenset[str],
) -> None:
    rng = np.random.default_rng(0)
    tokenizer = build_tokenizer(vocabulary(unseen), 0)
    novel = 0
    for _ in range(200):
        caption, _ = draw_caption(draw_scene(rng), rng, unseen=unseen)
        assert "[unk]" not in tokenizer.tokenize(caption), caption
        caption, _ = draw_caption(draw_scene(rng), rng, unseen=unseen, held_out=True)
        novel += any(phrase in caption for phrase in unseen)
    assert novel > 100


def test_development_phrases_are_other_ones_than_those_of_the_last_test() -> None:
    assert development_words() == development_words()
    assert len(development_words()) > 200
    assert not development_words() & HELD_OUT_WORDS


def test_snow_falls_in_training_whatever_the_subject_does(lexicon: Lexicon) -> None:
    """ "In falling snow" once set the subject falling: such captions were one in fifty."""
    captions, labels = draw_batch(np.random.default_rng(0), 1000, lexicon)
    names = list(ATTRIBUTES)
    falls = torch.tensor(["fall" in x.replace("nightfall", "") or "rains" in x for x in captions])
    is_wet = (labels[:, names.index("weather")] == 2) | (labels[:, names.index("weather")] == 3)
    does = labels[:, names.index("motion")]
    fall = 1 + ATTRIBUTES["motion"].index("fall")
    assert (falls & is_wet & (does == 0)).sum() > 25
    assert (falls & is_wet & (does != fall) & (does != 0)).sum() > 25
    assert (falls & ~is_wet & (does == fall)).sum() > 3
