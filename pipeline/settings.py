"""Reads settings from environment variables, and finds the data folder."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pipeline.errors import KinoraError

YES, NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


def read_variable(name: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return a variable's value without surrounding blanks; an empty string if it is not set."""
    return environment.get(name, "").strip()


def read_number(name: str, default: float, *, is_count: bool = False) -> float:
    """Return a number above 0 or infinity; a count is whole. Raises KinoraError."""
    text = read_variable(name)
    try:
        number = float(text) if text else default
    except ValueError:
        number = math.nan
    is_whole = math.isinf(number) or number % 1 == 0
    if not number > 0 or (is_count and not is_whole):
        rule = "a whole number above 0" if is_count else "a number above 0"
        raise KinoraError(f"{name} is {text!r}, but it must be {rule}, or inf.")
    return number


def default_data_dir() -> Path:
    """Return KINORA_DATA_DIR, or Kinora's folder in the user's data folder."""
    if chosen := read_variable("KINORA_DATA_DIR"):
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        local = read_variable("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
        return Path(local) / "Kinora"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Kinora"
    return Path(read_variable("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "kinora"
