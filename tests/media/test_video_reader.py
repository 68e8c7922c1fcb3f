"""Clips in and out, with real files that ffmpeg makes for each test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.deadlines import Deadline
from pipeline.errors import MediaError
from pipeline.media.probe import read_header
from pipeline.media.video_reader import (
    MAX_SOURCE_FRAMES,
    iterate_frames,
    probe_clip,
    read_first_frames,
    read_last_frames,
    read_metadata,
)
from tests.sources import (
    H264,
    HEIGHT,
    WIDTH,
    assert_one_sentence,
    boxes,
    ffmpeg,
    make_clip,
    read_all,
    read_numbers,
)

VFR = ("-vf", "select='lt(t,1)+not(mod(n,3))'", "-fps_mode", "vfr", *H264)


# Reading: every frame of every kind of file


def test_a_clip_whose_time_is_up_is_not_called_changed(tmp_path: Path) -> None:
    """ffmpeg is killed then, and missing frames looked like those of a file that has changed."""
    path, deadline = tmp_path / "clip.mp4", Deadline(60)
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=640x360:d=2", *H264, path)
    info = probe_clip(path)

    def read() -> None:
        chunks = iterate_frames(path, info, chunk=1)
        next(chunks)
        deadline.end()
        with pytest.raises(MediaError, match="takes longer than 60 seconds"):
            list(chunks)

    deadline.run(read)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("h264.mp4", H264),
        ("h264-444.mp4", ("-c:v", "libx264", "-pix_fmt", "yuv444p")),
        ("open-gop.mkv", (*H264, "-x264-params", "open-gop=1:keyint=12:bframes=3")),
        (
            "hevc-10bit.mov",
            ("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=0"),
        ),
        ("vp9.webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-pix_fmt", "yuv420p")),
        ("mpeg4.avi", ("-c:v", "mpeg4")),
        ("mpeg2.ts", ("-c:v", "mpeg2video", "-b:v", "2M")),
        ("flash.flv", H264),
    ],
)
def test_every_frame_of_a_clip_is_read_once_and_in_order(
    tmp_path: Path, name: str, options: tuple[str, ...]
) -> None:
    path = make_clip(tmp_path / name, *options)
    info = probe_clip(path)
    assert (info.width, info.height, info.fps, info.num_frames) == (WIDTH, HEIGHT, 24, 48)
    assert info.duration == 2
    assert not info.has_audio
    assert read_numbers(read_all(path, info)) == list(range(48))
    assert read_numbers(read_first_frames(path, info, 9)) == list(range(9))
    assert read_numbers(read_last_frames(path, info, 9)) == list(range(39, 48))


@pytest.mark.parametrize("name", ["animated.gif", "animated.apng"])
def test_an_animated_picture_is_a_clip(tmp_path: Path, name: str) -> None:
    codec = name.rpartition(".")[2]
    path = make_clip(tmp_path / name, "-c:v", codec, num_frames=10, fps="10")
    info = probe_clip(path)
    assert (info.num_frames, info.fps) == (10, 10)
    assert read_numbers(read_all(path, info)) == list(range(10))


@pytest.mark.parametrize("num_frames", [1, 2])
def test_a_clip_of_one_or_two_frames_is_read(tmp_path: Path, num_frames: int) -> None:
    for name in ("short.mp4", "short.mkv", "short.gif"):
        options = H264 if name != "short.gif" else ("-c:v", "gif")
        path = make_clip(tmp_path / name, *options, num_frames=num_frames, fps="20")
        info = probe_clip(path)
        assert (info.num_frames, info.fps) == (num_frames, 20), name
        assert read_numbers(read_all(path, info)) == list(range(num_frames)), name


@pytest.mark.parametrize("fps", ["24000/1001", "30000/1001", "25", "12.5", "60"])
def test_a_constant_rate_is_kept_exactly(tmp_path: Path, fps: str) -> None:
    for name in ("rate.mp4", "rate.mkv"):  # Matroska rounds times to milliseconds
        info = probe_clip(make_clip(tmp_path / name, *H264, fps=fps))
        numerator, _, denominator = fps.partition("/")
        assert info.fps == pytest.approx(float(numerator) / float(denominator or 1), abs=1e-5)
        assert info.num_frames == 48


def test_a_recorded_webm_without_a_duration_is_read(tmp_path: Path) -> None:
    """Browsers record such files: the container says neither how long it is nor how many frames."""
    path = tmp_path / "recorded.webm"
    path.write_bytes(
        ffmpeg("-i", make_clip(tmp_path / "a.mp4"), "-c", "copy", "-f", "matroska", "-")
    )
    assert read_header(path).seconds == 0
    assert read_numbers(read_all(path, probe_clip(path))) == list(range(48))


def test_sound_is_noticed(clip: Path) -> None:
    assert probe_clip(clip).has_audio


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_rotated_clip_is_read_upright(tmp_path: Path, clip: Path, degrees: int) -> None:
    path = tmp_path / "rotated.mp4"
    ffmpeg("-display_rotation", str(degrees), "-i", clip, "-c", "copy", path)
    info = probe_clip(path)
    turned = np.rot90(read_last_frames(clip, probe_clip(clip), 2), degrees // 90, axes=(1, 2))
    assert (info.height, info.width) == turned.shape[1:3]
    difference = read_last_frames(path, info, 2).astype(int) - turned
    assert np.abs(difference).mean() < 4
    assert read_all(path, info).shape == (48, info.height, info.width, 3)


def test_pixels_that_are_not_square_are_made_so(tmp_path: Path) -> None:
    info = probe_clip(make_clip(tmp_path / "anamorphic.mp4", *H264, "-aspect", "2:1"))
    assert (info.width, info.height) == (128, 64)


def test_a_varying_rate_is_read_at_the_lowest_that_shows_all_frames(tmp_path: Path) -> None:
    """30 frames in the first second and 10 in the next, less what the last one is cut by."""
    path = make_clip(tmp_path / "vfr.mp4", *VFR, num_frames=60, fps="30")
    info = probe_clip(path)
    assert (info.fps, len(info.frame_times)) == (30, 40)
    assert info.duration == pytest.approx(info.num_frames / 30) == pytest.approx(2, abs=0.1)
    numbers = np.array(read_numbers(read_all(path, info)))
    assert len(numbers) == info.num_frames
    assert set(numbers) == {*range(30), *range(30, 60, 3)}
    assert numbers[-1] == 57  # the last one that the source has
    # Numbers are thirtieths of a second; in the second half each third one is there.
    assert np.abs(numbers - np.arange(len(numbers))).max() <= 1.55


def test_a_varying_rate_ends_with_its_last_frame(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "vfr.mkv", *VFR, num_frames=60, fps="30")
    info = probe_clip(path)
    assert read_numbers(read_last_frames(path, info, 4, fps=10)) == [48, 51, 54, 57]


def test_missing_frames_do_not_change_the_rate(tmp_path: Path) -> None:
    options = ("-vf", "select='not(eq(n,20)+eq(n,21))'", "-fps_mode", "vfr", *H264)
    path = make_clip(tmp_path / "gap.mp4", *options, num_frames=60, fps="30")
    info = probe_clip(path)
    assert (info.fps, info.num_frames) == (30, 60)
    assert read_numbers(read_all(path, info)) == [*range(20), 19, 22, *range(22, 60)]


@pytest.mark.parametrize(("size", "matrix"), [("1280x720", "bt709"), ("320x240", "bt601")])
def test_untagged_colours_are_taken_as_browsers_take_them(
    tmp_path: Path, size: str, matrix: str
) -> None:
    path, color = tmp_path / "untagged.mp4", (200, 120, 40)
    graph = f"color=0xC87828:s={size}:r=5:d=0.2,format=gbrp"
    convert = f"scale=out_color_matrix={matrix},format=yuv420p,setparams=colorspace=unknown"
    ffmpeg("-f", "lavfi", "-i", graph, "-vf", convert, "-c:v", "libx264", "-qp", "4", path)
    frame = read_first_frames(path, probe_clip(path), 1)
    assert np.abs(frame.mean((0, 1, 2)) - color).max() <= 2


# Reading: parts of a clip


def test_first_and_last_frames_are_resampled_from_their_own_end(clip: Path) -> None:
    info = probe_clip(clip)
    assert read_numbers(read_first_frames(clip, info, 5, fps=16)) == [0, 1, 3, 4, 6]
    assert read_numbers(read_last_frames(clip, info, 5, fps=16)) == [41, 42, 44, 45, 47]
    assert read_numbers(read_first_frames(clip, info, 4, fps=48)) == [0, 0, 1, 1]
    assert read_numbers(read_last_frames(clip, info, 4, fps=48)) == [45, 46, 46, 47]


def test_a_regular_rate_is_resampled_regularly(tmp_path: Path) -> None:
    """Every second moment lies between two frames; rounded times must not choose by chance."""
    for name in ("even.mp4", "even.mkv"):
        path = make_clip(tmp_path / name, *H264, num_frames=94, fps="48")
        info = probe_clip(path)
        forward = [k * 3 // 2 for k in range(60)]
        backward = [93 - (k * 3 + 1) // 2 for k in reversed(range(60))]
        assert read_numbers(read_first_frames(path, info, 60, fps=32)) == forward
        assert read_numbers(read_last_frames(path, info, 60, fps=32)) == backward


def test_a_clip_that_is_too_short_repeats_its_edge(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "short.mp4", *H264, num_frames=3)
    info = probe_clip(path)
    assert read_numbers(read_first_frames(path, info, 6)) == [0, 1, 2, 2, 2, 2]
    assert read_numbers(read_last_frames(path, info, 6)) == [0, 0, 0, 0, 1, 2]


def test_frames_are_scaled_to_the_size_asked_for(clip: Path) -> None:
    info = probe_clip(clip)
    for frames in (
        read_first_frames(clip, info, 3, size=(160, 48)),
        read_last_frames(clip, info, 3, size=(160, 48)),
    ):
        assert frames.shape == (3, 48, 160, 3)
        assert frames.dtype == np.uint8


def test_last_frames_are_exact_where_ffmpeg_cannot_jump(tmp_path: Path) -> None:
    """A stream without key frames: a jump yields too few, so it is read from its start."""
    options = (*H264, "-x264-params", "intra-refresh=1:keyint=48")
    path = make_clip(tmp_path / "refresh.ts", *options, num_frames=200)
    assert read_numbers(read_last_frames(path, probe_clip(path), 4)) == [196, 197, 198, 199]


def test_frames_are_iterated_in_chunks(clip: Path) -> None:
    chunks = [len(chunk) for chunk in iterate_frames(clip, probe_clip(clip), chunk=20)]
    assert chunks == [20, 20, 8]


@pytest.mark.parametrize("num_frames", [20, 60])
def test_a_clip_that_changed_since_it_was_probed_is_not_passed_on(
    tmp_path: Path, num_frames: int
) -> None:
    path = make_clip(tmp_path / "changing.mp4")
    info = probe_clip(path)
    make_clip(path, num_frames=num_frames)
    with pytest.raises(MediaError) as error:
        read_all(path, info)
    assert_one_sentence(error, "upload it again")


# What is refused, each with a sentence


def test_a_clip_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "whole.mp4", *H264, "-movflags", "+faststart", num_frames=200)
    data = whole.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(data[: len(data) // 2])
    info = probe_clip(cut)
    numbers = read_numbers(read_all(cut, info))
    assert 20 < info.num_frames == len(numbers) < 180
    assert numbers == sorted(numbers)
    assert read_numbers(read_last_frames(cut, info, 1)) == numbers[-1:]


@pytest.fixture
def unusable(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A file that is no clip, made by the function that the test names."""
    return request.param(tmp_path)


