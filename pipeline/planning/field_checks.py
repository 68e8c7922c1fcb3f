"""Checks of single request values; each raises InvalidRequestError with one sentence."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TypeVar, cast

from pipeline.errors import InvalidRequestError, shown

_Choice = TypeVar("_Choice", bound=str)


def check_file(name: str, path: object) -> Path:
    """Return the path of an existing file."""
    if not isinstance(path, str | Path) or not _is_file(Path(path)):
        raise InvalidRequestError(f"The {name} {show(path)} is not a file; upload it again.")
    return Path(path)


def check_text(name: str, value: object, max_characters: int) -> str:
    """Return text without surrounding blanks, of at most `max_characters` characters."""
    if not isinstance(value, str):
        raise InvalidRequestError(f"The {name} is {show(value)}, but it must be text.")
    if len(value) > max_characters:
        raise InvalidRequestError(
            f"The {name} has {len(value):,} characters, but the limit is {max_characters:,}; "
            "shorten it."
        )
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise InvalidRequestError(
            f"The {name} contains a character that is not valid text; type it again."
        ) from exc
    return value.strip()


def check_number(name: str, value: object, low: float, high: float, rule: str = "") -> float:
    """Return a number from `low` to `high`; `rule` replaces the range in the message."""
    # NaN and infinity fail the comparison too.
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        rule = rule or f"from {low:g} to {high:g}"
        raise InvalidRequestError(f"The {name} is {show(value)}, but it must be a number {rule}.")
    return float(value)


def check_whole_number(name: str, value: object, low: int, high: int, rule: str = "") -> int:
    """Return a whole number from `low` to `high`; `rule` replaces the range in the message."""
    rule = rule or f"from {low} to {high}"
    whole = int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(value, bool) or not isinstance(whole, int) or not low <= whole <= high:
        raise InvalidRequestError(
            f"The {name} is {show(value)}, but it must be a whole number {rule}."
        )
    return int(whole)


def check_flag(name: str, value: object) -> bool:
    """Return a value that is true or false."""
    if not isinstance(value, bool):
        raise InvalidRequestError(f"The {name} is {show(value)}, but it must be true or false.")
    return value


def check_choice(name: str, value: object, choices: Collection[_Choice]) -> _Choice:
    """Return a value that is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise InvalidRequestError(
            f"The {name} is {show(value)}, but it must be one of "
            f"{', '.join(choice for choice in choices if choice)}."
        )
    return cast("_Choice", value)


def show(value: object) -> str:
    """Return a value's repr for a message, or "missing" for None."""
    return "missing" if value is None else shown(value)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the name is too long for the file system
        return False
