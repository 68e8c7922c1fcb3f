"""Splits a shot of any length into windows, each one call of the model. Pure arithmetic.

A window has context latents, which exist already, and new ones; later windows start from the last
existing latents.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Window:
    """One call of the model: `num_context` existing latents, then `num_latents` new ones.

    In the last window of a bridge, `num_after` existing ones follow. `start_latent` counts the new
    latents of the same shot before this window.
    """

    index: int
    shot_index: int
    start_latent: int
    num_latents: int
    num_context: int
    seed: int
    num_after: int = 0

    @property
    def total_latents(self) -> int:
        """Count all the latents of the call, context and new."""
        return self.num_context + self.num_latents + self.num_after


def plan_windows(
    num_latents: int,
    *,
    window_latents: int,
    overlap: int,
    num_given: int = 0,
    num_after: int = 0,
    multiple: int = 1,
    shot_index: int = 0,
    seed: int = 0,
) -> tuple[Window, ...]:
    """Cover `num_latents` new latents with the fewest windows of at most `window_latents`.

    The first window starts from `num_given` latents (a picture is one, the end of a clip several),
    each later one from the last `overlap` latents; the last window leads up to `num_after`. The
    work is spread evenly, so that no window is very short. All windows but the last make a multiple
    of `multiple` latents if `window_latents` is one and there is no overlap. Raises ValueError if
    there is no such plan.
    """
    first_room, later_room = window_latents - num_given, window_latents - overlap
    num_later = math.ceil(max(0, num_latents + num_after - first_room) / max(1, later_room))
    is_possible = min(num_latents, first_room) >= 1 and later_room > num_after
    if not is_possible or min(overlap, num_given, num_after) < 0 or num_latents <= num_later:
        raise ValueError(
            f"no plan for {num_latents} latents in windows of {window_latents} with {overlap} "
            f"overlapping, {num_given} given and {num_after} after"
        )

    windows: list[Window] = []
    num_made = 0
    for index in range(num_later + 1):
        num_left, later_windows = num_latents - num_made, num_later - index
        end = num_after if later_windows == 0 else 0
        room = (first_room if index == 0 else later_room) - end
        later_rooms = later_windows * later_room - (num_after if later_windows else 0)
        even_share = math.ceil(num_left / (later_windows + 1) / multiple) * multiple
        num_new = min(room, num_left, max(even_share, num_left - later_rooms))
        windows.append(
            Window(
                index=index,
                shot_index=shot_index,
                start_latent=num_made,
                num_latents=num_new,
                num_context=num_given if index == 0 else overlap,
                seed=window_seed(seed, shot_index, index),
                num_after=end,
            )
        )
        num_made += num_new
    return tuple(windows)


def window_seed(seed: int, shot_index: int, window_index: int) -> int:
    """Derive a window's seed (31 bits) from the request's; it is the same on every machine."""
    digest = hashlib.sha256(f"{seed}/{shot_index}/{window_index}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
