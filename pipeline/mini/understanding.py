"""What the embedded model makes of a prompt's words: which it draws, which it replaces or ignores.

Everything comes from the text encoder: its slots say what is drawn, a word counts for a slot if the
slot changes without it, and its word vectors and trained phrases say how near the two are.
`training/evaluation/understanding.py` measures it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch.nn import functional
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from pipeline.mini.languages import to_english
from pipeline.mini.reading import PhraseReader
from pipeline.mini.scene import complete_scene, dress_all
from pipeline.mini.synonyms import original_of, say_in_known_words
from pipeline.mini.tables import SOMEBODY
from pipeline.mini.text_encoder import MAX_TOKENS, SlotTextEncoder
from pipeline.mini.words import FUNCTION_WORDS, words_of
from pipeline.models.spec import ModelSpec
from pipeline.planning.understanding import Reading, UnknownWord

# Chosen on the development half of training/evaluation/understanding.json: LOG.md.
EVIDENCE = 0.3  # by which a slot's probability falls without a word that names it
NEAR = 0.65  # cosine of a word that was not trained to a trained one, if it means the same
SAME_THING = 0.1  # the same, of a trained word for a subject or a place to its name
NEAREST = 0.4  # cosine from which a word that is not drawn has a known one near it
_THINGS = ("subject", "companion", "place")
# Slots about a companion share the words of the subject's.
_SHARED = {"subject": "companion", "colour": "companion_colour"}
_NUMBERS = {"two": "2 x ", "three": "3 x "}


@dataclass(frozen=True)
class _Word:
    text: str  # as it was typed
    plain: str  # as phrases have it
    token: str  # in the vocabulary, or the one for unknown words
    index: int  # among the prompt's tokens

    @property
    def is_mark(self) -> bool:
        return not self.plain.strip("_").isalnum()


@dataclass(frozen=True)
class _Meaning:
    """A slot's value that a phrase names."""

    slot: str
    value: str


