"""What a file says of its tracks: which are used, what is refused, and at which exact rate."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import MediaError
from pipeline.media.probe import exact_rate, read_header
from pipeline.media.timeline import MAX_FPS
from pipeline.media.video_reader import probe_clip, read_first_frames
from pipeline.media.video_writer import ClipWriter
from tests.sources import (
    BEEP,
    H264,
    HEIGHT,
    WIDTH,
    assert_one_sentence,
    ffmpeg,
    make_clip,
    numbered_frames,
    read_all,
    read_numbers,
)

# Which tracks are used


@pytest.mark.parametrize("name", ["timecode.mov", "timecode.mp4", "timecode.mxf.mov"])
def test_a_timecode_track_is_left_alone(tmp_path: Path, clip: Path, name: str) -> None:
    """The common file of cameras and editors was refused: "sound but no picture"."""
    path = tmp_path / name
    ffmpeg("-i", clip, "-c", "copy", "-timecode", "01:00:00:00", path)
    info = probe_clip(path)
    assert (info.num_frames, info.fps, info.has_audio) == (48, 24, True)


def test_subtitles_and_attachments_are_left_alone(tmp_path: Path, clip: Path) -> None:
    words, path = tmp_path / "words.srt", tmp_path / "words.mkv"
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\nVideo: h264, 16x16\n")
    attached = ("-attach", words, "-metadata:s:t", "mimetype=text/plain")
    ffmpeg("-i", clip, "-i", words, *attached, "-map", "1", "-map", "0", "-c", "copy", path)
    assert probe_clip(path).num_frames == 48


def test_tags_that_look_like_facts_change_nothing(tmp_path: Path, clip: Path) -> None:
    """What ffmpeg printed for people was read, tags and all."""
    path = tmp_path / "tagged.mkv"
    lines = "\n  Stream #0:0: Video: h264, yuv420p, 9000x9000, 1 fps\n  Duration: 99:00:00.00"
    ffmpeg("-i", clip, "-c", "copy", "-metadata", f"title={lines}", path)
    assert (probe_clip(path).width, probe_clip(path).num_frames) == (WIDTH, 48)


def test_a_tag_that_is_not_utf_8_is_no_reason_to_refuse_a_clip(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "tagged.avi", "-c:v", "mpeg4", "-metadata", "title=caf_")
    path.write_bytes(path.read_bytes().replace(b"caf_", b"caf\xe9"))
    assert probe_clip(path).num_frames == 48


@pytest.mark.parametrize("default", [0, 1])
def test_the_default_sound_is_used(tmp_path: Path, default: int) -> None:
    path = make_clip(tmp_path / "clip.mp4")
    tones = [("-f", "lavfi", "-i", f"sine={hertz}:d=2") for hertz in (440, 880)]
    flags = [(f"-disposition:a:{i}", "default" if i == default else "0") for i in range(2)]
    two = tmp_path / "two.mkv"
    maps = ("-map", "0", "-map", "1", "-map", "2")
    ffmpeg("-i", path, *tones[0], *tones[1], *maps, *flags[0], *flags[1], "-c:v", "copy", two)
    assert read_header(two).audio.index == 1 + default


@pytest.mark.parametrize("name", ["two.mp4", "two.mkv"])
def test_the_default_picture_is_used(tmp_path: Path, name: str) -> None:
    small, large = make_clip(tmp_path / "small.mp4"), tmp_path / "large.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=0x28B43C:s=192x128:r=12:d=1", *H264, large)
    flags = ("-disposition:v:0", "0", "-disposition:v:1", "default")
    path = tmp_path / name
    ffmpeg("-i", small, "-i", large, "-map", "0", "-map", "1", "-c", "copy", *flags, path)
    info = probe_clip(path)
    assert (info.width, info.height, info.fps, info.num_frames) == (192, 128, 12, 12)
    frame = read_all(path, info)[-1]
    assert np.abs(frame.mean((0, 1)) - (40, 180, 60)).max() <= 3


def test_a_cover_is_not_the_picture_even_if_it_comes_first(tmp_path: Path, clip: Path) -> None:
    cover, path = tmp_path / "cover.png", tmp_path / "covered.mp4"
    ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", cover)
    flags = ("-disposition:v:0", "attached_pic")
    ffmpeg("-i", cover, "-i", clip, "-map", "0", "-map", "1", "-c", "copy", *flags, path)
    assert read_numbers(read_all(path, probe_clip(path))) == list(range(48))


def spoil_codec(path: Path, known: bytes = b"avc1") -> None:
    """Give a track a codec that nobody knows."""
    path.write_bytes(path.read_bytes().replace(known, b"zzzz"))


def test_a_picture_that_cannot_be_decoded_is_said_so(tmp_path: Path, clip: Path) -> None:
    """It was called a clip of 0x0 pixels."""
    path = tmp_path / "rare.mp4"
    path.write_bytes(clip.read_bytes())
    spoil_codec(path)
    with pytest.raises(MediaError) as error:
        probe_clip(path)
    assert_one_sentence(error, "cannot be read", "H.264")


def test_a_picture_of_a_known_codec_with_nothing_in_it_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "empty.mkv"
    make_clip(path, *H264)
    data = path.read_bytes()
    path.write_bytes(data[:600] + np.random.default_rng(0).bytes(len(data) - 600))
    with pytest.raises(MediaError) as error:
        probe_clip(path)
    assert_one_sentence(error, "read")


def test_the_sound_that_can_be_decoded_is_used(tmp_path: Path, clip: Path) -> None:
    """A telephone adds a spatial track in a codec that few programs know."""
    path = tmp_path / "spatial.mov"
    spatial = ("-f", "lavfi", "-i", "sine=880:d=2")
    codecs = ("-c:v", "copy", "-c:a:0", "pcm_s24le", "-c:a:1", "aac")
    flags = ("-disposition:a:0", "default", "-disposition:a:1", "0")
    ffmpeg("-i", clip, *spatial, "-map", "0:v", "-map", "1", "-map", "0:a", *codecs, *flags, path)
    assert read_header(path).audio.index == 1
    spoil_codec(path, b"in24")
    assert read_header(path).audio.index == 2


def test_a_clip_whose_sound_cannot_be_decoded_is_a_silent_one(tmp_path: Path, clip: Path) -> None:
    path = tmp_path / "rare.mp4"
    ffmpeg("-i", clip, "-c:v", "copy", "-c:a", "alac", path)
    spoil_codec(path, b"alac")
    assert not probe_clip(path).has_audio


# Interlaced


@pytest.mark.parametrize("first", ["tff", "bff"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("h264.mp4", ("-c:v", "libx264", "-crf", "8", "-pix_fmt", "yuv420p")),
        ("mpeg2.ts", ("-c:v", "mpeg2video", "-q:v", "2")),
        ("mpeg2.mpg", ("-c:v", "mpeg2video", "-q:v", "2")),
        ("prores.mov", ("-c:v", "prores_ks", "-pix_fmt", "yuv422p10le")),
        ("ffv1.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuv422p")),
    ],
)
def test_an_interlaced_clip_is_deinterlaced(
    tmp_path: Path, name: str, options: tuple[str, ...], first: str
) -> None:
    """A bar that moves from field to field had teeth."""
    moving = "geq=lum='if(between(X-6*N,8,28),235,80)':cb=128:cr=128"
    bar = f"color=gray:s=192x64:r=50:d=0.5,{moving}"
    fields = f"interlace=scan={first}:lowpass=off,setfield={first}"
    path = tmp_path / name
    flags = ("-flags", "+ilme+ildct")
    ffmpeg("-f", "lavfi", "-i", bar, "-vf", fields, *options, *flags, path)
    info = probe_clip(path)
    frames = read_all(path, info).astype(int)
    assert (info.fps, len(frames)) == (25, info.num_frames)
    teeth = np.abs(2 * frames[:, 1:-1] - frames[:, :-2] - frames[:, 2:]).mean((1, 2, 3))
    assert teeth.max() < 1.5
    assert "it is deinterlaced" in info.notes


def test_a_progressive_clip_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "lines.mp4"
    lines = "nullsrc=s=64x64:r=25:d=0.4,geq=lum='255*mod(Y,2)':cb=128:cr=128"
    ffmpeg("-f", "lavfi", "-i", lines, "-c:v", "libx264", "-qp", "1", "-pix_fmt", "yuv444p", path)
    frames = read_all(path, probe_clip(path)).astype(int)
    assert (frames[:, 1::2] - frames[:, ::2]).min() > 200
    assert probe_clip(path).notes == ()


# Rates

TELEVISION = [Fraction(n * 1000, 1001) for n in (12, 15, 24, 30, 48, 60, 120, 240)]


@pytest.mark.parametrize("rate", [*TELEVISION, Fraction(25, 2), Fraction(90), Fraction(240)])
@pytest.mark.parametrize("name", ["rate.mp4", "rate.mov", "rate.mkv", "rate.webm", "rate.avi"])
def test_a_constant_rate_is_kept_to_the_last_digit(
    tmp_path: Path, name: str, rate: Fraction
) -> None:
    vp8 = ("-c:v", "libvpx", "-deadline", "realtime")
    options = {"webm": vp8, "avi": ("-c:v", "mpeg4")}.get(name.rpartition(".")[2], H264)
    path = make_clip(tmp_path / name, *options, fps=str(rate))
    info = probe_clip(path)
    assert (info.fps, info.num_frames) == (rate, 48)
    assert isinstance(info.fps, Fraction)


@pytest.mark.parametrize("rate", [*TELEVISION, Fraction(2997, 100), Fraction(1000000, 16683)])
def test_what_is_written_has_the_exact_rate(tmp_path: Path, rate: Fraction) -> None:
    path = tmp_path / "written.mp4"
    with ClipWriter(path, width=WIDTH, height=HEIGHT, fps=rate) as writer:
        writer.write(numbered_frames(48))
    assert probe_clip(path).fps == rate


@pytest.mark.parametrize(
    ("rounded", "exact"),
    [
        (Fraction(19001, 317), Fraction(60000, 1001)),
        (Fraction(30000, 1001), Fraction(30000, 1001)),
        (Fraction(2997, 100), Fraction(2997, 100)),
        (Fraction(25), Fraction(25)),
        (Fraction(1, 4), Fraction(1, 4)),
    ],
)
def test_a_rounded_rate_is_known(rounded: Fraction, exact: Fraction) -> None:
    assert exact_rate(rounded) == exact


@pytest.mark.parametrize("still", [1, 3])
@pytest.mark.parametrize("name", ["recording.mp4", "recording.mkv"])
def test_a_recording_that_rests_and_then_moves_keeps_all_its_frames(
    tmp_path: Path, name: str, still: int
) -> None:
    """A still, then 24 frames at 30 a second: it was read at 7 frames a second."""
    moves = f"select='eq(n,0)+gte(n,{still * 30})'"
    num_frames = still * 30 + 24
    path = make_clip(
        tmp_path / name, "-vf", moves, "-fps_mode", "vfr", *H264, num_frames=num_frames, fps="30"
    )
    info = probe_clip(path)
    assert (info.fps, len(info.frame_times)) == (30, 25)
    assert info.num_frames == pytest.approx(num_frames, abs=1)
    assert read_numbers(read_all(path, info))[-24:] == list(range(still * 30, num_frames))


def test_a_short_move_in_a_long_recording_is_kept(tmp_path: Path) -> None:
    """Frames that are few, but follow each other, are no jitter."""
    times = "settb=1/90000,setpts='if(lt(N,240),N,240+(N-240)/30)/TB'"
    path = make_clip(
        tmp_path / "long.mp4", "-vf", times, "-fps_mode", "vfr", "-enc_time_base", "1:90000",
        *H264, num_frames=255, fps="1"
    )  # fmt: skip
    info = probe_clip(path)
    assert info.fps == 30
    assert read_numbers(read_all(path, info))[-15:] == list(range(240, 255))


def test_frames_of_the_same_time_do_not_raise_the_rate(tmp_path: Path) -> None:
    times = "settb=1/90000,setpts='(N+if(gt(N,20),1,0)-if(eq(mod(N,20),19),1,0))/30/TB'"
    path = make_clip(
        tmp_path / "twins.mkv", "-vf", times, "-fps_mode", "passthrough", *H264, fps="30"
    )
    assert probe_clip(path).fps <= 30


def test_jitter_does_not_raise_the_rate(tmp_path: Path) -> None:
    """A telephone's times are off by some milliseconds."""
    jitter = "setpts='PTS+if(mod(N,7),0,5)*mod(N,2)/1000/TB'"
    path = make_clip(
        tmp_path / "phone.mp4", "-vf", f"settb=1/90000,{jitter}", "-fps_mode", "vfr",
        *("-enc_time_base", "1:90000"), *H264, num_frames=200, fps="30"
    )  # fmt: skip
    assert probe_clip(path).fps == 30


