"""Names of form fields, as clients write lists and objects."""

from __future__ import annotations

import pytest

from http_api.errors import ApiError
from http_api.forms import nest


@pytest.mark.parametrize(
    ("items", "values"),
    [
        ([("prompt", "a")], {"prompt": "a"}),
        ([("a", "1"), ("a", "2")], {"a": ["1", "2"]}),
        ([("a[]", "1")], {"a": ["1"]}),
        ([("video[id]", "v")], {"video": {"id": "v"}}),
        ([("c[][id]", "1"), ("c[][id]", "2")], {"c": [{"id": "1"}, {"id": "2"}]}),
        (  # one object after the other, as JavaScript's client sends them
            [("c[][a]", "1"), ("c[][b]", "2"), ("c[][a]", "3"), ("c[][b]", "4")],
            {"c": [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]},
        ),
        (  # one key after the other, as Python's
            [("c[][a]", "1"), ("c[][a]", "3"), ("c[][b]", "2"), ("c[][b]", "4")],
            {"c": [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]},
        ),
        (
            [("c[][a]", "1"), ("c[][b]", "2"), ("c[][a]", "3")],
            {"c": [{"a": "1", "b": "2"}, {"a": "3"}]},
        ),
    ],
)
def test_names_in_brackets_become_objects_and_lists(
    items: list[tuple[str, str]], values: dict[str, object]
) -> None:
    assert nest(items) == values


@pytest.mark.parametrize(
    "names",
    [
        ["a[b"],
        ["a]b["],
        [""],
        ["[]"],
        ["[a]"],
        ["a[b][c]"],
        ["a[][b][c]"],
        ["a", "a[b]"],
        ["a[]", "a[b]"],
        ["a", "a[]"],
        ["a[b]", "a[b]"],
        ["a[][b]", "a[][b]", "a[][c]"],  # which of the two has c is not told
    ],
)
def test_names_that_say_nothing_clear_are_refused(names: list[str]) -> None:
    with pytest.raises(ApiError) as caught:
        nest([(name, "1") for name in names])
    assert caught.value.status == 400
