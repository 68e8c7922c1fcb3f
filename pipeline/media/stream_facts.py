"""A program of its own: prints as JSON what libav's structures say of a media file.

    python stream_facts.py FILE OPTIONS     (libav's options of the input, as JSON)

A file that makes a demuxer crash, hang or swell ends this process alone. It imports nothing of
Kinora's and starts in 80 ms. Rates are [numerator, denominator]; colours are numbers of H.273.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar, cast

import av
from av.stream import Disposition

if TYPE_CHECKING:
    from av.audio import AudioStream
    from av.container import InputContainer
    from av.stream import Stream
    from av.video import VideoFrame, VideoStream
    from av.video.format import VideoFormat

_AnyStream = TypeVar("_AnyStream", bound="Stream")

_MAX_BYTES = 1 << 30  # of memory, what is mapped included
_MAX_PACKETS = 2000  # to find the first frame in; other tracks may lie before it
# Not what a film shows: covers, thumbnails and the tiles of a picture.
_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_COLORS = {"primaries": "color_primaries", "transfer": "color_trc", "matrix": "colorspace"}
_UNSPECIFIED = 2


def main(path: str, options: str) -> None:
    """Print the tracks of a file that are to be used. Exits with 1 if it is no media file."""
    _limit_memory()
    limits = json.loads(options)
    try:
        container = _open(path, limits)
    except (av.FFmpegError, OSError, ValueError) as exc:
        sys.exit(f"{exc}")
    with container:
        videos = [x for x in container.streams.video if not x.disposition & _PICTURES]
        audios = list(container.streams.audio)
        video, audio = _choose(videos, _shows), _choose(audios, _sounds)
        facts = {
            "num_videos": len(videos),
            "num_audios": len(audios),
            "seconds": (container.duration or 0) / av.time_base,
            "video": video and _describe_video(container, video, limits),
            "audio": audio and _describe_audio(audio),
        }
    print(json.dumps(facts))  # noqa: T201


def _open(path: str, options: dict[str, str]) -> InputContainer:
    """Open a file. Tags that are not UTF-8 are no reason to refuse it."""
    try:
        return av.open(path, options=options, metadata_errors="replace")
    except TypeError:  # PyAV 19 has no such argument, and keeps such tags by itself
        return av.open(path, options=options)


def _choose(
    streams: Iterable[_AnyStream], is_usable: Callable[[_AnyStream], bool]
) -> _AnyStream | None:
    """Return the default one of those that can be decoded, or the first of them."""
    usable = [stream for stream in streams if is_usable(stream)]
    defaults = [stream for stream in usable if stream.disposition & Disposition.default]
    return next(iter(defaults or usable), None)


def _shows(stream: VideoStream) -> bool:
    return bool(stream.codec_context and stream.codec_context.width)


def _sounds(stream: AudioStream) -> bool:
    return bool(stream.codec_context and stream.codec_context.sample_rate)


def _describe_video(
    container: InputContainer, stream: VideoStream, options: dict[str, str]
) -> dict[str, Any]:
    context = stream.codec_context
    frame = _first_frame(container, stream, options)
    # A frame knows better.
    described: list[Any] = [context] if frame is None else [frame, context]
    colors = {name: _tag(described, attribute) for name, attribute in _COLORS.items()}
    has_hidden_alpha = stream.metadata.get("alpha_mode") == "1"  # WebM's, decoded apart
    return {
        "index": stream.index,
        "codec": context.codec.canonical_name,
        "width": context.width,
        "height": context.height,
        "rates": [[int(x.numerator), int(x.denominator)] for x in _rates(stream)],
        "colors": colors,
        "has_alpha": has_hidden_alpha or any(_is_transparent(x.format) for x in described),
        "has_hidden_alpha": has_hidden_alpha,
        "is_interlaced": any(getattr(x, "interlaced_frame", False) for x in described),
    }


def _tag(described: Iterable[Any], attribute: str) -> int:
    """Return the first number that says something."""
    said = (getattr(x, attribute) for x in described)
    return next((int(x) for x in said if x != _UNSPECIFIED), _UNSPECIFIED)


def _is_transparent(pixel_format: VideoFormat | None) -> bool:
    """Say whether pixels may be transparent; those of a palette may."""
    if pixel_format is None:
        return False
    return pixel_format.has_palette or any(x.is_alpha for x in pixel_format.components)


def _rates(stream: VideoStream) -> list[Fraction]:
    """Return the average rate and the one that all times are multiples of, as far as known."""
    return [x for x in (stream.average_rate, stream.base_rate) if x and x.denominator and x > 0]


def _describe_audio(stream: AudioStream) -> dict[str, Any]:
    context = stream.codec_context
    facts = {"index": stream.index, "codec": context.codec.canonical_name}
    return facts | {"num_channels": context.channels}


def _first_frame(
    container: InputContainer, stream: VideoStream, options: dict[str, str]
) -> VideoFrame | None:
    """Decode the first frame, or return None if that fails or there is none near the start."""
    stream.codec_context.thread_count = 1
    stream.codec_context.options = {"max_pixels": options["max_pixels"]}
    with contextlib.suppress(av.FFmpegError):
        for number, packet in enumerate(container.demux()):
            if number > _MAX_PACKETS:
                return None
            if packet.stream_index == stream.index:
                for frame in packet.decode():
                    return cast("VideoFrame", frame)
    return None


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):  # not on Windows, nor every Mac
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MAX_BYTES, _MAX_BYTES))


if __name__ == "__main__":
    main(*sys.argv[1:])
