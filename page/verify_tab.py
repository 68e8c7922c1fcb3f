"""The Verify tab: shows where a file comes from, with all text from the file escaped.

pipeline/trust/provenance/report.py makes the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from page.components import MAX_WATCHING, PRIVATE
from page.errors import plain_errors
from page.inspection import inspect
from pipeline.studio import Studio
from pipeline.trust.provenance.credential_types import describe_relationship

NAME = "verify"
_INTRODUCTION = (
    "Drop a clip or picture, made here or anywhere else. Kinora shows its signed credentials and "
    "whether they are valid, the invisible mark of this Kinora, a similar clip made here, and what "
    "the file claims. Your file is checked here and sent nowhere else."
)
_STATES = {
    "trusted": ("Valid, signer known to this Kinora", "good"),
    "valid": ("Valid, signer not known to this Kinora", "fair"),
    "invalid": ("Not valid", "bad"),
    "unreadable": ("Cannot be read", "bad"),
    "none": ("Unsigned", "plain"),
}
_OURS = ("Valid, signed by this Kinora", "good")
_RECORDED = "signature checked now; that it was unchanged when it was used is as its user recorded"
_LIKENESS = {
    "made": "like the clip",
    "given": "like what was given for the clip",
    "both": "partly like the clip, partly like what was given for it:",
}


class VerifyTab:
    """The tab on the page: takes a file and shows its report."""

    def __init__(self, studio: Studio) -> None:
        """Lay out the tab in the current Blocks and connect its events."""
        self._studio = studio
        with (
            gr.Tab("Verify", id=NAME, elem_id=f"{NAME}-tab") as self.tab,
            gr.Row(equal_height=False),
        ):
            with gr.Column(scale=4, min_width=300):
                # Not gr.Video: it may re-encode the file and drop its credentials.
                file = gr.File(label="Clip or picture", height=160, elem_id=f"{NAME}-file")
                gr.Markdown(_INTRODUCTION, elem_classes="kinora-note")
            with gr.Column(scale=7, min_width=320):
                report = gr.HTML("", elem_id=f"{NAME}-report", elem_classes="kinora-report")
        looks = PRIVATE | {
            "show_progress": "full",
            "show_progress_on": None,
            "concurrency_limit": MAX_WATCHING,
        }
        file.change(self._look, file, report, **looks)

    async def _look(self, path: str | None) -> str:
        if path is None:
            return ""
        with plain_errors():
            report = await inspect(self._studio, self._studio.verify, Path(path))
            return show_report(report)


def show_report(report: Mapping[str, Any]) -> str:
    """Return a report as HTML; everything that comes from the file is escaped."""
    credentials = report["credentials"]
    parts = [
        f'<h3 class="kinora-verdict {report["mood"]}">{escape(report["headline"])}</h3>',
        "<ul>" + "".join(f"<li>{escape(x)}</li>" for x in report["conclusions"]) + "</ul>",
    ]
    if credentials["state"] != "none":
        parts += ["<h4>Credentials</h4>", f"<ul>{_show('this file', credentials)}</ul>"]
    if report["marks"]:
        parts += ["<h4>Invisible mark</h4>", _show_marks(report)]
    if near := report["nearest"]:
        bits = f"{near['distance']:g} of 64 bits differ; up to {near['most']:g} count as similar"
        what = f"{_LIKENESS[near['likeness']]} {_made(near)}"
        parts += ["<h4>Most similar clip known to this Kinora</h4>", _table([what, bits])]
    if report["tags"]:
        rows = [[key, text] for key, text in report["tags"].items()]
        parts += ["<h4>Notes in the file (claims that anyone can write)</h4>", _table(*rows)]
    return "".join(parts)


def _show(name: str, credentials: Mapping[str, Any], is_ingredient: bool = False) -> str:
    """Return one manifest as a list item, with its ingredients nested below."""
    words, mood = _OURS if credentials["is_local_identity"] else _STATES[credentials["state"]]
    state = f'<span class="kinora-badge {mood}">{words}</span>'
    facts = [f"signed by {credentials['signer']}"] if credentials["signer"] else []
    if credentials["signed_at"]:
        facts.append(f"timestamp {credentials['signed_at']}")
    facts += [_describe(action) for action in credentials["actions"]]
    facts += dict.fromkeys(failure["words"] for failure in credentials["failures"])
    if is_ingredient and credentials["state"] in ("trusted", "valid"):
        facts.append(_RECORDED)
    below = "".join(_show(_name(x), x["credentials"], True) for x in credentials["ingredients"])
    told = "".join(f"<div>{escape(fact)}</div>" for fact in facts)
    return f"<li><b>{escape(name)}</b> {state}{told}{below and f'<ul>{below}</ul>'}</li>"


def _name(ingredient: Mapping[str, Any]) -> str:
    what = describe_relationship(ingredient["relationship"], "it")
    return f"{what} ({ingredient['title']})" if ingredient["title"] else what


def _describe(action: Mapping[str, Any]) -> str:
    source = action["source_type"].rpartition("/")[2]
    by = f" with {action['software']}" if action["software"] else ""
    when = f" on {action['when']}" if action["when"] else ""
    return f"{action['action'].removeprefix('c2pa.')}{by}{when}" + (f": {source}" if source else "")


def _show_marks(report: Mapping[str, Any]) -> str:
    rows = []
    for window in report["marks"]:
        known = window["known"]
        found = window["id"] or ("marked, ID not readable" if window["is_marked"] else "none found")
        what = "not in the registry" if window["id"] else ""
        if known:
            is_like = {True: "looks like", False: "does not look like", None: "may be"}
            what = f"{is_like[window['looks_like_known']]} the clip {_made(known)}"
        where = f"{window['from_seconds']:g} to {window['to_seconds']:g} s"
        rows.append(["the picture" if report["kind"] == "picture" else where, found, what])
    return _table(*rows)


def _made(known: Mapping[str, Any]) -> str:
    prompt = f": {known['prompt']}" if known["prompt"] else ""
    return f"made here on {known['made_on']} with {known['model']}{prompt}"


def _table(*rows: Iterable[str]) -> str:
    lines = (
        "".join(f'<td class="kinora-cell">{escape(cell)}</td>' for cell in row) for row in rows
    )
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
