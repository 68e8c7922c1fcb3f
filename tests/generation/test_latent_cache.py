"""Finished windows on disk: found by all that they follow from, and by nothing less."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.errors import GenerationCancelledError, StorageError
from pipeline.generation.kept_parts import num_windows
from pipeline.generation.latent_cache import LatentCache, content_key

FACTS = {"model": "m", "words": "a cat", "seed": 1, "given": torch.zeros(1, 2, 3)}


@pytest.mark.parametrize(
    "change",
    [
        {"words": "a dog"},
        {"seed": 2},
        {"given": None},
        {"given": torch.zeros(1, 3, 2)},
        {"given": torch.zeros(1, 2, 3, dtype=torch.float64)},
        {"given": torch.full((1, 2, 3), 1e-30)},
    ],
)
def test_a_window_that_follows_from_something_else_has_another_name(change: dict) -> None:
    assert content_key(FACTS | change) != content_key(FACTS)
    assert content_key({**FACTS, "given": torch.zeros(1, 2, 3)}) == content_key(FACTS)
    assert content_key(dict(reversed(FACTS.items()))) == content_key(FACTS)


def test_what_cannot_be_told_apart_is_no_part_of_a_name() -> None:
    with pytest.raises(TypeError, match="Path"):
        content_key({"path": Path("x")})


def test_a_window_comes_back_to_the_bit(tmp_path: Path) -> None:
    latents = torch.randn(1, 4, 2, 3, 3)
    latent_cache = LatentCache(tmp_path)
    assert latent_cache.find("a") is None
    latent_cache.add("a", latents[:, :, 1:], seed=3)
    assert torch.equal(LatentCache(tmp_path).find("a"), latents[:, :, 1:])
    assert num_windows(tmp_path) == 1


@pytest.mark.parametrize("damage", [b"", b"x" * 40, None])
def test_a_damaged_window_is_made_again(tmp_path: Path, damage: bytes | None) -> None:
    latent_cache = LatentCache(tmp_path)
    latent_cache.add("a", torch.zeros(1, 4, 2))
    (path,) = (tmp_path / "windows").iterdir()
    path.write_bytes(path.read_bytes()[:-3] if damage is None else damage)
    assert latent_cache.find("a") is None
    latent_cache.add("a", torch.ones(1, 4, 2))
    assert latent_cache.find("a").sum() == 8


def test_a_missing_window_ends_a_job_that_is_to_make_none(tmp_path: Path) -> None:
    LatentCache(tmp_path).add("a", torch.ones(1, 4, 2))
    latent_cache = LatentCache(tmp_path, makes_new=False)
    assert latent_cache.find("a").sum() == 8
    with pytest.raises(GenerationCancelledError):
        latent_cache.find("b")


def test_what_is_not_wanted_is_dropped(tmp_path: Path) -> None:
    for name in "ab":
        LatentCache(tmp_path).add(name, torch.zeros(1))
    latent_cache = LatentCache(tmp_path)
    latent_cache.want("b")
    latent_cache.drop_rest()
    assert [path.stem for path in (tmp_path / "windows").iterdir()] == ["b"]


def test_without_a_folder_nothing_is_kept() -> None:
    latent_cache = LatentCache(None)
    latent_cache.add("a", torch.zeros(1))
    assert latent_cache.find("a") is None
    latent_cache.drop_rest()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "windows").write_text("in the way")
    with pytest.raises(StorageError, match=r"disk is full .*\.$"):
        LatentCache(tmp_path).add("a", torch.zeros(1))
