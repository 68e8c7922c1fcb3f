"""The code of the page for users of Sora runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from http_api.videos import drafts
from tests.test_repository import ROOT

PAGE = (ROOT / "docs/sora.md").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning", "ignore:unclosed file")
def test_the_code_of_the_page_runs(
    app_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    code = code.replace("http://127.0.0.1:7860/", app_url).replace('seconds="4"', 'seconds="1"')
    exec(code, names)
    assert {path.suffix for path in tmp_path.iterdir()} == {".mp4", ".jpg"}
    client: Any = names["client"]
    client.videos.delete(names["longer"].id)  # type: ignore[attr-defined]
    client.delete(f"/videos/characters/{names['character'].id}", cast_to=object)  # type: ignore[attr-defined]


def test_every_parameter_and_call_is_documented() -> None:
    assert [name for name in drafts.SETTINGS if f"`{name}`" not in PAGE] == []
    for path in ("/v1/videos/{id}/content", "/v1/videos/extensions", "/v1/videos/edits"):
        assert path in PAGE
