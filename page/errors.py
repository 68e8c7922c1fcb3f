"""Turns errors into messages for the page and the API, and logs unexpected ones."""

from __future__ import annotations

import contextlib
import html
import logging
from collections.abc import Iterator

import gradio as gr

from pipeline.errors import UNEXPECTED, KinoraError
from pipeline.jobs.states import Failed, JobState

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def plain_errors(*expected: type[KinoraError]) -> Iterator[None]:
    """Raise errors as gr.Error with a message for the user, and log unexpected ones.

    Errors of the `expected` classes pass unchanged.
    """
    try:
        yield
    except (gr.Error, *expected):
        raise
    except KinoraError as exc:
        raise gr.Error(str(exc), print_exception=False) from exc
    except Exception as exc:
        logger.exception("A request failed")
        raise gr.Error(UNEXPECTED, print_exception=False) from exc


def as_words(error: KinoraError) -> str:
    """Return an error's message for Markdown, with HTML escaped."""
    return html.escape(str(error), quote=False)


def refuse_failure(state: JobState) -> None:
    """Raise KinoraError with a job's message if the job has failed."""
    if isinstance(state, Failed):
        raise KinoraError(state.message)