def text(folder: Path) -> Path:
    path = folder / "text.mp4"
    path.write_text("This is not a film.\n" * 100)
    return path


def empty(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def junk(folder: Path) -> Path:
    path = folder / "junk.mp4"
    path.write_bytes(np.random.default_rng(0).bytes(100_000))
    return path


def still_picture(folder: Path) -> Path:
    make_clip(folder / "picture.png", "-frames:v", "1")
    return (folder / "picture.png").rename(folder / "picture.mp4")


def without_index(folder: Path) -> Path:
    path = make_clip(folder / "cut.mp4")
    path.write_bytes(path.read_bytes()[: boxes(path)["moov"] + 20])
    return path


def without_frames(folder: Path) -> Path:
    path = make_clip(folder / "cut.mp4", *H264, "-movflags", "+faststart")
    path.write_bytes(path.read_bytes()[: boxes(path)["mdat"] + 8])
    return path


def playlist(folder: Path) -> Path:
    """A list of files that ffmpeg would open in its turn, under a name that it trusts."""
    make_clip(folder / "part.ts")
    path = folder / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:2,\npart.ts\n#EXT-X-ENDLIST\n")
    return path


def concat_script(folder: Path) -> Path:
    make_clip(folder / "part.ts")
    path = folder / "script.mp4"
    path.write_text("ffconcat version 1.0\nfile part.ts\n")
    return path


@pytest.mark.parametrize(
    "unusable",
    [text, empty, junk, still_picture, without_index, without_frames, playlist, concat_script],
    indirect=True,
)
def test_a_file_that_is_no_clip_is_refused(unusable: Path) -> None:
    with pytest.raises(MediaError) as error:
        probe_clip(unusable)
    assert_one_sentence(error, "not a video that can be read", "MP4")


@pytest.mark.parametrize("name", ["missing.mp4", ""], ids=["missing", "folder"])
def test_a_clip_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaError) as error:
        probe_clip(tmp_path / name)
    assert_one_sentence(error, "upload it again")


