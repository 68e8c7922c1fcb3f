"""Kinora's exceptions. Each message is one sentence for users: the value, the rule, what to do.

KinoraError
├── InvalidRequestError          a value that the user can change
│   ├── MediaError               a picture or a clip that cannot be used
│   ├── UnknownJobError          an id that no job has
│   ├── RefusedError             content that Kinora does not make
│   └── LimitError               a limit for now: the same request can work later
├── ModelError                   weights that are missing or cannot be loaded
├── OutputError                  generated frames that are black, frozen, NaN or infinite
├── StorageError                 a full disk, or a folder that is not writable
└── GenerationCancelledError     a generation that the user stopped
"""

from __future__ import annotations

import errno

UNEXPECTED = "Something went wrong in Kinora; try again, and see the server's log for the reason."
"""The message for every other exception, which is logged."""


class KinoraError(Exception):
    """Base class of all errors whose message is shown to users."""


class InvalidRequestError(KinoraError):
    """A value of the request is wrong; the message says which, the rule and what to do."""


class MediaError(InvalidRequestError):
    """A picture or a clip cannot be opened or used."""


class UnknownJobError(InvalidRequestError):
    """There is no job of this id."""


class RefusedError(InvalidRequestError):
    """The request asks for content that Kinora does not make."""


class LimitError(InvalidRequestError):
    """A limit of the visitor or of the queue is reached; the same request can work later."""


class ModelError(KinoraError):
    """A model's weights are missing or cannot be loaded."""


class OutputError(KinoraError):
    """The model's frames are black, frozen, NaN or infinite."""


class StorageError(KinoraError):
    """The disk is full, or a folder is not writable."""


class GenerationCancelledError(KinoraError):
    """The generation was stopped before it was finished."""

    def __init__(self, message: str = "The generation was stopped.") -> None:
        super().__init__(message)


def cannot_write(cause: OSError | None = None) -> StorageError:
    """Return the error for a full disk, an unwritable folder, or too many open files.

    Visitors read it too, so it does not name the folder: callers log that.
    """
    if cause is not None and cause.errno in (errno.EMFILE, errno.ENFILE):
        return StorageError("Kinora has too many files open at the moment; try again in a minute.")
    return StorageError(
        "Kinora's disk is full or not writable; the owner of this server can free some space, or "
        "set KINORA_DATA_DIR to another folder."
    )


def shown(value: object, most: int = 60) -> str:
    """Return a value's repr for a message, cut to `most` characters."""
    text = repr(value)
    return text if len(text) <= most else text[: most - 3] + "..."
