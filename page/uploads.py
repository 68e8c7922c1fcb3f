"""The files of API calls: uploads alone are taken, never a path or a link."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from pipeline.errors import InvalidRequestError, MediaError
from pipeline.media.images import open_picture
from pipeline.planning.request import Shot


def uploaded(name: str, file: object) -> Path:
    """Return the path of a file that Gradio received as an upload, never of any other file."""
    try:
        return Path(gr.FileData.model_validate(file, context={"validate_meta": True}).path)
    except ValueError as exc:
        raise InvalidRequestError(
            f"The {name} must be an uploaded file; with gradio_client, pass handle_file(path)."
        ) from exc


def uploaded_files(name: str, files: object, most: int) -> list[Path]:
    """Return the paths of uploaded files, all called `name`."""
    if files is not None and not isinstance(files, list):
        raise InvalidRequestError(
            f"The {name}s must be a list of uploaded files; with gradio_client, pass "
            "[handle_file(path), ...]."
        )
    if files and len(files) > most:
        raise InvalidRequestError(
            f"There are {len(files):,} {name}s, but the limit is {most}; remove some."
        )
    return [uploaded(f"{name} {number}", file) for number, file in enumerate(files or (), 1)]


def open_all(pictures: list[Path]) -> None:
    """Open each picture once. Raises MediaError with the number of the first unusable one."""
    for path in dict.fromkeys(pictures):
        try:
            open_picture(path)
        except MediaError as exc:
            raise MediaError(f"Picture {pictures.index(path) + 1}: {exc}") from exc


def refuse_unused(pictures: list[Path], shots: tuple[Shot, ...]) -> None:
    """Raise InvalidRequestError for a picture that no shot begins with."""
    used = {shot.image for shot in shots}
    for number, path in enumerate(pictures, 1):
        if path not in used:
            raise InvalidRequestError(
                f"No shot begins with picture {number}; write [picture {number}] before a shot's "
                "prompt, or leave the picture out."
            )