def test_sound_alone_is_refused_with_or_without_a_cover(tmp_path: Path, clip: Path) -> None:
    sound, song = tmp_path / "sound.mp4", tmp_path / "song.m4a"
    ffmpeg("-i", clip, "-vn", "-c", "copy", sound)
    ffmpeg("-i", clip, "-frames:v", "1", tmp_path / "cover.png")
    cover = ("-map", "0:a", "-map", "1:v", "-c:v", "copy", "-disposition:v", "attached_pic")
    ffmpeg("-i", sound, "-i", tmp_path / "cover.png", *cover, song)
    for path in (sound, song):
        with pytest.raises(MediaError) as error:
            probe_clip(path)
        assert_one_sentence(error, "sound but no picture")


@pytest.mark.parametrize("size", ["20000x2", "4098x64", "64x4098", "14x14"])
def test_sides_out_of_range_are_refused_before_anything_is_decoded(
    tmp_path: Path, size: str
) -> None:
    path = tmp_path / "side.mkv"
    ffmpeg("-f", "lavfi", "-i", f"color=red:s={size}:r=5:d=0.2", "-c:v", "ffv1", path)
    path.write_bytes(path.read_bytes()[:700])  # a header alone could not be decoded
    with pytest.raises(MediaError) as error:
        probe_clip(path)
    assert_one_sentence(error, size, "16 to 4096 pixels")


