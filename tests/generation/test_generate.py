"""From a request to an mp4 that can be decoded, and what is left when it comes to nothing."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.errors import GenerationCancelledError, MediaError, ModelError, OutputError
from pipeline.generation.generate import Clip, generate
from pipeline.generation.progress import Progress
from pipeline.media.images import crop_to_size
from pipeline.media.video_reader import ClipInfo, iterate_frames, probe_clip, read_metadata
from pipeline.mini.engine import MiniEngine
from pipeline.models.registry import MODELS
from pipeline.planning.recipe import RECIPE_TAG, owners_recipe, public_recipe
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from tests.sources import ffmpeg, first_and_last_sound, make_clip
from tests.tiny import CPU, LTX, MINI, picture, tiny_models

each_model = pytest.mark.parametrize("name", [MINI, LTX])
both_directions = pytest.mark.parametrize("direction", ["forward", "backward"])


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "my-holidays.png"
    Image.fromarray(picture(300, 200)).save(path)
    return path


def ask(task: str = "text_to_video", name: str = MINI, **values: object) -> GenerationRequest:
    """Ask for what the tiny models can do: they refuse it themselves if they cannot."""
    values = {"prompt": "a red boat", "duration": 0.5, "seed": 3} | values
    return build_request(task, model=name, models=None, **values)


def run(
    model_cache: ModelCache,
    request: GenerationRequest,
    output: Path,
    on_progress: Callable[[Progress], None] = lambda _: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Clip:
    return generate(
        request,
        model_cache=model_cache,
        output=output,
        on_progress=on_progress,
        is_cancelled=is_cancelled,
    )


def decoded(path: Path) -> tuple[ClipInfo, np.ndarray]:
    info = probe_clip(path)
    return info, np.concatenate(list(iterate_frames(path, info)))


def assert_is_promised(clip: Clip, num_frames: int, size: tuple[int, int], fps: float) -> None:
    """Decode a clip, and compare with what was wanted and with what it says of itself."""
    info, frames = decoded(clip.path)
    assert (info.width, info.height) == (clip.width, clip.height) == size
    assert info.fps == clip.fps == fps
    assert len(frames) == info.num_frames == clip.num_frames == num_frames
    assert len(info.frame_times) == num_frames


@each_model
def test_words_become_a_clip_of_several_windows(
    model_caches: dict[str, ModelCache], tmp_path: Path, name: str
) -> None:
    clip = run(model_caches[name], ask(name=name, duration=5.0), tmp_path / "clip.mp4")
    num_frames = {MINI: 81, LTX: 121}[name]
    size = model_caches[name].spec(name).size_for("16:9")
    assert len(clip.recipe["windows"]) > 1
    assert_is_promised(clip, num_frames, size, MODELS[name].fps)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4"]


@each_model
def test_a_picture_becomes_the_first_frame_of_a_clip(
    model_caches: dict[str, ModelCache], tmp_path: Path, name: str, still: Path
) -> None:
    request = ask("image_to_video", name, image=still, aspect_ratio="1:1", duration=1.0)
    clip = run(model_caches[name], request, tmp_path / "clip.mp4")
    assert_is_promised(clip, {MINI: 17, LTX: 25}[name], (64, 64), MODELS[name].fps)
    image, _ = crop_to_size(Image.open(still), 64, 64)
    _, frames = decoded(clip.path)
    # What H.264 costs, most of it in the colours, which it halves.
    assert np.abs(frames[0].astype(int) - np.asarray(image)).mean() < 4


@each_model
@both_directions
def test_a_clip_is_extended_and_its_sound_stays_with_its_pictures(
    model_caches: dict[str, ModelCache], tmp_path: Path, name: str, clip: Path, direction: str
) -> None:
    request = ask("extend_video", name, video=clip, direction=direction, duration=3.0)
    made = run(model_caches[name], request, tmp_path / "clip.mp4")
    assert len(made.recipe["windows"]) > 1
    assert_is_promised(made, 48 + 72, (96, 64), 24.0)
    shift = 3.0 if direction == "backward" else 0.0
    assert first_and_last_sound(made.path) == pytest.approx((0.5 + shift, 1 + shift), abs=0.03)
    _, frames = decoded(made.path)
    _, given = decoded(clip)
    kept = frames[:48] if direction == "forward" else frames[-48:]
    assert np.abs(kept.astype(int) - given).mean() < 4


def test_a_clip_from_a_telephone_held_upright_stays_upright(
    model_caches: dict[str, ModelCache], tmp_path: Path
) -> None:
    flat = make_clip(tmp_path / "flat.mp4", num_frames=10)
    upright = tmp_path / "upright.mp4"
    ffmpeg("-display_rotation", "90", "-i", flat, "-c", "copy", upright)
    made = run(model_caches[MINI], ask("extend_video", video=upright), tmp_path / "clip.mp4")
    assert_is_promised(made, 10 + 12, (64, 96), 24.0)
    width, height = made.recipe["model_size"]
    assert width < height


@each_model
def test_the_same_seed_gives_the_same_file_even_from_another_loader_and_another_seed_does_not(
    model_caches: dict[str, ModelCache], folder: Path, tmp_path: Path, name: str
) -> None:
    first = run(model_caches[name], ask(name=name), tmp_path / "first.mp4")
    again = run(ModelCache(CPU, tiny_models(folder)), ask(name=name), tmp_path / "again.mp4")
    other = run(model_caches[name], ask(name=name, seed=4), tmp_path / "other.mp4")
    frames, same, others = (decoded(clip.path)[1] for clip in (first, again, other))
    np.testing.assert_array_equal(frames, same)
    assert np.abs(frames.astype(int) - others).max() > 8


@pytest.mark.parametrize("last_step", [0, 1, 3, 7])
def test_a_stopped_generation_ends_within_a_step_and_leaves_the_shots_it_has_finished(
    model_caches: dict[str, ModelCache], tmp_path: Path, last_step: int
) -> None:
    """Two shots of one window, four steps each; `last_step` counts them through."""
    shots = [Shot("a red boat", 1.0), Shot("a cat", 1.0)]
    request = ask(name=LTX, shots=shots, num_inference_steps=4)
    calls = stopped_after(last_step, model_caches[LTX], request, tmp_path / "clip.mp4")
    assert calls <= last_step + 1
    assert [path.name for path in tmp_path.iterdir()] == (["clip.mp4"] if last_step > 4 else [])
    run(model_caches[LTX], ask(name=LTX), tmp_path / "next.mp4")
    assert (tmp_path / "next.mp4").exists()


@pytest.mark.parametrize("last_window", [0, 1, 2])
def test_a_stopped_generation_leaves_the_seconds_it_has_finished(
    model_caches: dict[str, ModelCache], tmp_path: Path, last_window: int
) -> None:
    """Two windows, each made in one step."""
    request = ask(duration=5.0)
    calls = stopped_after(last_window, model_caches[MINI], request, tmp_path / "clip.mp4")
    assert calls == max(1, last_window)
    assert [path.name for path in tmp_path.iterdir()] == (["clip.mp4"] if last_window > 1 else [])
    run(model_caches[MINI], ask(), tmp_path / "next.mp4")
    assert (tmp_path / "next.mp4").exists()


def stopped_after(
    last_step: int, model_cache: ModelCache, request: GenerationRequest, path: Path
) -> int:
    """Stop a generation once it has told of so many steps; return how many were begun."""
    told: list[Progress] = []

    def is_cancelled() -> bool:
        steps = {(news.window, news.step) for news in told if news.step}
        return len(steps) >= last_step and len(told) > 1

    with (
        counting_steps(model_cache, request.model) as calls,
        pytest.raises(GenerationCancelledError, match="stopped"),
    ):
        run(model_cache, request, path, told.append, is_cancelled)
    return len(calls)


@contextlib.contextmanager
def counting_steps(model_cache: ModelCache, name: str) -> Iterator[list[object]]:
    """Count the calls of LTX-Video's transformer, or the embedded model's windows."""
    calls: list[object] = []
    if name == LTX:
        transformer = model_cache.load(name).pipe.transformer
        hook = transformer.register_forward_pre_hook(lambda *_: calls.append(None))
        yield calls
        hook.remove()
        return
    make = MiniEngine.make

    def counted(engine: MiniEngine, *arguments: object, **options: object) -> torch.Tensor:
        calls.append(None)
        return make(engine, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MiniEngine, "make", counted)
        yield calls


def test_a_stopped_clip_can_be_played_and_says_how_long_it_is(
    model_caches: dict[str, ModelCache], tmp_path: Path
) -> None:
    stages: list[str] = []
    path = tmp_path / "clip.mp4"

    def is_cancelled() -> bool:
        return stages.count("writing") == 3

    with pytest.raises(GenerationCancelledError):
        run(
            model_caches[MINI],
            ask(duration=5.0),
            path,
            lambda news: stages.append(news.stage),
            is_cancelled,
        )
    info, frames = decoded(path)
    assert 0 < info.num_frames < 81
    recipe = json.loads(read_metadata(path)[RECIPE_TAG])
    assert recipe["num_new_frames"] == len(frames)
    assert recipe["memories"]["last"] is None
    assert list(tmp_path.iterdir()) == [path]


@both_directions
def test_a_stopped_extension_is_no_clip_while_it_has_nothing_new(
    model_caches: dict[str, ModelCache], tmp_path: Path, clip: Path, direction: str
) -> None:
    values = {"video": clip, "direction": direction, "num_inference_steps": 4}
    request = ask("extend_video", LTX, **values)
    told: list[Progress] = []
    with pytest.raises(GenerationCancelledError):
        run(
            *(model_caches[LTX], request, tmp_path / "made.mp4", told.append),
            lambda: bool(told) and told[-1].step == 2,
        )
    assert list(tmp_path.iterdir()) == []


@each_model
def test_what_was_made_before_a_stop_is_not_made_again(
    model_caches: dict[str, ModelCache], tmp_path: Path, name: str
) -> None:
    """The frames are those of a generation that nobody has stopped.

    The embedded model tells of a window when it is made, LTX-Video of each of its two steps.
    """
    whole = run(model_caches[name], ask(name=name, duration=6.0), tmp_path / "whole.mp4")
    keep, steps = tmp_path / "job", []

    def note(news: Progress) -> None:
        if news.stage == "sampling" and news.step:
            steps.append(news.window)

    options = {"model_cache": model_caches[name], "output": tmp_path / "clip.mp4", "keep": keep}
    request = ask(name=name, duration=6.0)
    stop = [{MINI: 1, LTX: 2}[name]]
    with pytest.raises(GenerationCancelledError):
        generate(request, **options, on_progress=note, is_cancelled=lambda: steps[-1:] == stop)
    assert len([*(keep / "windows").iterdir()]) == 1
    with counting_steps(model_caches[name], name) as calls:
        clip = generate(request, **options, on_progress=note, is_cancelled=lambda: False)
    num_windows, num_steps = len(clip.recipe["windows"]), {MINI: 1, LTX: 2}[name]
    assert len(calls) == (num_windows - 1) * num_steps > 0
    np.testing.assert_array_equal(decoded(whole.path)[1], decoded(clip.path)[1])
    assert {path.name for path in keep.iterdir()} == {"pieces", "windows"}


SIX = [
    Shot("a red boat", 1.0),
    Shot("a cat", 1.0),
    Shot("it stops", 1.0, transition="continue"),
    Shot("a dog", 1.0),
    Shot("a tree", 1.0, transition="dissolve"),
    Shot("a house", 1.0),
]


@pytest.mark.parametrize(
    ("changed", "change", "num_new", "num_decoded"),
    # What goes on from a changed shot changes too; what dissolves out of it is mixed anew, and what
    # it dissolves out of is decoded for that.
    [
        (0, {"prompt": "a lamp"}, 1, 1),
        (1, {"prompt": "a lamp"}, 2, 2),
        (2, {"prompt": "a lamp"}, 1, 1),
        (3, {"prompt": "a lamp"}, 2, 2),
        (4, {"prompt": "a lamp"}, 1, 2),
        (5, {"prompt": "a lamp"}, 1, 1),
        (2, {"take": 2}, 1, 1),
    ],
)
def test_a_film_with_one_shot_changed_has_the_others_as_they_are(
    model_caches: dict[str, ModelCache],
    six: tuple[Path, Clip],
    tmp_path: Path,
    changed: int,
    change: dict[str, object],
    num_new: int,
    num_decoded: int,
) -> None:
    keep = tmp_path / "job"
    shutil.copytree(six[0], keep)
    before = {path.name for path in (keep / "pieces").iterdir()}
    shots = [replace(shot, **change) if i == changed else shot for i, shot in enumerate(SIX)]
    request = build_request("text_to_video", model=MINI, shots=shots, seed=3)
    options = {"model_cache": model_caches[MINI], "on_progress": lambda _: None}
    options["is_cancelled"] = lambda: False
    decodings: list[object] = []
    decode_shot = MiniEngine.decode_shot

    def counted(engine: MiniEngine, *arguments: object) -> Iterator[np.ndarray]:
        decodings.append(None)
        return decode_shot(engine, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MiniEngine, "decode_shot", counted)
        clip = generate(request, output=tmp_path / "clip.mp4", keep=keep, **options)
    after = {path.name for path in (keep / "pieces").iterdir()}
    assert len(after) == len(before) == 6
    assert len(after - before) == num_new
    assert len(decodings) == num_decoded
    whole = generate(request, output=tmp_path / "whole.mp4", **options)
    np.testing.assert_array_equal(decoded(clip.path)[1], decoded(whole.path)[1])


@pytest.fixture(scope="module")
def six(
    model_caches: dict[str, ModelCache], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Clip]:
    """A film of six shots, and the folder of its job."""
    folder = tmp_path_factory.mktemp("six")
    request = build_request("text_to_video", model=MINI, shots=SIX, seed=3)
    options = {"model_cache": model_caches[MINI], "on_progress": lambda _: None}
    keep = folder / "job"
    clip = generate(
        request, output=folder / "clip.mp4", keep=keep, is_cancelled=lambda: False, **options
    )
    return keep, clip


def test_a_film_is_told_whole_though_its_shots_are_there(
    model_caches: dict[str, ModelCache], six: tuple[Path, Clip], tmp_path: Path
) -> None:
    """The same film once more is no more than joined."""
    told: list[Progress] = []
    shutil.copytree(six[0], tmp_path / "job")
    request = build_request("text_to_video", model=MINI, shots=SIX, seed=3)
    again = generate(
        request,
        model_cache=model_caches[MINI],
        output=tmp_path / "clip.mp4",
        keep=tmp_path / "job",
        on_progress=told.append,
        is_cancelled=lambda: False,
    )
    assert (tmp_path / "clip.mp4").read_bytes() == six[1].path.read_bytes()
    fractions = [news.fraction for news in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    assert again.num_frames == six[1].num_frames
    assert len({path.name for path in (tmp_path / "job" / "windows").iterdir()}) >= 6


def test_a_shot_that_is_all_dissolved_away_is_no_piece(
    model_caches: dict[str, ModelCache], tmp_path: Path
) -> None:
    shots = [Shot(f"a {noun}", 0.5, transition="continue") for noun in ("car", "boat")]
    shots.append(Shot("a cat", 0.5, transition="dissolve"))
    request = build_request("text_to_video", model=MINI, shots=shots, seed=3)
    options = {
        "model_cache": model_caches[MINI],
        "keep": tmp_path / "job",
        "on_progress": lambda _: None,
    }
    options["is_cancelled"] = lambda: False
    made = [generate(request, output=tmp_path / f"{i}.mp4", **options) for i in range(3)]
    assert {clip.num_frames for clip in made} == {made[0].num_frames}
    assert len({clip.path.read_bytes() for clip in made}) == 1
    assert len([*(tmp_path / "job" / "pieces").iterdir()]) == 2


def test_of_shots_that_all_dissolve_only_the_neighbours_of_a_changed_one_are_made_again(
    model_caches: dict[str, ModelCache], tmp_path: Path
) -> None:
    shots = [Shot(f"a {x}", 1.0, transition="dissolve") for x in ("car", "boat", "cat", "dog")]
    options = {
        "model_cache": model_caches[LTX],
        "keep": tmp_path / "job",
        "on_progress": lambda _: None,
    }
    options |= {"is_cancelled": lambda: False, "output": tmp_path / "clip.mp4"}
    before, after = (
        (generate(build_request("text_to_video", model=LTX, shots=x, seed=3), **options), names())
        for names in [lambda: {path.name for path in (tmp_path / "job" / "pieces").iterdir()}]
        for x in (shots, [replace(shots[0], prompt="a lamp"), *shots[1:]])
    )
    assert len(before[1] & after[1]) == 2


@pytest.mark.parametrize(("name", "num_steps"), [(MINI, 1), (LTX, 3)])
def test_progress_goes_forward_to_the_end_with_a_preview(
    model_caches: dict[str, ModelCache], tmp_path: Path, name: str, num_steps: int
) -> None:
    """Two windows of each."""
    told: list[Progress] = []
    options = {MINI: {"duration": 5.0}, LTX: {"duration": 2.3, "num_inference_steps": 3}}[name]
    run(model_caches[name], ask(name=name, **options), tmp_path / "clip.mp4", told.append)
    fractions = [news.fraction for news in told]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert 0.95 < fractions[-1] <= 1
    stages = [news.stage for news in told]
    assert stages[0] == "loading"
    assert stages == sorted(stages, key=["loading", "sampling", "writing"].index)
    # The first window of the embedded model is written while the second one is made.
    steps = dict.fromkeys((news.window, news.step) for news in told if news.stage == "sampling")
    all_steps = [(window, step) for window in (1, 2) for step in range(1, num_steps + 1)]
    assert list(steps) == [(1, 0), *all_steps]
    after = told[stages.index("sampling") + 1 :]
    for news in after:
        assert news.preview.dtype == np.uint8
        assert news.preview.ndim == 3
        assert max(news.preview.shape) <= 320


def test_the_recipe_is_in_the_file_and_makes_the_clip_again(
    model_caches: dict[str, ModelCache], tmp_path: Path, still: Path
) -> None:
    request = ask("image_to_video", image=still, aspect_ratio="auto", seed=-1)
    clip = run(model_caches[MINI], request, tmp_path / "clip.mp4")
    recipe = json.loads(read_metadata(clip.path)[RECIPE_TAG])
    assert recipe == json.loads(json.dumps(public_recipe(clip.recipe)))
    assert owners_recipe(recipe, request) == json.loads(json.dumps(clip.recipe))
    assert request.shots[0].prompt not in json.dumps(recipe)
    assert recipe["seed"] == clip.seed == request.seed
    assert len(recipe["image"]["sha256"]) == 64
    assert "holidays" not in json.dumps(recipe)
    again = ask("image_to_video", image=still, aspect_ratio="auto", seed=recipe["seed"])
    run(model_caches[MINI], again, tmp_path / "again.mp4")
    np.testing.assert_array_equal(decoded(clip.path)[1], decoded(tmp_path / "again.mp4")[1])


@pytest.mark.parametrize("damage", ["not numbers", "black"])
def test_a_clip_that_is_no_picture_is_refused_and_nothing_of_it_is_left(
    folder: Path, still: Path, tmp_path: Path, damage: str
) -> None:
    model_cache = ModelCache(CPU, tiny_models(folder))
    if damage == "black":
        request = ask(name=LTX)
        last = model_cache.load(LTX).pipe.vae.decoder.conv_out.conv
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.constant_(last.bias, -10.0)
    else:
        request = ask("image_to_video", image=still)
        model_cache.load(MINI).pipe.vae.basis.fill_(torch.nan)
    output = tmp_path / "made" / "clip.mp4"
    output.parent.mkdir()
    with pytest.raises(OutputError, match="try another seed"):
        run(model_cache, request, output)
    assert list(output.parent.iterdir()) == []


def test_a_source_that_cannot_be_used_is_said_before_a_model_is_loaded(
    tmp_path: Path, folder: Path
) -> None:
    text = tmp_path / "clip.mp4"
    text.write_text("no clip")
    model_cache = ModelCache(CPU, tiny_models(folder / "nowhere"))
    with pytest.raises(MediaError):
        run(model_cache, ask("extend_video", video=text), tmp_path / "made.mp4")
    with pytest.raises(ModelError):
        run(model_cache, ask(), tmp_path / "made.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_the_embedded_model_makes_a_clip_at_its_full_size(tmp_path: Path) -> None:
    """The weights that are shipped, through the model cache that will load any other."""
    if not Path(MODELS[MINI].repository).is_dir():
        pytest.skip("the embedded model is not there")
    request = ask(prompt="a red car in a city at night")
    clip = run(ModelCache(CPU), request, tmp_path / "clip.mp4")
    assert_is_promised(clip, 9, (512, 288), 16.0)