@pytest.mark.parametrize("fps", [120, 240])
def test_slow_motion_keeps_its_rate(tmp_path: Path, fps: int) -> None:
    path = make_clip(tmp_path / "slow.mp4", *H264, num_frames=60, fps=str(fps))
    info = probe_clip(path)
    assert (info.fps, info.num_frames, info.notes) == (fps, 60, ())
    assert read_numbers(read_all(path, info)) == list(range(60))


def test_a_rate_beyond_the_highest_is_said(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "fast.mp4", *H264, num_frames=100, fps="1000")
    info = probe_clip(path)
    assert (info.fps, info.num_frames) == (MAX_FPS, 24)
    assert info.notes == ("76 frames are left out, for more than 240 a second",)
    numbers = read_numbers(read_all(path, info))
    assert (numbers[0], numbers[-1]) == (0, 99)


def test_a_clip_can_be_read_at_a_lower_rate(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "slow.mp4", *H264, num_frames=240, fps="240")
    info = probe_clip(path).at_most(60)
    assert (info.fps, info.num_frames) == (60, 60)
    assert read_numbers(read_all(path, info)) == [*range(0, 236, 4), 239]


# Sound and picture in time


@pytest.mark.parametrize("late", [0.0, 0.4])
def test_frames_are_found_when_the_picture_begins_late(
    tmp_path: Path, clip: Path, late: float
) -> None:
    path = tmp_path / "late.mkv"
    delayed = ("-i", clip, "-itsoffset", str(late), "-i", clip)
    ffmpeg(*delayed, "-map", "0:a", "-map", "1:v", "-c", "copy", path)
    info = probe_clip(path)
    assert info.frame_times[0] == pytest.approx(late, abs=0.03)
    assert read_numbers(read_first_frames(path, info, 3)) == [0, 1, 2]


def test_a_beep_is_heard_at_its_time_whatever_tracks_there_are(tmp_path: Path) -> None:
    from pipeline.media.sound import read_sound

    path = tmp_path / "clip.mov"
    make_clip(path, *H264, "-timecode", "10:00:00:00", sound=BEEP)
    loud = np.abs(read_sound(path, probe_clip(path), 1000, 0.0, 2.0)).max(-1) > 0.1
    assert np.flatnonzero(loud)[[0, -1]] / 1000 == pytest.approx((0.5, 1), abs=0.03)
