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
from pipeline.mini.scene import PEOPLE, SOMEBODY, complete_scene, dress_all
from pipeline.mini.text_encoder import MAX_TOKENS, SlotTextEncoder
from pipeline.models.spec import ModelSpec
from pipeline.planning.understanding import Reading, UnknownWord

# Chosen on the development half of training/evaluation/understanding.json: LOG.md.
EVIDENCE = 0.3  # by which a slot's probability falls without a word that names it
NEAR = 0.65  # cosine of a word that was not trained to a trained one, if it means the same
SAME_THING = 0.1  # the same, of a trained word for a subject or a place to its name
NEAREST = 0.4  # cosine from which a word that is not drawn has a known one near it
_THINGS = ("subject", "companion", "place")
# Of the slots about a companion, those that share the words of another slot.
_WORDS_OF = {"companion": "subject", "companion_colour": "colour"}
_NUMBERS = {"two": "2 x ", "three": "3 x "}
# The closed classes of English: articles, pronouns, prepositions, conjunctions, auxiliaries.
_FUNCTION_WORDS = (
    "a an the this that these those some any each every another other such both all no not i "
    "you he she it we they me him her us them my your his its our their mine yours hers one who "
    "whom whose which what where when why how there here then than as if so too very just and "
    "or but nor yet because while though although until since before after during of in on at "
    "by to from with without into onto through over under above below between among near next "
    "behind beside across along around about against toward towards up down out off is are was "
    "were be been being am has have had do does did can could will would shall should may might "
    "must let s t re ve ll d m like also only more most again still ever several many few much "
    "lot lots please show shows showing make makes made see seen featuring features video clip "
    "scene"
)
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())


@dataclass(frozen=True)
class _Word:
    text: str
    token: str  # in the vocabulary, or the one for unknown words
    index: int  # among the prompt's tokens


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
        encoded = self._tokenizer(prompt, return_offsets_mapping=True)
        num_slots, ids = self._encoder.num_slots, encoded.input_ids
        tokens = self._tokenizer.convert_ids_to_tokens(ids)
        words = [
            _Word(prompt[first:last], tokens[index], index)
            for index, (first, last) in enumerate(encoded.offset_mapping)
            if index >= num_slots and prompt[first:last].strip("_").isalnum()
        ]
        read = [word for word in words if word.index < MAX_TOKENS]
        guessed, evidence = self._weigh(ids[:MAX_TOKENS], read)
        named = self._reader.correct(prompt, guessed)
        understood, unknown = self._account(read, self._drawn(named), evidence)
        drawn = self._describe(self._drawn(dress_all(named, looks, self._known)))
        return Reading(drawn, understood, unknown, len(words) - len(read))

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
            drawn = [x for x in meanings if named.get(x.slot) == x.value]
            if any(self._is_same(phrase, x) for x in drawn):
                understood += [word.text for word in phrase if not self._says_nothing(word)]
                continue
            for word in phrase:
                if self._says_nothing(word):
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
        start = 0
        while start < len(words):
            for length in range(min(self._longest_phrase, len(words) - start), 0, -1):
                phrase = words[start : start + length]
                meanings = self._phrases.get(tuple(word.token for word in phrase), ())
                if meanings or length == 1:
                    yield phrase, meanings
                    break
            start += length

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

    def _says_nothing(self, word: _Word) -> bool:
        return word.text.lower() in FUNCTION_WORDS or word.token in self._passed_over

    @cached_property
    def _known(self) -> dict[str, tuple[str, ...]]:
        return {slot: tuple(values) for slot, values in self._slots.items()}

    @cached_property
    def _passed_over(self) -> frozenset[str]:
        """The words that training has taught the encoder to pass over."""
        return frozenset(self._encoder.config.passed_over)

    @cached_property
    def _phrases(self) -> dict[tuple[str, ...], tuple[_Meaning, ...]]:
        """Every trained phrase in tokens, with the values that it names."""
        found: dict[tuple[str, ...], tuple[_Meaning, ...]] = {}
        for slot, values in self._slots.items():
            phrases = self._encoder.config.slot_phrases.get(_WORDS_OF.get(slot, slot), {})
            for value in values:
                for phrase in (value, *phrases.get(value, ())):
                    tokens = tuple(self._tokenizer.tokenize(phrase))
                    found[tokens] = (*found.get(tokens, ()), _Meaning(slot, value))
        return found

    @cached_property
    def _longest_phrase(self) -> int:
        return max(map(len, self._phrases), default=1)

    @cached_property
    def _known_words(self) -> dict[_Meaning, list[int]]:
        """The words that name each value: of phrases for things the last, "a tabby cat"."""
        words: dict[_Meaning, list[int]] = {}
        for tokens, meanings in self._phrases.items():
            for meaning in meanings:
                named = tokens[-1:] if meaning.slot in _THINGS else tokens
                words.setdefault(meaning, []).extend(
                    self._vocab[token]
                    for token in named
                    if token not in FUNCTION_WORDS | self._passed_over
                )
        return words


def _name(subject: str | None, colour: str | None, outfit: str | None = None) -> str:
    """Name a character with its colour, which is that of people's clothes."""
    if subject not in (*PEOPLE, SOMEBODY, "child"):
        return " ".join(filter(None, (colour, subject)))
    clothes = " ".join(filter(None, (colour, outfit)))
    article = "a " if outfit == "dress" else ""
    return f"{subject} in {article}{clothes}" if clothes else str(subject)
