"""New clips: written frame by frame and piece by piece, and read back by ffmpeg."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from moviepy import VideoFileClip

from pipeline.errors import GenerationCancelledError, MediaError
from pipeline.media import ffmpeg as ffmpeg_module
from pipeline.media.probe import read_header
from pipeline.media.video_reader import probe_clip, read_metadata
from pipeline.media.video_writer import ClipWriter
from tests.sources import (
    BEEP,
    H264,
    HEIGHT,
    WIDTH,
    assert_one_sentence,
    boxes,
    describe,
    ffmpeg,
    first_and_last_sound,
    make_clip,
    numbered_frames,
    read_all,
    read_numbers,
)


@pytest.mark.parametrize("fps", [16, 24, 30000 / 1001, 12.5])
def test_what_is_written_is_read_back(tmp_path: Path, fps: float) -> None:
    path = tmp_path / "written.mp4"
    frames = numbered_frames(33)
    with ClipWriter(path, width=WIDTH, height=HEIGHT, fps=fps) as writer:
        writer.write(frames[:16])
        writer.write(frames[16])
        writer.write(frames[17:])
        assert not path.exists()
    info = probe_clip(path)
    assert (info.width, info.height, info.num_frames) == (WIDTH, HEIGHT, 33)
    assert info.fps == pytest.approx(fps, abs=1e-5)
    assert np.allclose(info.frame_times, np.arange(33) / fps, atol=1e-4)
    assert read_numbers(read_all(path, info)) == list(range(33))
    assert list(tmp_path.iterdir()) == [path]


def test_another_library_reads_what_is_written(tmp_path: Path, clip: Path) -> None:
    path, frames = tmp_path / "written.mp4", numbered_frames(48)
    with ClipWriter(
        path, width=WIDTH, height=HEIGHT, fps=24, audio_from=(clip, probe_clip(clip))
    ) as writer:
        writer.write(frames)
    with VideoFileClip(str(path)) as film:
        assert (film.size, film.fps, film.duration) == (
            [WIDTH, HEIGHT],
            24,
            pytest.approx(2, abs=0.03),
        )
        assert read_numbers(np.stack(list(film.iter_frames()))[:48]) == list(range(48))
        assert film.audio.max_volume() > 0.5


@pytest.mark.parametrize(
    "color",
    [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (255, 255, 255),
        (0, 0, 0),
        (200, 120, 40),
        (30, 90, 160),
    ],
)
def test_colours_survive_the_round_trip(tmp_path: Path, color: tuple[int, int, int]) -> None:
    path = tmp_path / "flat.mp4"
    with ClipWriter(path, width=64, height=32, fps=16) as writer:
        writer.write(np.full((9, 32, 64, 3), color, np.uint8))
    frames = read_all(path, probe_clip(path))
    assert np.abs(frames.mean((0, 1, 2)) - color).max() <= 2


def test_a_written_clip_plays_everywhere_and_starts_at_once(tmp_path: Path, clip: Path) -> None:
    """H.264, 4:2:0, tagged BT.709, and the index before the frames, also with sound in it."""
    path = tmp_path / "tagged.mp4"
    with ClipWriter(
        path, width=WIDTH, height=HEIGHT, fps=24, audio_from=(clip, probe_clip(clip))
    ) as writer:
        writer.write(numbered_frames(48))
    assert "Video: h264" in describe(path)
    assert "yuv420p(tv, bt709," in describe(path)
    assert boxes(path)["moov"] < boxes(path)["mdat"]


@pytest.mark.parametrize("size", [(0, 0), (0, 64), (95, 64), (96, 63), (-2, 64)])
def test_an_impossible_size_is_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(MediaError) as error:
        ClipWriter(tmp_path / "odd.mp4", width=size[0], height=size[1], fps=16)
    assert_one_sentence(error, f"{size[0]}x{size[1]}", "even")


def test_frames_of_another_size_are_not_rescaled(tmp_path: Path) -> None:
    with ClipWriter(tmp_path / "clip.mp4", width=WIDTH, height=HEIGHT, fps=16) as writer:
        writer.write(numbered_frames(1))
        with pytest.raises(ValueError, match="expected"):
            writer.write(numbered_frames(1, WIDTH * 2, HEIGHT))
        with pytest.raises(ValueError, match="expected"):
            writer.write(numbered_frames(1).astype(np.float32))


def test_nothing_is_left_of_a_clip_whose_block_raises(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"the clip of before")
    with (
        pytest.raises(ZeroDivisionError),
        ClipWriter(path, width=WIDTH, height=HEIGHT, fps=16) as writer,
    ):
        writer.write(numbered_frames(20 // 0))
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"the clip of before"


def test_a_clip_without_frames_is_an_error_and_no_file(tmp_path: Path) -> None:
    with (
        pytest.raises(MediaError) as error,
        ClipWriter(tmp_path / "clip.mp4", width=WIDTH, height=HEIGHT, fps=16),
    ):
        pass
    assert_one_sentence(error, "no frames")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("num_frames", [8, 400])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, num_frames: int) -> None:
    """A limit on the size of files ends ffmpeg either while frames come in or at the last one."""
    resource = pytest.importorskip("resource")
    noise = np.random.default_rng(0).integers(0, 256, (num_frames, HEIGHT, WIDTH, 3), np.uint8)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = ClipWriter(tmp_path / "clip.mp4", width=WIDTH, height=HEIGHT, fps=16)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        with pytest.raises(MediaError) as error, writer:
            writer.write(noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert_one_sentence(error, "could not be written", "free space")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    with (
        pytest.raises(MediaError) as error,
        ClipWriter(tmp_path / "gone" / "clip.mp4", width=WIDTH, height=HEIGHT, fps=16) as writer,
    ):
        writer.write(numbered_frames(20))
    assert_one_sentence(error, "could not be written")


# Pieces


def test_pieces_are_joined_without_a_gap(tmp_path: Path) -> None:
    path, folder, frames = tmp_path / "written.mp4", tmp_path / "pieces", numbered_frames(60)
    with ClipWriter(path, width=WIDTH, height=HEIGHT, fps=24, pieces=folder) as writer:
        for name, piece in zip("abc", (frames[:25], frames[25:26], frames[26:]), strict=True):
            with writer.piece(name):
                writer.write(piece)
    info = probe_clip(path)
    assert (info.fps, info.num_frames) == (24, 60)
    assert np.allclose(info.frame_times, np.arange(60) / 24, atol=1e-4)
    assert read_numbers(read_all(path, info)) == list(range(60))
    assert {x.name for x in folder.iterdir()} == {"a.mp4", "b.mp4", "c.mp4"}


def test_a_piece_is_used_again_to_the_bit(tmp_path: Path) -> None:
    folder, frames = tmp_path / "pieces", numbered_frames(30)
    with ClipWriter(
        tmp_path / "first.mp4", width=WIDTH, height=HEIGHT, fps=24, pieces=folder
    ) as writer:
        for name, piece in (("a", frames[:10]), ("b", frames[10:])):
            assert not writer.reuse(name, len(piece))
            with writer.piece(name):
                writer.write(piece)
    path = tmp_path / "second.mp4"
    with ClipWriter(path, width=WIDTH, height=HEIGHT, fps=24, pieces=folder) as writer:
        assert writer.reuse("b", 20)
        with writer.piece("c"):
            writer.write(frames[:3])
        assert writer.num_frames == 23
    writer.drop_rest()
    assert {x.name for x in folder.iterdir()} == {"b.mp4", "c.mp4"}
    both = read_all(path, probe_clip(path))
    assert read_numbers(both) == [*range(10, 30), *range(3)]
    first = read_all(tmp_path / "first.mp4", probe_clip(tmp_path / "first.mp4"))
    np.testing.assert_array_equal(both[:20], first[10:])


def test_a_piece_that_was_not_finished_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "pieces"
    arguments = {"width": WIDTH, "height": HEIGHT, "fps": 24, "pieces": folder}
    with (
        suppress(GenerationCancelledError),
        ClipWriter(tmp_path / "clip.mp4", **arguments) as writer,
    ):
        with writer.piece("a"):
            writer.write(numbered_frames(5))
        with writer.piece("b"):
            writer.write(numbered_frames(5))
            raise GenerationCancelledError
    assert [x.name for x in folder.iterdir()] == ["a.mp4"]
    with ClipWriter(tmp_path / "clip.mp4", **arguments) as writer:
        assert writer.reuse("a", 5)
        assert not writer.reuse("b", 5)


def test_what_a_block_was_writing_when_it_stopped_is_in_the_clip(tmp_path: Path) -> None:
    path, folder = tmp_path / "clip.mp4", tmp_path / "pieces"
    with (
        ClipWriter(path, width=WIDTH, height=HEIGHT, fps=24, pieces=folder) as writer,
        suppress(GenerationCancelledError),
        writer.piece("a"),
    ):
        writer.write(numbered_frames(7))
        raise GenerationCancelledError
    assert read_numbers(read_all(path, probe_clip(path))) == list(range(7))
    assert not list(folder.iterdir())


def test_a_piece_that_grows_can_be_played(tmp_path: Path) -> None:
    path, folder = tmp_path / "clip.mp4", tmp_path / "pieces"
    with (
        suppress(GenerationCancelledError),
        ClipWriter(path, width=WIDTH, height=HEIGHT, fps=24, pieces=folder) as writer,
        writer.piece("a"),
    ):
        writer.write(np.concatenate([numbered_frames(60)] * 4))  # the encoder holds back some
        (growing,) = folder.iterdir()
        assert num_playable_within(20, growing) >= 24
        raise GenerationCancelledError


def num_playable_within(seconds: float, path: Path) -> int:
    """Count the frames as soon as there are some."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(MediaError):
            return probe_clip(path).num_frames
        time.sleep(0.1)
    return 0


