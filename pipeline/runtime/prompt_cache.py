"""What prompts were read as, so that the same words are not read twice: bounded, on the CPU."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch

Embeds = tuple[torch.Tensor, ...]
# LTX-Video's are 2 MB a prompt, LTX-2's some 190 MB.
MAX_CACHED_BYTES = 512 * 1024**2


class PromptCache:
    """The last prompts' embeddings; safe to use from several threads."""

    def __init__(self, max_bytes: int = MAX_CACHED_BYTES) -> None:
        """Begin empty; those that were asked for longest ago are dropped beyond `max_bytes`."""
        self._max_bytes = max_bytes
        self._known: OrderedDict[Hashable, Embeds] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable, device: torch.device, encode: Callable[[], Embeds]) -> Embeds:
        """Return what `encode` gave for this key before, or call it; the tensors are on `device`.

        The key has to say all that the tensors follow from: the words and the weights.
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
        """Count the bytes of all that is kept."""
        return sum(x.nbytes for embeds in self._known.values() for x in embeds)
