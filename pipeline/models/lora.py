"""LoRAs as somebody asks for them: names and weights, from text or JSON. Opens no file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import InvalidRequestError, shown

MAX_LORAS = 4
MAX_LORA_WEIGHT = 2.0  # and as much below 0
MAX_REFERENCE_CHARACTERS = 500
_HOW = 'a line for each, "owner/name 0.8", or JSON, [{"lora": "owner/name", "weight": 0.8}]'


@dataclass(frozen=True)
class Lora:
    """A small change to a model: its name, a file or a place on the Hub, and how much of it."""

    lora: str
    weight: float = 1.0


def parse_loras(given: object) -> tuple[Lora, ...]:
    """Return the LoRAs that a text, or what JSON makes of a list of them, asks for.

    Raises InvalidRequestError with one sentence for the first thing that is wrong.
    """
    if given is None or given == "":
        return ()
    if isinstance(given, str):
        given = _read_text(given)
    if not isinstance(given, Sequence):
        raise InvalidRequestError(f"The LoRAs are {_shown(given)}, but they have to be {_HOW}.")
    loras = tuple(_check(lora) for lora in given)
    if len(loras) > MAX_LORAS:
        raise InvalidRequestError(
            f"There are {len(loras)} LoRAs, but a clip is made with at most {MAX_LORAS}; leave "
            "some out."
        )
    names = [lora.lora for lora in loras]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InvalidRequestError(f"The LoRA {_shown(twice)} is there twice; add its weights up.")
    return loras


def _read_text(text: str) -> list[object]:
    if text.lstrip().startswith("["):
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise InvalidRequestError(f"The LoRAs are no JSON that can be read: {exc}.") from exc
        return values if isinstance(values, list) else [values]
    return [_read_line(line) for line in text.splitlines() if line.strip()]


def _read_line(line: str) -> Lora:
    """Read a name, which may have spaces in it, and the weight after it, if there is one."""
    name, _, last = line.strip().rpartition(" ")
    try:
        return Lora(name.strip(), float(last)) if name else Lora(last)
    except ValueError:
        return Lora(line.strip())


def _check(given: object) -> Lora:
    if isinstance(given, Mapping) and "lora" in given and set(given) <= {"lora", "weight"}:
        given = Lora(given["lora"], given.get("weight", 1.0))
    if not isinstance(given, Lora):
        raise InvalidRequestError(f"A LoRA is {_shown(given)}, but LoRAs have to be {_HOW}.")
    name, weight = given.lora, given.weight
    if not isinstance(name, str) or not 0 < len(name.strip()) <= MAX_REFERENCE_CHARACTERS:
        raise InvalidRequestError(
            f"A LoRA is named {_shown(name)}, but a name has 1 to {MAX_REFERENCE_CHARACTERS} "
            "characters."
        )
    # Not-a-number fails the comparison too.
    is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not is_number or not -MAX_LORA_WEIGHT <= weight <= MAX_LORA_WEIGHT:
        raise InvalidRequestError(
            f"The weight of the LoRA {_shown(name)} is {_shown(weight)}, but it has to be a number "
            f"from {-MAX_LORA_WEIGHT:g} to {MAX_LORA_WEIGHT:g}."
        )
    return Lora(name.strip(), float(weight))


def _shown(value: object) -> str:
    return shown(value, most=80)