class PromptReader:
    """Reads prompts with a text encoder as the renderer does, and accounts for every word."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, encoder: SlotTextEncoder) -> None:
        """Use an encoder of float32 in evaluation mode, on the CPU."""
        self._tokenizer = tokenizer
        self._encoder = encoder
        self._vocab: dict[str, int] = tokenizer.get_vocab()
        config = encoder.config
        self._reader = PhraseReader(config.slot_phrases)
        self._slots = dict(zip(config.slot_names, config.slot_values, strict=True))
        self._vectors = functional.normalize(encoder.embed_tokens.weight.detach().float(), dim=1)

    @classmethod
    def open(cls, spec: ModelSpec) -> PromptReader:
        """Load the tokenizer and the text encoder of a row, on the CPU."""
        folder = str(spec.repository)
        tokenizer = AutoTokenizer.from_pretrained(folder, subfolder="tokenizer")
        encoder = SlotTextEncoder.from_pretrained(folder, subfolder="text_encoder")
        return cls(tokenizer, encoder.float().eval())

    @torch.no_grad()
    def read(self, prompt: str, looks: Sequence[Mapping[str, Any]] = ()) -> Reading:
        """Read a prompt; some tens of milliseconds for the longest.

        `looks` are the scene states of characters, as `ShotContext.characters` has them.
        """
        if self._encoder.config.reads_languages:
            prompt = to_english(prompt)
        prompt, replaced = say_in_known_words(prompt)
        encoded = self._tokenizer(prompt, return_offsets_mapping=True)
        num_slots, ids = self._encoder.num_slots, encoded.input_ids
        tokens = self._tokenizer.convert_ids_to_tokens(ids)
        units = [
            _Word(original_of(first, replaced) or prompt[first:last], plain, tokens[index], index)
            for index, (first, last) in enumerate(encoded.offset_mapping)
            for plain in words_of(prompt[first:last])
            if index >= num_slots
        ]  # words, and marks between them
        read = [unit for unit in units if unit.index < MAX_TOKENS]
        num_cut = sum(not unit.is_mark for unit in units[len(read) :])
        guessed, evidence = self._weigh(ids[:MAX_TOKENS], [x for x in read if not x.is_mark])
        named = self._reader.correct([x.plain for x in read], guessed)
        understood, unknown = self._account(read, self._drawn(named), evidence)
        drawn = self._describe(self._drawn(dress_all(named, looks, self._known)))
        return Reading(drawn, understood, unknown, num_cut)

    def _weigh(
        self, ids: list[int], words: Sequence[_Word]
    ) -> tuple[dict[str, str | None], dict[tuple[int, str], float]]:
        """Return the named values, and how far each falls in probability without each word."""
        without = [[x for i, x in enumerate(ids) if i != word.index] for word in words]
        batch = self._tokenizer.pad({"input_ids": [ids, *without]}, return_tensors="pt")
        logits = self._encoder(batch.input_ids, batch.attention_mask)
        named: dict[str, str | None] = {}
        evidence: dict[tuple[int, str], float] = {}
        for (slot, values), scores in zip(self._slots.items(), logits, strict=True):
            label = int(scores[0].argmax())
            named[slot] = values[label - 1] if label else None
            if label:
                falls = scores.float().softmax(-1)[:, label]  # (1 + words,)
                for word, fall in zip(words, (falls[0] - falls[1:]).tolist(), strict=True):
                    evidence[word.index, slot] = fall
        return named, evidence

    def _drawn(self, named: dict[str, str | None]) -> dict[str, str | None]:
        """Return the named values that the scene keeps: only a child has an emotion, for one."""
        if named["subject"] is None and named["companion"]:  # a companion alone is the subject
            named = named | {"subject": named["companion"], "colour": named["companion_colour"]}
            named |= dict.fromkeys(("companion", "companion_colour"))
        scene = complete_scene(named, 0, self._known)
        kept = {name: x if getattr(scene, name) == x else None for name, x in named.items()}
        if named["subject"] == SOMEBODY:  # the seed says who it is
            kept["subject"] = SOMEBODY
        return kept

    def _account(
        self,
        words: Sequence[_Word],
        named: dict[str, str | None],
        evidence: dict[tuple[int, str], float],
    ) -> tuple[tuple[str, ...], tuple[UnknownWord, ...]]:
        """Sort words into those that are drawn as they are meant, and the others."""
        understood: list[str] = []
        unknown: list[UnknownWord] = []
        for phrase, meanings in self._phrases_in(words):
            drawn = [
                x
                for x in meanings
                if x.value in (named.get(x.slot), named.get(_SHARED.get(x.slot, "")))
            ]
            said = " ".join(word.plain for word in phrase)
            drawn += [_Meaning(slot, said) for slot, value in named.items() if value == said]
            if any(self._is_same(phrase, x) for x in drawn):
                understood += [word.text for word in phrase if not self._says_nothing(word.plain)]
                continue
            for word in phrase:
                if self._says_nothing(word.plain):
                    continue
                made = self._made_of(word, named, evidence)
                if self._is_trained(word, named) or (made and self._is_near(word, made)):
                    understood.append(word.text)
                else:
                    unknown.append(UnknownWord(word.text, self._nearest(word, drawn)))
        return tuple(dict.fromkeys(understood)), tuple(dict.fromkeys(unknown))

    def _describe(self, named: dict[str, str | None]) -> tuple[str, ...]:
        """Say in words what is drawn: the characters, then the other values that are named."""
        subject = _name(named["subject"], named["colour"], named.get("outfit"))
        subject = " ".join(filter(None, (named["size"], named["emotion"], subject)))
        if subject and not named["subject"]:
            subject = f"something {subject}"
        subject = _NUMBERS.get(named.get("count") or "", "") + subject
        companion = _name(named["companion"], named["companion_colour"])
        is_same = named["companion_colour"] in (None, named["colour"])
        characters = [subject, companion]
        if named["companion"] and named["companion"] == named["subject"] and is_same:
            characters = [f"2 x {subject}"]
        elif companion and named["relation"]:
            characters[1] = f"{named['relation']} {companion}"
        if hair := named.get("hair"):
            characters.append(f"{hair} hair")
        scene = [named.get(name) for name in ("place", "time", "weather", "season")]
        phrases = self._encoder.config.slot_phrases
        for name in ("action", "motion", "camera", "style"):
            value = named.get(name) or ""
            scene.append(next(iter(phrases.get(name, {}).get(value, ())), value))
        return tuple(filter(None, [*characters, *scene]))

    def _phrases_in(
        self, words: Sequence[_Word]
    ) -> Iterator[tuple[Sequence[_Word], tuple[_Meaning, ...]]]:
        """Split words into the longest trained phrases and single words, with their meanings."""
        matches = {x.start: x for x in self._reader.find([word.plain for word in words])}
        start = 0
        while start < len(words):
            match = matches.get(start)
            end = match.end if match else start + 1
            meanings = tuple(_Meaning(*x) for x in match.meanings) if match else ()
            if phrase := [word for word in words[start:end] if not word.is_mark]:
                yield phrase, meanings
            start = end

    def _is_same(self, phrase: Sequence[_Word], meaning: _Meaning) -> bool:
        """Say whether a trained phrase means a value itself, not only something like it."""
        if meaning.slot not in _THINGS or len(phrase) > 1:
            return True
        return any(self._likeness(word, meaning.value) >= SAME_THING for word in phrase)

    def _is_trained(self, word: _Word, named: dict[str, str | None]) -> bool:
        """Say whether a word ends a trained phrase for a value that is drawn, and means it."""
        drawn = [_Meaning(slot, value) for slot, value in named.items() if value]
        return any(
            self._vocab[word.token] in self._known_words.get(x, ()) and self._is_same([word], x)
            for x in drawn
        )

    def _made_of(
        self, word: _Word, named: dict[str, str | None], evidence: dict[tuple[int, str], float]
    ) -> _Meaning | None:
        """Return the value that is drawn because of a word, or None."""
        falls = {slot: evidence.get((word.index, slot), 0.0) for slot in named if named[slot]}
        slot = max(falls, key=falls.__getitem__, default="")
        value = named.get(slot)
        return _Meaning(slot, value) if value and falls[slot] >= EVIDENCE else None

    def _is_near(self, word: _Word, meaning: _Meaning) -> bool:
        """Say whether a word that was not trained means the same as one that was."""
        if meaning.slot in _THINGS and self._likeness(word, meaning.value) < SAME_THING:
            return False
        return self._cosine(word, self._known_words.get(meaning, [])) >= NEAR

    def _nearest(self, word: _Word, drawn: Sequence[_Meaning]) -> str | None:
        """Return what training has a word drawn as, or else the known thing nearest to it."""
        if drawn:
            return drawn[0].value
        things = [value for slot in _THINGS for value in self._slots.get(slot, ())]
        best = max(things, key=lambda value: self._likeness(word, value), default=None)
        if best is None or best == word.token or self._likeness(word, best) < NEAREST:
            return None
        return best

    def _likeness(self, word: _Word, value: str) -> float:
        """Return the cosine of a word and the nearest word of a value's name; -1 if unknown."""
        return self._cosine(word, [self._vocab[x] for x in value.split() if x in self._vocab])

    def _cosine(self, word: _Word, known: list[int]) -> float:
        """Return the cosine of a word and the nearest of these words of the vocabulary."""
        index = self._vocab[word.token]
        if index == self._tokenizer.unk_token_id or not known:
            return -1.0
        return float((self._vectors[known] @ self._vectors[index]).max())

    def _says_nothing(self, word: str) -> bool:
        """Say whether a word names nothing, as training has taught the encoder."""
        return word in FUNCTION_WORDS or word in self._passed_over

    @cached_property
    def _known(self) -> dict[str, tuple[str, ...]]:
        return {slot: tuple(values) for slot, values in self._slots.items()}

    @cached_property
    def _passed_over(self) -> frozenset[str]:
        return frozenset(self._encoder.config.passed_over)

    @cached_property
    def _known_words(self) -> dict[_Meaning, list[int]]:
        """The words that name each value: of phrases for things the last, "a tabby cat"."""
        named: dict[_Meaning, list[int]] = {}
        for slot, values in self._encoder.config.slot_phrases.items():
            for value, phrases in values.items():
                split = [words_of(phrase) for phrase in phrases]
                words = [x for y in split for x in (y[-1:] if slot in _THINGS else y)]
                known = [x for x in words if x in self._vocab and not self._says_nothing(x)]
                for name in filter(None, (slot, _SHARED.get(slot))):
                    named[_Meaning(name, value)] = [self._vocab[x] for x in known]
        return named


def _name(subject: str | None, colour: str | None, outfit: str | None = None) -> str:
    """Name a character with its colour, which is that of people's clothes."""
    if subject not in ("woman", "man", SOMEBODY, "child"):
        return " ".join(filter(None, (colour, subject)))
    clothes = " ".join(filter(None, (colour, outfit)))
    article = "a " if outfit == "dress" else ""
    return f"{subject} in {article}{clothes}" if clothes else str(subject)
