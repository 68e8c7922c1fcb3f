"""Opens files for the client of the running event, within its limits and while it is connected."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from page.auth import client_id
from page.private_gradio import presence
from pipeline.studio import Studio

_T = TypeVar("_T")


async def inspect(studio: Studio, work: Callable[..., _T], *values: object) -> _T:
    """Run `work`, which opens a file of the running event's client; see `Inspector.run`."""
    return await studio.inspect(client_id(), work, *values, is_gone=presence())