def test_an_hour_is_refused_before_anything_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "hour.mp4"
    hour = ("-f", "lavfi", "-i", "color=red:s=32x32:r=1:d=3600")
    ffmpeg(*hour, *H264, "-preset", "ultrafast", "-movflags", "+faststart", path)
    path.write_bytes(path.read_bytes()[: boxes(path)["mdat"] + 8])
    with pytest.raises(MediaError) as error:
        probe_clip(path)
    assert_one_sentence(error, "more than 10 minutes")


def test_a_long_clip_that_hides_its_duration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "live.mkv"
    long = ("-f", "lavfi", "-i", "color=red:s=32x32:r=1:d=700")
    path.write_bytes(ffmpeg(*long, *H264, "-preset", "ultrafast", "-f", "matroska", "pipe:1"))
    assert read_header(path).seconds == 0
    with pytest.raises(MediaError) as error:
        probe_clip(path)
    assert_one_sentence(error, "more than 10 minutes")


def test_a_clip_of_more_frames_than_can_be_remembered_is_refused(tmp_path: Path) -> None:
    """A file of 9 MB with a thousand frames a second took half a gigabyte for their times."""
    path = tmp_path / "fast.avi"
    frames = ("-f", "lavfi", "-i", "color=s=16x16:r=1000", "-frames:v", MAX_SOURCE_FRAMES + 1)
    ffmpeg(*frames, "-c:v", "rawvideo", "-pix_fmt", "gray", path)
    with pytest.raises(MediaError) as error:
        probe_clip(path)
    assert_one_sentence(error, "144,000", "cut it")


def test_a_frame_that_is_far_larger_than_the_clip_said_is_not_decoded(tmp_path: Path) -> None:
    small, large, path = (tmp_path / f"{name}.ts" for name in ("small", "large", "both"))
    make_clip(small, "-frames:v", "5", *H264)
    vast = ("-f", "lavfi", "-i", "color=s=5000x4000:r=24", "-frames:v", "2")
    ffmpeg(*vast, *H264, "-preset", "ultrafast", "-output_ts_offset", "1", large)
    path.write_bytes(small.read_bytes() + large.read_bytes())
    assert len(probe_clip(path).frame_times) == 5


# Metadata


def test_metadata_of_a_text_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as error:
        read_metadata(text(tmp_path))
    assert_one_sentence(error, "not a video that can be read")
