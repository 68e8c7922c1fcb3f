"""The data folder, where the platform keeps such folders."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipeline.settings import default_data_dir


@pytest.mark.parametrize(
    ("platform", "variable", "folder"),
    [
        ("linux", "XDG_DATA_HOME", "kinora"),
        ("win32", "LOCALAPPDATA", "Kinora"),
    ],
)
def test_data_goes_where_the_platform_keeps_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, variable: str, folder: str
) -> None:
    monkeypatch.delenv("KINORA_DATA_DIR", raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv(variable, str(tmp_path))
    assert default_data_dir() == tmp_path / folder
    monkeypatch.delenv(variable)
    assert default_data_dir().is_relative_to(Path.home())
    monkeypatch.setenv("KINORA_DATA_DIR", str(tmp_path / "here"))
    assert default_data_dir() == tmp_path / "here"
