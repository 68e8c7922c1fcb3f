"""A given picture as a model is shown it: blurred and compressed like the frames of its training.

The picture itself stays the clip's first frame. A pristine one tells the model that it is a still,
and tends to freeze the clip.
"""

from __future__ import annotations

from io import BytesIO

import av
import numpy as np

_PRESET = "veryfast"  # as LTX-Video's and LTX-2's own runners


def soften(frame: np.ndarray, sigma: float) -> np.ndarray:
    """Blur a frame (H, W, 3) uint8 with a Gaussian of 3 x 3 pixels; its edges are mirrored."""
    side = float(np.exp(-0.5 / sigma**2))
    weights = np.array([side, 1.0, side], np.float32) / (1 + 2 * side)
    blurred = np.pad(frame.astype(np.float32), ((1, 1), (1, 1), (0, 0)), mode="reflect")
    blurred = sum(w * blurred[i : len(blurred) - 2 + i] for i, w in enumerate(weights))
    width = frame.shape[1]
    blurred = sum(w * blurred[:, i : width + i] for i, w in enumerate(weights))
    return np.rint(blurred).clip(0, 255).astype(np.uint8)


def compress(frame: np.ndarray, crf: int) -> np.ndarray:
    """Encode a frame (H, W, 3) uint8 with even sides as one of H.264, and decode it."""
    file = BytesIO()
    with av.open(file, "w", format="mp4") as container:
        options = {"crf": str(crf), "preset": _PRESET}
        stream = container.add_stream("libx264", rate=1, options=options)
        stream.height, stream.width = frame.shape[:2]
        stream.pix_fmt = "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file, "r") as decoded:
        return next(decoded.decode(video=0)).to_ndarray(format="rgb24")
