"""The parameters of the endpoints that make clips: each of them once, with type and default."""

# No `from __future__ import annotations` here: gr.api needs types, not their names.
from collections.abc import AsyncIterator, Callable
from functools import wraps
from inspect import Parameter, Signature
from typing import Any

import gradio as gr

from pipeline.planning.request import DEFAULT_SHOT_SECONDS, DEFAULT_STRENGTH

ClipAnswer = tuple[gr.FileData | None, dict[str, Any]]
Fields = dict[str, Any]
_Method = Callable[[Any, Fields], AsyncIterator[ClipAnswer]]

_REQUIRED = Parameter.empty
_JSON = dict[str, Any]
_TYPES_AND_DEFAULTS: dict[str, tuple[Any, object]] = {
    "prompt": (str, _REQUIRED),
    "image": (gr.FileData, _REQUIRED),
    "video": (gr.FileData, _REQUIRED),
    "videos": (list[gr.FileData], _REQUIRED),
    "storyboard": (str | list[_JSON], _REQUIRED),
    "start": (float, _REQUIRED),
    "model": (str | None, None),
    "aspect_ratio": (str, "16:9"),
    "direction": (str, "forward"),
    "strength": (float, DEFAULT_STRENGTH),
    "duration": (float, DEFAULT_SHOT_SECONDS),
    "seed": (int, -1),
    "negative_prompt": (str, ""),
    "num_inference_steps": (int | None, None),
    "guidance_scale": (float | None, None),
    "video_after": (gr.FileData | None, None),
    "pictures": (list[gr.FileData] | None, None),
    "based_on": (str | None, None),
    "pieces": (list[_JSON] | None, None),
    "label": (str, ""),
    "shows_prompt": (bool, False),
    "has_consent": (bool, False),
    "loras": (str | list[_JSON] | None, None),
    "shift": (float | None, None),
    "quality": (str, "standard"),
    "enhance": (bool | None, None),
    "strict": (bool, False),
    "camera": (str, ""),
    "characters": (list[str] | None, None),
    "owner": (str, ""),
}
# The order of parameters is stable, so what came later stands behind what one endpoint has alone.
SAMPLING = ("seed", "negative_prompt", "num_inference_steps", "guidance_scale")
LATER = ("loras", "shift", "quality", "enhance")
# Of endpoints that take files, which may show people.
WITH_FILES = ("label", "shows_prompt", "has_consent", *LATER)
CHARACTERS = ("characters", "owner")


def takes(*names: str, **defaults: object) -> Callable[[_Method], Callable[..., Any]]:
    """Let an endpoint take parameters by their names, in this order; it gets them as one dict.

    `defaults` are those that differ from the table. A null that a caller sends means the default.
    """
    parameters = [_parameter(name, defaults) for name in names]
    signature = Signature(parameters, return_annotation=ClipAnswer)

    def decorate(method: _Method) -> Callable[..., Any]:
        @wraps(method)
        async def endpoint(self: object, *args: Any, **kwargs: Any) -> AsyncIterator[ClipAnswer]:  # noqa: ANN401
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            fields = {
                name: default if value is None and default is not _REQUIRED else value
                for (name, value), default in zip(
                    bound.arguments.items(), (x.default for x in parameters), strict=True
                )
            }
            async for answer in method(self, fields):
                yield answer

        own = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
        endpoint.__signature__ = signature.replace(parameters=[own, *parameters])  # type: ignore[attr-defined]
        endpoint.__annotations__ = {x.name: x.annotation for x in parameters}
        endpoint.__annotations__["return"] = ClipAnswer
        return endpoint

    return decorate


def _parameter(name: str, defaults: dict[str, object]) -> Parameter:
    kind, default = _TYPES_AND_DEFAULTS[name]
    default = defaults.get(name, default)
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind)
