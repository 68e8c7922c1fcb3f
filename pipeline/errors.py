"""The errors that Kinora raises on purpose; each message is one sentence for whoever asked.

KinoraError
├── InvalidRequestError          something the person can change: a value, a rule, what to do
│   ├── MediaError               a picture or a clip that cannot be used
│   └── RefusedError             something that Kinora does not make
├── ModelError                   weights that are missing or cannot be loaded
├── OutputError                  frames that must not be handed over: black, frozen, not numbers
├── StorageError                 a disk that is full, or a folder that may not be written
└── GenerationCancelledError     somebody pressed Stop
"""


class KinoraError(Exception):
    """Stand above every error that is meant to be read by a person."""


class InvalidRequestError(KinoraError):
    """Say which value is wrong, what the rule is and what to do."""


class MediaError(InvalidRequestError):
    """Say why a picture or a clip cannot be opened or used."""


class RefusedError(InvalidRequestError):
    """Say what Kinora does not make, and what to do instead."""


class ModelError(KinoraError):
    """Say which model's weights are missing or cannot be loaded."""


class OutputError(KinoraError):
    """Say that the model's frames are black, frozen or not numbers."""


class StorageError(KinoraError):
    """Say that the disk is full, or that a folder may not be written."""


class GenerationCancelledError(KinoraError):
    """Say that the generation was stopped before it was finished."""


def cannot_write() -> StorageError:
    """Return the error of a full disk, or of a folder that may not be written.

    It is read by visitors too: the folder's name is for the log.
    """
    return StorageError(
        "Kinora's disk is full or may not be written; whoever runs it can free some space, or set "
        "KINORA_DATA_DIR to another folder."
    )


def shown(value: object, most: int = 60) -> str:
    """Show a value in a sentence, in at most so many characters."""
    text = repr(value)
    return text if len(text) <= most else text[: most - 3] + "..."
