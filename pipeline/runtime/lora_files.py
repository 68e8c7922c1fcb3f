"""Finds the files of LoRAs, downloads missing ones, and hashes them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.models.download import download_lora
from pipeline.models.hub import OnBytes, local_path
from pipeline.models.lora import Expert, Lora
from pipeline.models.registry import Models
from pipeline.planning.recipe import sha256_of

_NAMED: dict[Expert, re.Pattern[str]] = {
    "high": re.compile(r"(?i:high[-_ ]?noise)|(?<![A-Za-z])HIGH(?![A-Za-z])"),
    "low": re.compile(r"(?i:low[-_ ]?noise)|(?<![A-Za-z])LOW(?![A-Za-z])"),
}


@dataclass(frozen=True)
class Adapter:
    """A LoRA's name, weight, file, the hash of the file, and the expert it is for, if not all."""

    name: str
    weight: float
    path: Path
    sha256: str
    expert: Expert = ""

    @property
    def facts(self) -> dict[str, object]:
        """Return the LoRA's entry in a recipe, without the path of its file."""
        name = self.name if local_path(self.name) is None else Path(self.name).name
        facts = {"lora": name, "weight": self.weight, "sha256": self.sha256}
        return facts | {"expert": self.expert} if self.expert else facts


class AdapterFiles:
    """Finds or downloads the files of LoRAs, and hashes each file once."""

    def __init__(self, models: Models) -> None:
        """Look up LoRAs in `models`; opens no file yet."""
        self._models = models
        self._hashes: dict[tuple[Path, int, int], str] = {}

    def open(
        self, loras: Sequence[Lora], on_bytes: OnBytes | None = None, own: Sequence[Lora] = ()
    ) -> tuple[Adapter, ...]:
        """Return a model's own LoRAs and others with their files, downloading missing ones.

        Raises InvalidRequestError if a LoRA is not allowed or is not one, ModelError if it cannot
        be downloaded.
        """
        places = [(lora, lora.lora) for lora in own]
        places += [(lora, self._models.find_lora(lora.lora)) for lora in loras]
        return tuple(self._open(lora, place, on_bytes) for lora, place in places)

    def _open(self, lora: Lora, place: str, on_bytes: OnBytes | None) -> Adapter:
        path = download_lora(place, on_bytes, lora.lora)
        facts = path.stat()
        key = path, facts.st_size, facts.st_mtime_ns  # changes if the file is replaced
        if key not in self._hashes:
            self._hashes[key] = sha256_of(path)
        expert = lora.expert or expert_in(path.name)
        return Adapter(lora.lora, lora.weight, path, self._hashes[key], expert)


def expert_in(name: str) -> Expert:
    """Return the expert that a LoRA's file is for by its name, if it says so.

    "high_noise_model.safetensors" and "Lightning_HIGH_fp16.safetensors" do, and the same for low.
    """
    return next((expert for expert, words in _NAMED.items() if words.search(name)), "")
