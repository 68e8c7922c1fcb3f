"""Caches the embeddings of prompts on the CPU, up to a size, so that none is encoded twice."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch

Embeds = tuple[torch.Tensor, ...]
# A prompt takes 2 MB with LTX-Video and about 190 MB with LTX-2.
MAX_CACHED_BYTES = 512 * 1024**2


class PromptCache:
    """A least-recently-used cache of prompt embeddings; thread-safe."""

    def __init__(self, max_bytes: int = MAX_CACHED_BYTES) -> None:
        """Start empty; beyond `max_bytes` the least recently used entries are dropped."""
        self._max_bytes = max_bytes
        self._known: OrderedDict[Hashable, Embeds] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable, device: torch.device, encode: Callable[[], Embeds]) -> Embeds:
        """Return the cached result of `encode` for a key, or call it; tensors are on `device`.

        The key must cover everything that determines the tensors: the prompts and the weights.
        """
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return tuple(x.to(device) for x in known)
        made = encode()
        with self._lock:
            self._known[key] = tuple(x.detach().cpu() for x in made)
            while self.num_bytes > self._max_bytes:
                self._known.popitem(last=False)
        return made

    @property
    def num_bytes(self) -> int:
        """Count the bytes in the cache."""
        return sum(x.nbytes for embeds in self._known.values() for x in embeds)
