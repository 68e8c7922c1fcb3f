"""Parses the LoRAs of a request: names and weights, from text or JSON. Opens no files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pipeline.errors import InvalidRequestError, shown

MAX_LORAS = 4
MAX_LORA_WEIGHT = 2.0  # the minimum is the negative of it
MAX_REFERENCE_CHARACTERS = 500
Expert = Literal["", "high", "low"]
"""The expert that a LoRA is for: that of the high noise levels or of the low ones."""
_EXPERTS: dict[str, Expert] = {"high": "high", "low": "low"}
_HOW = 'one line each, "owner/name 0.8", or JSON, [{"lora": "owner/name", "weight": 0.8}]'


@dataclass(frozen=True)
class Lora:
    """A LoRA of a request: its name, file or place on the Hub, its weight, and its expert.

    Without an expert its file's name decides, or else every expert gets it.
    """

    lora: str
    weight: float = 1.0
    expert: Expert = ""


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
    names = [(lora.lora, lora.expert) for lora in loras]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InvalidRequestError(f"The LoRA {_shown(twice[0])} is listed twice; list it once.")
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
    """Read a name, which may contain spaces, with an optional expert before and weight after it."""
    first, _, rest = line.strip().partition(":")
    expert = _EXPERTS.get(first.strip().lower(), "")
    if not expert:
        rest = line
    name, _, last = rest.strip().rpartition(" ")
    try:
        return Lora(name.strip(), float(last), expert) if name else Lora(last, expert=expert)
    except ValueError:
        return Lora(rest.strip(), expert=expert)


def _check(given: object) -> Lora:
    fields = {"lora", "weight", "expert"}
    if isinstance(given, Mapping) and "lora" in given and set(given) <= fields:
        given = Lora(**given)
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
    if given.expert not in get_args(Expert):
        raise InvalidRequestError(
            f"The expert of the LoRA {_shown(name)} is {_shown(given.expert)}, but it must be high "
            "or low, or left out."
        )
    return Lora(name.strip(), float(weight), given.expert)


def _shown(value: object) -> str:
    return shown(value, most=80)
