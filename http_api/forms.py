"""Reads the names of a form's fields: clients write lists and objects in several ways."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from http_api.errors import ApiError, wrong
from pipeline.errors import shown

_NAME = re.compile(r"(?P<head>[^\[\]]+)(?P<list>\[\])?(\[(?P<key>[^\[\]]+)\])?")


class _Field(NamedTuple):
    is_in_list: bool
    key: str | None
    value: Any


def nest(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the values of a form by name: `a[b]` is in an object, `a[]` and `a[][b]` in a list.

    A name that is repeated is a list too. Raises ApiError for names that cannot be read.
    """
    fields: dict[str, list[_Field]] = {}
    for name, value in items:
        match = _NAME.fullmatch(name)
        if match is None:
            raise ApiError(400, f"The form has a field {shown(name)}, which cannot be read.")
        field = _Field(match["list"] is not None, match["key"], value)
        fields.setdefault(match["head"], []).append(field)
    return {head: _value(head, found) for head, found in fields.items()}


def _value(head: str, fields: Sequence[_Field]) -> object:
    """Return what the fields of one name hold together."""
    kinds = {(field.is_in_list, field.key is not None) for field in fields}
    values = [field.value for field in fields]
    if kinds == {(False, False)}:
        return values[0] if len(values) == 1 else values
    if kinds == {(True, False)}:
        return values
    if kinds == {(True, True)}:
        return _objects(head, fields)
    keys = [field.key for field in fields]
    if len(kinds) > 1 or len(set(keys)) < len(keys):
        raise wrong(head, f"The form has several fields {shown(head)} that do not fit each other.")
    return dict(zip(keys, values, strict=True))


def _objects(head: str, fields: Sequence[_Field]) -> list[dict[Any, Any]]:
    """Return a list of objects: some clients send one after the other, some key after key."""
    keys = [field.key for field in fields]
    by_key: dict[Any, list[Any]] = {}
    for field in fields:
        by_key.setdefault(field.key, []).append(field.value)
    if len(by_key) > 1 and any(first == second for first, second in pairwise(keys)):
        if len({len(values) for values in by_key.values()}) > 1:
            raise wrong(
                head,
                f"The form does not say which entry of {shown(head)} each value belongs to; send "
                f"{shown(head)} as JSON text.",
            )
        return [
            dict(zip(by_key, values, strict=True)) for values in zip(*by_key.values(), strict=True)
        ]
    objects: list[dict[Any, Any]] = []
    for field in fields:
        if not objects or field.key in objects[-1]:
            objects.append({})
        objects[-1][field.key] = field.value
    return objects
