"""The chain of ffmpeg filters that each decoded frame goes through.

Frames come out progressive, in BT.709, on white where they are transparent, at a size.
"""

from __future__ import annotations

from pipeline.media import ffmpeg
from pipeline.media.probe import VideoTrack
from pipeline.media.video_color import BT2020, UNSPECIFIED

LUT_FILE = "colors.cube"  # in ffmpeg's folder, if `needs_lut` says so

# Codecs without fields; of others each frame says whether it has two, and the rest pass untouched.
_PROGRESSIVE = {"vp8", "vp9", "av1", "gif", "apng", "webp", "qtrle", "flv1", "theora"}
_DEINTERLACE = "bwdif=mode=send_frame:deint=interlaced"
# The frame's own copy, all white, has its time too: a white source would have its own.
_ON_WHITE = (
    "split[top][copy];[copy]lutrgb=r=255:g=255:b=255:a=255[white];[white][top]overlay=format=gbrp"
)
_LUT = f"lut3d=file={LUT_FILE}:interp=tetrahedral"

_MATRICES = {1: "bt709", 4: "fcc", 5: "bt470", 6: "smpte170m", 7: "smpte240m"}
_MATRICES |= {9: "bt2020", 10: "bt2020"}
# Browsers take untagged video for BT.709 from this height on, and for BT.601 below.
_HD_HEIGHT = 720


def needs_lut(video: VideoTrack) -> bool:
    """Say whether frames have to be converted by `video_color.lut_of`."""
    return video.colors.kind != "standard"


def filter_chain(video: VideoTrack, size: tuple[int, int]) -> str:
    """Return the filters that make frames of a track what the app works with, at (W, H)."""
    matrix, (width, height) = _matrix(video), size
    to_size, to_rgb = f"scale={width}:{height}", f"in_color_matrix={matrix}"
    filters = [] if video.codec in _PROGRESSIVE else [_DEINTERLACE]
    if video.has_alpha:
        # Before they are scaled: hidden colours must not bleed into what is seen.
        filters += [f"scale={to_rgb}:{ffmpeg.SCALE_FLAGS}"]
        filters += ["format=gbrap16le", _LUT] if needs_lut(video) else []
        filters += ["format=gbrap", _ON_WHITE, f"{to_size}:{ffmpeg.SCALE_FLAGS}"]
    else:
        filters += [f"{to_size}:{to_rgb}:{ffmpeg.SCALE_FLAGS}"]
        filters += ["format=gbrp16le", _LUT] if needs_lut(video) else []
    return ",".join(filters)


def _matrix(video: VideoTrack) -> str:
    """Return ffmpeg's name for how the frames are coded."""
    if video.colors.matrix != UNSPECIFIED:
        return _MATRICES.get(video.colors.matrix, "auto")
    if video.colors.gamut == BT2020:
        return "bt2020"
    return "bt709" if video.height >= _HD_HEIGHT else "auto"