def test_what_a_killed_process_has_left_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "pieces"
    folder.mkdir()
    (folder / "0123.part").write_bytes(b"half a piece")
    path = tmp_path / "clip.mp4"
    with ClipWriter(path, width=WIDTH, height=HEIGHT, fps=24, pieces=folder) as writer:
        assert not list(folder.iterdir())
        (folder / "4567.part").write_bytes(b"of its ffmpeg, a moment later")
        writer.write(numbered_frames(5))
    assert not list(folder.iterdir())
    assert probe_clip(path).num_frames == 5


@pytest.mark.parametrize("name", ["with #1", "what?", "it's", "50 % = ü", "a\\b"])
def test_a_folder_may_be_called_anything(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    for pieces in (None, folder / "pieces"):
        path = folder / f"take {name}.mp4"
        with ClipWriter(path, width=WIDTH, height=HEIGHT, fps=24, pieces=pieces) as writer:
            writer.write(numbered_frames(5))
        assert probe_clip(path).num_frames == 5


def test_an_empty_piece_is_refused_and_no_other_takes_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "pieces"
    writer = ClipWriter(tmp_path / "clip.mp4", width=WIDTH, height=HEIGHT, fps=24, pieces=folder)
    with writer:
        with writer.piece("a"):
            writer.write(numbered_frames(5))
        with pytest.raises(ValueError, match="at least one frame"), writer.piece("b"):
            pass
    assert [x.name for x in folder.iterdir()] == ["a.mp4"]


def test_pieces_stay_when_joining_them_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, command = tmp_path / "pieces", ffmpeg_module.command
    monkeypatch.setattr(
        ffmpeg_module,
        "command",
        lambda *arguments: command(*arguments, *(["-bad"] if "concat" in arguments else [])),
    )
    writer = ClipWriter(tmp_path / "clip.mp4", width=WIDTH, height=HEIGHT, fps=24, pieces=folder)
    with pytest.raises(MediaError), writer, writer.piece("a"):
        writer.write(numbered_frames(5))
    assert [x.name for x in folder.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize("damage", ["empty", "other"])
def test_a_damaged_piece_is_one_sentence_and_made_again(tmp_path: Path, damage: str) -> None:
    """Frames that are missing are noticed, whatever ffmpeg says; the other pieces stay."""
    folder = tmp_path / "pieces"
    arguments = {"width": WIDTH, "height": HEIGHT, "fps": 24, "pieces": folder}
    with ClipWriter(tmp_path / "clip.mp4", **arguments) as writer:
        for name in "ab":
            with writer.piece(name):
                writer.write(numbered_frames(5))
    if damage == "empty":
        (folder / "b.mp4").write_bytes(b"")
    writer = ClipWriter(tmp_path / "clip.mp4", **arguments)
    with pytest.raises(MediaError) as error, writer:
        writer.reuse("a", 5) and writer.reuse("b", 5 if damage == "empty" else 6)
    assert_one_sentence(error, "could not be written")
    assert [x.name for x in folder.iterdir()] == ["a.mp4"]
    assert probe_clip(tmp_path / "clip.mp4").num_frames == 10


# Sound


@pytest.mark.parametrize("audio_offset", [0, 1.3])
@pytest.mark.parametrize(
    ("name", "options", "codec"),
    [
        ("aac.mp4", (*H264, "-c:a", "aac"), "aac"),
        ("mp3.mkv", (*H264, "-c:a", "libmp3lame"), "mp3"),
        ("opus.mkv", (*H264, "-c:a", "libopus"), "aac"),
        ("pcm.mov", (*H264, "-c:a", "pcm_s16le"), "aac"),
    ],
)
def test_sound_keeps_its_place(
    tmp_path: Path, name: str, options: tuple[str, ...], codec: str, audio_offset: float
) -> None:
    source, path = make_clip(tmp_path / name, *options, sound=BEEP), tmp_path / "written.mp4"
    with ClipWriter(
        path,
        width=WIDTH,
        height=HEIGHT,
        fps=24,
        audio_from=(source, probe_clip(source)),
        audio_offset=audio_offset,
    ) as writer:
        writer.write(numbered_frames(96))
    heard = first_and_last_sound(path)
    assert heard == pytest.approx((0.5 + audio_offset, 1 + audio_offset), abs=0.03)
    assert read_header(path).audio.codec == codec
    info = probe_clip(path)
    assert info.num_frames == 96
    assert info.frame_times[0] == 0


def test_copied_sound_is_not_encoded_again(tmp_path: Path, clip: Path) -> None:
    path = tmp_path / "written.mp4"
    with ClipWriter(
        path,
        width=WIDTH,
        height=HEIGHT,
        fps=24,
        audio_from=(clip, probe_clip(clip)),
        audio_offset=1,
    ) as writer:
        writer.write(numbered_frames(72))
    source, copy = (
        ffmpeg("-i", file, "-map", "0:a", "-c", "copy", "-f", "adts", "pipe:1")
        for file in (clip, path)
    )
    assert source == copy


def test_sound_longer_than_the_new_clip_is_not_cut(tmp_path: Path, clip: Path) -> None:
    path = tmp_path / "written.mp4"
    with ClipWriter(
        path, width=WIDTH, height=HEIGHT, fps=24, audio_from=(clip, probe_clip(clip))
    ) as writer:
        writer.write(numbered_frames(12))
    assert first_and_last_sound(path) == pytest.approx((0.5, 1), abs=0.03)
    assert probe_clip(path).num_frames == 12


@pytest.mark.parametrize("audio_offset", [0, 1])
def test_sound_that_begins_before_its_picture_stays_with_it(
    tmp_path: Path, clip: Path, audio_offset: float
) -> None:
    """The beep is 0.5 s into the sound but 0.1 s after the first frame, where new clips begin."""
    late, path = tmp_path / "late.mkv", tmp_path / "written.mp4"
    inputs = ("-i", clip, "-itsoffset", "0.4", "-i", clip)
    ffmpeg(*inputs, "-map", "0:a", "-map", "1:v", "-c", "copy", late)
    with ClipWriter(
        path,
        width=WIDTH,
        height=HEIGHT,
        fps=24,
        audio_from=(late, probe_clip(late)),
        audio_offset=audio_offset,
    ) as writer:
        writer.write(numbered_frames(72))
    heard = first_and_last_sound(path)
    assert heard == pytest.approx((0.1 + audio_offset, 0.6 + audio_offset), abs=0.03)
    assert probe_clip(path).num_frames == 72


TONE = "sine=440:d=3:r=48000,volume=4"


def loudness(path: Path) -> np.ndarray:
    """Return how loud both ears are in each tenth of a second, (N, 2)."""
    in_place = ("-af", "aresample=async=1:first_pts=0", "-ac", "2", "-ar", "48000")
    pcm = ffmpeg("-i", path, "-map", "0:a", *in_place, "-f", "f32le", "pipe:1")
    samples = np.frombuffer(pcm, np.float32).reshape(-1, 2)
    samples = samples[: len(samples) // 4800 * 4800]
    return np.sqrt(np.square(samples.reshape(-1, 4800, 2)).mean(1))


@pytest.mark.parametrize("audio_offset", [0, 2])
@pytest.mark.parametrize("codec", ["aac", "libmp3lame", "libopus", "pcm_s16le"])
@pytest.mark.parametrize("late", [0, 0.3])
def test_sound_ends_with_its_picture(
    tmp_path: Path, codec: str, audio_offset: float, late: float
) -> None:
    """Sound that outlasted its picture went on over the new frames."""
    picture, source = make_clip(tmp_path / "picture.mp4", num_frames=24), tmp_path / "long.mkv"
    inputs = ("-f", "lavfi", "-i", TONE, "-itsoffset", str(late), "-i", picture)
    ffmpeg(*inputs, "-map", "1", "-map", "0", "-c:v", "copy", "-c:a", codec, source)
    path = tmp_path / "written.mp4"
    with ClipWriter(
        path,
        width=WIDTH,
        height=HEIGHT,
        fps=24,
        audio_from=(source, probe_clip(source)),
        audio_offset=audio_offset,
    ) as writer:
        writer.write(numbered_frames(24 * 4))
    loud = np.flatnonzero(loudness(path)[:, 0] > 0.05) / 10
    assert loud[0] == pytest.approx(audio_offset, abs=0.11)
    assert loud[-1] + 0.1 == pytest.approx(audio_offset + 1, abs=0.11)


@pytest.mark.parametrize("codec", ["libopus", "pcm_s16le", "flac", "aac"])
@pytest.mark.parametrize("channels", ["mono", "stereo"])
def test_sound_keeps_its_level(tmp_path: Path, codec: str, channels: str) -> None:
    """A mono track that was encoded again was 3 dB quieter."""
    given = ("-f", "lavfi", "-i", f"sine=440:d=1:r=48000,volume=4,aformat=cl={channels}")
    picture, source = make_clip(tmp_path / "picture.mp4", num_frames=24), tmp_path / "mono.mkv"
    ffmpeg("-i", picture, *given, "-c:v", "copy", "-c:a", codec, "-b:a", "128k", source)
    path = tmp_path / "written.mp4"
    with ClipWriter(
        path, width=WIDTH, height=HEIGHT, fps=24, audio_from=(source, probe_clip(source))
    ) as writer:
        writer.write(numbered_frames(24))
    # As a mono player plays it: ffmpeg's own way from one channel to two lowers it.
    mono = ffmpeg("-i", source, "-map", "0:a", "-af", "pan=mono|c0=c0", "-f", "f32le", "pipe:1")
    level = np.sqrt(np.square(np.frombuffer(mono, np.float32)[4800:-4800]).mean())
    written = ffmpeg("-i", path, "-map", "0:a", "-af", "pan=mono|c0=c0", "-f", "f32le", "pipe:1")
    found = np.sqrt(np.square(np.frombuffer(written, np.float32)[4800:-4800]).mean())
    assert 20 * np.log10(found / level) == pytest.approx(0, abs=0.3)


def test_a_silent_source_gives_a_silent_clip(tmp_path: Path) -> None:
    source, path = make_clip(tmp_path / "silent.mp4"), tmp_path / "written.mp4"
    with ClipWriter(
        path, width=WIDTH, height=HEIGHT, fps=24, audio_from=(source, probe_clip(source))
    ) as writer:
        writer.write(numbered_frames(5))
    assert not probe_clip(path).has_audio


# Metadata


def test_metadata_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "written.mp4"
    tags = {
        "kinora": '{"prompt": "a café; x=1 # \\ "quoted"", "seed": 7}\nsecond line',
        "title": "[STREAM]\n[CHAPTER] = 狐",
        "comment": "made of " + "many words " * 50_000,  # more than an argument may have
    }
    with ClipWriter(path, width=WIDTH, height=HEIGHT, fps=16, metadata=tags) as writer:
        writer.write(numbered_frames(2))
    written = read_metadata(path)
    assert {key: written[key] for key in tags} == tags
