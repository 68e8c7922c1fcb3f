"""Calls of endpoints: values left out at the end get their defaults, and what is wrong is said.

Clients fill them in themselves; a plain POST of `{"data": ["a red car"]}` does not, and Gradio
answered it with `{"error": null}`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

import gradio as gr
from gradio.blocks import BlockFunction
from gradio.route_utils import FnIndexInferError
from starlette.types import Scope

from pipeline.errors import shown

CALL_ERRORS = (FnIndexInferError, KeyError, TypeError)
"""What Gradio's routes raise for calls that they cannot pass on; the answer would be a 500."""
_CALL = re.compile(r"/gradio_api/(?:queue/join|(?P<way>call/v2|call|run)/(?P<name>[^/]+)/?)")


def complete_values(block_fn: BlockFunction, values: list[Any]) -> list[Any]:
    """Return the values of an event, with the defaults of a public endpoint behind them.

    Raises gr.Error if a value without a default is missing, or if there are too many.
    """
    if block_fn.api_visibility != "public" or len(values) == len(block_fn.inputs):
        return values
    parameters = list(inspect.signature(block_fn.fn).parameters.values())
    if len(values) > len(parameters):
        raise gr.Error(
            f'"data" has {len(values):,} values, but /{block_fn.api_name} takes at most '
            f"{len(parameters)}; see /gradio_api/info.",
            print_exception=False,
        )
    left_out = parameters[len(values) :]
    if missing := _without_default(left_out):
        raise gr.Error(
            f"/{block_fn.api_name} needs {', '.join(_without_default(parameters))}; add "
            f'{missing[0]} to "data" as value {len(values) + 1}.',
            print_exception=False,
        )
    return [*values, *(x.default for x in left_out)]


def refuse_call(scope: Scope, error: Exception) -> tuple[int, str] | None:
    """Return the status and the message for one of CALL_ERRORS; None if the call was not wrong."""
    call = _CALL.fullmatch(scope["path"])
    if call is None:
        return None
    name, way = call["name"], call["way"]
    if not isinstance(error, TypeError):  # it was looked up by its name or its number
        which = shown(name) if name else "of that number"
        return 404, f"There is no endpoint {which}; see /gradio_api/info."
    endpoints = {fn.api_name: fn.fn for fn in scope["app"].get_blocks().fns.values()}
    if way != "call/v2" or name not in endpoints:
        return None
    needed = _without_default(inspect.signature(endpoints[name]).parameters.values())
    needs = f"needs {', '.join(needed)}, and " if needed else ""
    return 422, f"/{name} {needs}takes the values that /gradio_api/info lists, by their names."


def _without_default(parameters: Iterable[inspect.Parameter]) -> list[str]:
    return [x.name for x in parameters if x.default is inspect.Parameter.empty]
