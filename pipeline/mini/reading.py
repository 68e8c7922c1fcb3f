"""Reads what words name by themselves, beside the text encoder, which guesses the others.

The encoder reads any wording, but not every plain one rightly. Where a prompt has a phrase that
training used (`SlotTextConfig.slot_phrases`), the phrase decides; what no phrase says is the
encoder's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.mini.anchors import HELD, RIDDEN, WORN
from pipeline.mini.tables import PEOPLE, SOMEBODY
from pipeline.mini.words import words_of

Named = dict[str, str | None]
_ONLY_WITH = {"riding": RIDDEN, "holding": HELD, "wearing": WORN}
_OF_PEOPLE = ("action", "outfit", "hair")
# Of these slots one phrase says enough; of the others the words around it count.
_PLAIN = ("place", "time", "weather", "season", "camera", "style", "emotion", "size")
_PREPOSITIONS = (
    "in on at under over above below near behind beside by with from through across into onto past "
    "among between around against"
)
_BEFORE_THINGS = frozenset(_PREPOSITIONS.split())
_VIEWS = (["shot"], ["view"], ["footage"], ["photo"], ["video"])  # "a drone shot of"
_IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "mice": "mouse",
    "geese": "goose", "wolves": "wolf", "leaves": "leaf", "knives": "knife", "calves": "calf",
    "ponies": "pony",
}  # fmt: skip
_SEXES = {"female": "woman", "male": "man"}
_GROUPS = {"couple": "two", "crowd": "three", "family": "three", "audience": "three"}
# Who can be what a word for people says: "a robot painter", but not "a bus driver".
_SOMEBODY = frozenset((SOMEBODY, "woman", "man", "child"))
_ANIMALS = (
    "cat rabbit bird fish butterfly turtle elephant dinosaur dog bear panda penguin duck swan owl "
    "horse unicorn zebra squirrel fox sheep cow goat pig kangaroo shark whale dolphin dragon frog "
    "snail mouse lion tiger monkey bee giraffe octopus"
)
_LIVING = _SOMEBODY | {"astronaut", "robot", "snowman", *_ANIMALS.split()}
_REACH = 4  # words between an adjective and its noun


@dataclass(frozen=True)
class Match:
    """A phrase in a prompt: its first word, the word after it, and what it can name."""

    start: int
    end: int
    meanings: tuple[tuple[str, str], ...]  # slots and values
    is_plural: bool = False
    is_bare: bool = False  # a place without the words that lead to it

    def value(self, slot: str) -> str | None:
        return next((value for name, value in self.meanings if name == slot), None)


class PhraseReader:
    """Knows the phrases of a text encoder's configuration."""

    def __init__(self, slot_phrases: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """Index the phrases of each slot and value."""
        self._table = _index(slot_phrases)
        self._places: dict[tuple[str, ...], str] = {}
        for value, phrases in slot_phrases.get("place", {}).items():
            for place in filter(None, map(_bare, phrases)):
                self._places.setdefault(place, value)
        self._longest = max(map(len, self._table), default=0)

    def correct(self, words: Sequence[str], guessed: Mapping[str, str | None]) -> Named:
        """Return the values that the encoder guessed, with those that phrases name in their place.

        `words` are those of the prompt and marks between them, as `words_of` splits it; `guessed`
        has a value or None for every slot that the weights know.
        """
        named, matches = dict(guessed), self.find(words)
        _replace(named, matches, _PLAIN)
        for slot in ("motion", "place"):  # said in more ways than phrases know
            said = (x for match in matches if (x := match.value(slot)))
            named[slot] = named[slot] or next(said, None)
        things = _things_of(matches)
        names, said_at_all = ({x.value("subject") for x in part} for part in (things, matches))
        if named["subject"] and named["subject"] in said_at_all - names:
            named |= dict.fromkeys(("subject", "colour"))  # "a glass vase" is about no glass
        things = [x for x in things if words[x.end : x.end + 1] not in _VIEWS]
        if first := _subject_of(things, words, matches, named):
            self._read_things(named, matches, things, first)
        if named["subject"] in (*PEOPLE, SOMEBODY):
            _replace(named, matches, _OF_PEOPLE)
        return named

    def _read_things(
        self, named: Named, matches: Sequence[Match], things: list[Match], first: Match
    ) -> None:
        """Read who is there, and what of them is said, in place."""
        subject = first.value("subject")
        if named["subject"] == SOMEBODY and subject in PEOPLE:
            subject = SOMEBODY
        if subject != named["subject"]:
            named["subject"] = subject
            named["emotion"] = named["emotion"] if subject == "child" else None
        others = [x for x in things if x.start > first.start and x.value("subject") != subject]
        second = next((x for x in others if x.value("subject") == named["companion"]), None)
        second = second or next(iter(others), None)
        if second is None:  # whom the encoder saw is named by no word
            named |= dict.fromkeys(("companion", "companion_colour", "relation"))
        else:
            named["companion"] = second.value("subject")
            named["relation"] = _relation(matches, first, second, named["relation"])
        self._read_adjectives(named, matches, first, second)

    def _read_adjectives(
        self, named: Named, matches: Sequence[Match], first: Match, second: Match | None
    ) -> None:
        own = _before(matches, first, "colour")
        other = _before(matches, second, "colour") if second else None
        named["colour"] = own or (None if named["colour"] == other else named["colour"])
        named["companion_colour"] = other or (named["companion_colour"] if second else None)
        if "count" in named:
            groups = [x for x in matches if x.start in (first.start, first.end)]
            counts = [x.value("count") for x in groups if x.value("subject")]  # "a lion family"
            count = next(filter(None, counts), None) or _before(matches, first, "count")
            named["count"] = count or named["count"] or ("two" if first.is_plural else None)

    def find(self, words: Sequence[str]) -> list[Match]:
        """Split a prompt into the longest phrases that are known; words between are left out."""
        found, start = [], 0
        while start < len(words):
            for length in range(min(self._longest, len(words) - start), 0, -1):
                part = tuple(words[start : start + length])
                if match := self._match(part, start):
                    found.append(match)
                    start += length
                    break
            else:
                start += 1
        starts = {x.start for x in found if x.value("subject")}
        return [x for x in found if not (x.is_bare and x.end in starts)]  # "a garden chair"

    def _match(self, part: tuple[str, ...], start: int) -> Match | None:
        end = start + len(part)
        if meanings := self._table.get(part):
            return Match(start, end, tuple(meanings))
        for last in _singulars(part[-1]):
            meanings = self._table.get((*part[:-1], last), [])
            if things := tuple(x for x in meanings if x[0] == "subject"):
                return Match(start, end, things, is_plural=True)
        if place := self._places.get(part):
            return Match(start, end, (("place", place),), is_bare=True)
        return None


def _index(
    slot_phrases: Mapping[str, Mapping[str, Sequence[str]]],
) -> dict[tuple[str, ...], list[tuple[str, str]]]:
    """Map phrases, split into words, to the slots and values that they can name.

    Beside the given ones: words for people with their sex before them, and words for groups.
    """
    table: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for slot, values in slot_phrases.items():
        for value, phrases in values.items():
            for phrase in phrases:
                meanings = table.setdefault(tuple(words_of(phrase)), [])
                if (slot, value) not in meanings:
                    meanings.append((slot, value))
    for phrase in slot_phrases.get("subject", {}).get(SOMEBODY, ()):
        for word, value in _SEXES.items():
            table.setdefault((word, *words_of(phrase)), [("subject", value)])
    for word, count in _GROUPS.items():
        table.setdefault((word,), [("subject", SOMEBODY), ("count", count)])
        table.setdefault((word, "of"), [("count", count)])
    return table


def _bare(phrase: str) -> tuple[str, ...]:
    """Return the noun of a phrase for a place: "pine forest" of "in a pine forest"; or nothing."""
    words = words_of(phrase)
    return tuple(words[2:]) if words[1:2] in (["a"], ["an"], ["the"]) else ()


def _replace(named: Named, matches: Sequence[Match], slots: Sequence[str]) -> None:
    """Put the first value that phrases name in the place of one that none of them names."""
    for slot in slots:
        values = [x for match in matches if (x := match.value(slot)) and not match.is_bare]
        if slot in named and values and named[slot] not in values:
            named[slot] = values[0]


def _singulars(word: str) -> list[str]:
    found = [_IRREGULAR[word]] if word in _IRREGULAR else []
    if word.endswith("ies"):
        found.append(word[:-3] + "y")
    if word.endswith("es"):
        found.append(word[:-2])
    if word.endswith("s") and len(word) > 3:
        found.append(word[:-1])
    return found


def _things_of(matches: Sequence[Match]) -> list[Match]:
    """List the phrases that name things, without those that a place is called after."""
    things = [x for x in matches if _is_thing(x, matches)]
    places = {x.start for x in matches if x.is_bare}
    others = [x for x in things if x.end not in places]
    return others or things  # "people in a coffee shop", but "boat lake fog"


def _is_thing(match: Match, matches: Sequence[Match]) -> bool:
    """Say whether a phrase names a thing: before another it is its colour, or its kind.

    A word for people after somebody is no other: "a woman driver".
    """
    if match.value("subject") is None:
        return False
    reach = 2 if match.value("colour") or match.value("size") else 1  # "an orange little cat"
    after = [x for x in matches if match.end <= x.start < match.end + reach and x.value("subject")]
    if after:
        return _is_somebody(match, after[0])
    return not any(x.end == match.start and _is_somebody(x, match) for x in matches)


def _is_somebody(first: Match, second: Match) -> bool:
    """Say whether the second of two words says what the first is, or how many."""
    return first.value("subject") in _LIVING and second.value("subject") in _SOMEBODY


def _is_led(words: Sequence[str], thing: Match, matches: Sequence[Match]) -> bool:
    """Say whether a preposition leads to a thing: "on a table", not "at sunset a table"."""
    before = [x for x in matches if x.end <= thing.start and x.end - x.start > 1]
    ends = [x.end for x in before if words[x.start] in _BEFORE_THINGS]
    for word in reversed(words[max(0, thing.start - 3, *ends) : thing.start]):
        if not word.isalnum():
            return False
        if word in _BEFORE_THINGS:
            return True
    return False


def _subject_of(
    things: list[Match], words: Sequence[str], matches: Sequence[Match], named: Named
) -> Match | None:
    """Return the thing that a prompt is about; None if no phrase names it, but the encoder may."""
    names = [thing.value("subject") for thing in things]
    if named["subject"] and named["subject"] not in names and named["companion"] in names:
        return None
    for thing in things:
        if not _is_led(words, thing, matches):
            return thing
    return next((x for x in things if x.value("subject") == named["subject"]), None)


def _relation(
    matches: Sequence[Match], first: Match, second: Match, guessed: str | None
) -> str | None:
    """Return how two things belong together, by the words between them or else as guessed."""
    companion = second.value("subject")
    between = [x for x in matches if first.end <= x.start and x.end <= second.start]
    said = [value for x in between for slot, value in x.meanings if slot == "relation"]
    said = [x for x in (*said, guessed) if x and companion in _ONLY_WITH.get(x, (companion,))]
    return said[0] if said else None


def _before(matches: Sequence[Match], thing: Match, slot: str) -> str | None:
    """Return what is said of a thing before it, with no other thing in between."""
    for match in reversed([x for x in matches if x.end <= thing.start]):
        if thing.start - match.end >= _REACH or _is_thing(match, matches):
            return None
        is_kind = match.value("subject") is not None  # "an orange cat", but "a rose garden, a cat"
        if is_kind and (match.end < thing.start or slot == "count"):
            continue
        if value := match.value(slot):
            return value
    return None
