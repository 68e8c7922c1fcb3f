"""The values of a call to a public endpoint: those left out at the end get their defaults.

Clients fill them in themselves; a plain POST of `{"data": ["a red car"]}` does not, and Gradio
answered it with `{"error": null}`.
"""

from __future__ import annotations

import inspect
from typing import Any

import gradio as gr
from gradio.blocks import BlockFunction


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
    if missing := [x.name for x in left_out if x.default is inspect.Parameter.empty]:
        needed = [x.name for x in parameters if x.default is inspect.Parameter.empty]
        raise gr.Error(
            f'/{block_fn.api_name} needs {", ".join(needed)}; add {missing[0]} to "data" as value '
            f"{len(parameters) - len(left_out) + 1}.",
            print_exception=False,
        )
    return [*values, *(x.default for x in left_out)]
