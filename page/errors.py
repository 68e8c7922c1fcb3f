"""The one place where errors become sentences on the page or in an answer."""

from __future__ import annotations

import contextlib
import html
import logging
from collections.abc import Iterator

import gradio as gr

from pipeline.errors import KinoraError
from pipeline.jobs.states import Failed, JobState

logger = logging.getLogger(__name__)

FAILED = "Something went wrong that is not your fault; try again, and see the log for why."


@contextlib.contextmanager
def plain_errors(*expected: type[KinoraError]) -> Iterator[None]:
    """Turn errors into sentences for the person, and log those that nobody expected.

    Those of the `expected` classes pass as they are.
    """
    try:
        yield
    except (gr.Error, *expected):
        raise
    except KinoraError as exc:
        raise gr.Error(str(exc), print_exception=False) from exc
    except Exception as exc:
        logger.exception("A request failed")
        raise gr.Error(FAILED, print_exception=False) from exc


def as_words(error: KinoraError) -> str:
    """Return an error's sentence for Markdown; what looks like HTML in it stays words."""
    return html.escape(str(error), quote=False)


def refuse_failure(state: JobState) -> None:
    """Raise what ended a job, if it was a failure."""
    if isinstance(state, Failed):
        raise KinoraError(state.message)
