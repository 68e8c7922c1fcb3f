"""What of this machine can be used: the RAM of a container, and why a GPU cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
import torch

from pipeline.runtime import ram
from pipeline.runtime.gpu_check import explain, find_gpu_problem
from pipeline.runtime.ram import usable_ram

GIGABYTE = 1024**3
UNLIMITED = "9223372036854771712"  # what the first version says where there is no limit


def limits(tmp_path: Path, groups: str, files: Mapping[str, str]) -> list[int]:
    """Return the limits that are read from a tree as /sys/fs/cgroup."""
    (tmp_path / "groups").write_text(groups)
    for name, text in files.items():
        file = tmp_path / "sys" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return sorted(ram._limits(tmp_path / "groups", tmp_path / "sys"))


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        # The second version: a container's own root, a group without a limit, nested groups, and
        # the host's path, of which only the root is there.
        ("0::/\n", {"memory.max": "16106127360\n"}, [15 * GIGABYTE]),
        ("0::/\n", {"memory.max": "max\n"}, []),
        (
            "0::/a/b\n",
            {"memory.max": "max", "a/memory.max": "4294967296", "a/b/memory.max": "8589934592"},
            [4 * GIGABYTE, 8 * GIGABYTE],
        ),
        ("0::/docker/x\n", {"memory.max": "4294967296"}, [4 * GIGABYTE]),
        # The first version, beside other controllers.
        (
            "12:cpu,cpuacct:/x\n11:memory:/docker/x\n1:name=systemd:/docker/x\n",
            {"memory/memory.limit_in_bytes": "4294967296", "cpu/memory.limit_in_bytes": "1"},
            [4 * GIGABYTE],
        ),
        ("11:memory:/\n", {"memory/memory.limit_in_bytes": UNLIMITED}, [int(UNLIMITED)]),
        ("", {"memory.max": "1"}, []),
    ],
)
def test_the_limits_of_a_container_are_read(
    tmp_path: Path, groups: str, files: Mapping[str, str], expected: list[int]
) -> None:
    assert limits(tmp_path, groups, files) == expected


def test_a_system_without_control_groups_has_no_limits(tmp_path: Path) -> None:
    assert list(ram._limits(tmp_path / "none", tmp_path)) == []


def test_no_more_ram_is_used_than_the_computer_has() -> None:
    assert 0 < usable_ram() <= psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("error", "words"),
    [
        # What torch 2.13 and CUDA 13 say.
        (
            "The NVIDIA driver on your system is too old (found version 12080). Please update your "
            "GPU driver by downloading and installing a new version",
            "The NVIDIA driver is too old for the installed torch",
        ),
        (
            "CUDA error: no kernel image is available for execution on the device\nCUDA kernel "
            "errors might be asynchronously reported",
            f"The installed torch {torch.__version__} has no code for this computer's NVIDIA GTX",
        ),
        (
            "CUDA error: unspecified launch failure\nmore",
            "(CUDA error: unspecified launch failure)",
        ),
    ],
)
def test_a_gpu_that_cannot_be_used_is_explained_in_a_sentence(error: str, words: str) -> None:
    sentence = explain(error, "NVIDIA GTX 1080")
    assert words in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.skipif(torch.version.cuda is not None, reason="needs torch's build for the CPU")
def test_a_build_for_the_cpu_beside_an_nvidia_gpu_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_gpu_problem() == ""
    program = tmp_path / "nvidia-smi"
    program.touch(0o755)
    assert "is a build for the CPU" in find_gpu_problem()
