"""Reads the bodies of calls: JSON, forms and uploaded files, within size limits."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from starlette.datastructures import FormData, Headers, UploadFile
from starlette.requests import ClientDisconnect, Request

from http_api.errors import ApiError
from http_api.forms import nest
from pipeline.errors import cannot_write

MAX_UPLOAD_BYTES = 500_000_000  # for all files of one request together
MAX_BODY_BYTES = 2_000_000  # for a request without files
MAX_FILES = 4
MAX_FIELDS = 1000  # of a form: a long storyboard has several for each shot
MAX_DEPTH = 5  # of values within values
_MULTIPART = "multipart/form-data"  # the kind of body that can have files
_FORMS = (_MULTIPART, "application/x-www-form-urlencoded")
_NUMBERS = frozenset(
    ("seed", "duration", "weight", "picture", "num_inference_steps", "guidance_scale", "shift")
)
_FLAGS = frozenset(("shows_prompt", "has_consent", "enhance"))
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


@dataclass(frozen=True)
class Upload:
    """A file that came with a call; it is deleted when the call ends."""

    path: Path


@dataclass(frozen=True)
class Body:
    """The values of a call, and the folder of its files, which is deleted when the call ends."""

    values: dict[str, Any]
    folder: Path

    def keep_data(self, address: str) -> Upload:
        """Write what a `data:` address holds into a file. Raises ApiError or StorageError."""
        head, _, text = address.partition(",")
        try:
            if not re.fullmatch(r"data:[\w.+/-]{0,60};base64", head):
                raise ValueError("another encoding")
            data = base64.b64decode(text, validate=True)
        except ValueError as exc:
            raise ApiError(
                400, "A data: address must be a picture in base64, as in data:image/png;base64,..."
            ) from exc
        path = self.folder / "upload-data"
        _copy(io.BytesIO(data), path)
        return Upload(path)


def refuse_length(headers: Headers, most: int) -> tuple[int, str] | None:
    """Return the status and the message for a body that is too large or of unknown length."""
    length = headers.get("content-length", "")
    if not length.isdecimal() or "transfer-encoding" in headers:
        return 411, "The request needs a Content-Length header; send one."
    if int(length) > most:
        return 413, (
            f"The request has {int(length) / 1e6:,.1f} MB; send at most {most / 1e6:g} MB at a "
            "time."
        )
    return None


def body_length(request: Request) -> int:
    """Return the length of a request's body in bytes. Raises ApiError if it is too large."""
    most = MAX_UPLOAD_BYTES if _kind(request) == _MULTIPART else MAX_BODY_BYTES
    if refusal := refuse_length(request.headers, most):
        raise ApiError(*refusal)
    return int(request.headers["content-length"])


@contextlib.asynccontextmanager
async def read_body(request: Request) -> AsyncIterator[Body]:
    """Yield a body; its files are `Upload`, and exist until the block ends.

    Call `body_length` first. Raises ApiError for a body that cannot be read.
    """
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="kinora-api-"))
    try:
        yield Body(await _read_values(request, folder), folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _read_values(request: Request, folder: Path) -> dict[str, Any]:
    try:
        if _kind(request) not in _FORMS:
            return _typed(_parse_json(await request.body()))
        limits = {"max_files": MAX_FILES, "max_fields": MAX_FIELDS, "max_part_size": MAX_BODY_BYTES}
        async with request.form(**limits) as form:
            return _typed(nest(await asyncio.to_thread(_keep_files, form, folder)))
    except ClientDisconnect as exc:
        raise ApiError(400, "The connection ended before the request was complete.") from exc


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _parse_json(body: bytes) -> dict[str, Any]:
    try:
        values = json.loads(body or b"{}", parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as exc:
        raise ApiError(
            400, "The body is not valid JSON; send a JSON object or a form.", code="invalid_json"
        ) from exc
    if not isinstance(values, dict):
        raise ApiError(400, "The body must be a JSON object, with the parameters by their names.")
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _keep_files(form: FormData, folder: Path) -> list[tuple[str, str | Upload]]:
    """Write the uploaded files of a form into a folder. Raises StorageError."""
    kept: list[tuple[str, str | Upload]] = []
    for number, (name, value) in enumerate(form.multi_items()):
        if isinstance(value, UploadFile):
            suffix = Path(value.filename or "").suffix
            suffix = suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,5}", suffix) else ""
            path = folder / f"upload-{number}{suffix}"
            _copy(value.file, path)
            kept.append((name, Upload(path)))
        else:
            kept.append((name, value))
    return kept


def _copy(file: BinaryIO, path: Path) -> None:
    try:
        with path.open("wb") as target:
            shutil.copyfileobj(file, target, 1 << 20)
    except OSError as exc:
        raise cannot_write(exc) from exc


def _typed(value: Any, name: str = "", depth: int = 0) -> Any:  # noqa: ANN401
    """Return a value with text as a number or true or false, where its name asks for one.

    Raises ApiError for values within values within values.
    """
    if depth > MAX_DEPTH:
        raise ApiError(400, "The values of the request are nested too deeply.")
    if isinstance(value, Mapping):
        return {key: _typed(one, key, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_typed(one, depth=depth + 1) for one in value]
    if isinstance(value, str) and name in _NUMBERS and _NUMBER.fullmatch(value.strip()):
        number = float(value)
        return int(value) if number.is_integer() and "." not in value else number
    if isinstance(value, str) and name in _FLAGS and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    return value
