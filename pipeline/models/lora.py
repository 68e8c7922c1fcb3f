"""Parses the LoRAs of a request: names and weights, from text or JSON. Opens no files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import InvalidRequestError, shown

MAX_LORAS = 4
MAX_LORA_WEIGHT = 2.0  # the minimum is the negative of it
MAX_REFERENCE_CHARACTERS = 500
_HOW = 'one line each, "owner/name 0.8", or JSON, [{"lora": "owner/name", "weight": 0.8}]'


@dataclass(frozen=True)
class Lora:
    """A LoRA of a request: its name, file or place on the Hub, and its weight."""

    lora: str
    weight: float = 1.0


def parse_loras(given: object) -> tuple[Lora, ...]:
    """Parse LoRAs from text, one per line, from JSON text, or from a list of JSON objects.

    Raises InvalidRequestError with one sentence for the first mistake.
    """
    if given is None or given == "":
        return ()
    if isinstance(given, str):
        given = _read_text(given)
    if not isinstance(given, Sequence):
        raise InvalidRequestError(f"The LoRAs are {_shown(given)}, but they must be {_HOW}.")
    loras = tuple(_check(lora) for lora in given)
    if len(loras) > MAX_LORAS:
        raise InvalidRequestError(
            f"There are {len(loras)} LoRAs, but a clip can have at most {MAX_LORAS}; remove some."
        )
    names = [lora.lora for lora in loras]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InvalidRequestError(f"The LoRA {_shown(twice)} is listed twice; list it once.")
    return loras


def _read_text(text: str) -> list[object]:
    if text.lstrip().startswith("["):
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as exc:
            raise InvalidRequestError(f"The LoRAs are not valid JSON; correct it: {exc}.") from exc
        return values if isinstance(values, list) else [values]
    return [_read_line(line) for line in text.splitlines() if line.strip()]


def _read_line(line: str) -> Lora:
    """Read a name, which may contain spaces, and an optional weight after it."""
    name, _, last = line.strip().rpartition(" ")
    try:
        return Lora(name.strip(), float(last)) if name else Lora(last)
    except ValueError:
        return Lora(line.strip())


def _check(given: object) -> Lora:
    if isinstance(given, Mapping) and "lora" in given and set(given) <= {"lora", "weight"}:
        given = Lora(given["lora"], given.get("weight", 1.0))
    if not isinstance(given, Lora):
        raise InvalidRequestError(f"A LoRA is {_shown(given)}, but LoRAs must be {_HOW}.")
    name, weight = given.lora, given.weight
    if not isinstance(name, str) or not 0 < len(name.strip()) <= MAX_REFERENCE_CHARACTERS:
        raise InvalidRequestError(
            f"A LoRA is named {_shown(name)}, but a name must have 1 to {MAX_REFERENCE_CHARACTERS} "
            "characters."
        )
    # NaN fails the comparison too.
    is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
    if not is_number or not -MAX_LORA_WEIGHT <= weight <= MAX_LORA_WEIGHT:
        raise InvalidRequestError(
            f"The weight of the LoRA {_shown(name)} is {_shown(weight)}, but it must be a number "
            f"from {-MAX_LORA_WEIGHT:g} to {MAX_LORA_WEIGHT:g}."
        )
    return Lora(name.strip(), float(weight))


def _shown(value: object) -> str:
    return shown(value, most=80)
