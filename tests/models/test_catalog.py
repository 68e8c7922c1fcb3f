"""Every row, from a request to a finished clip, on tiny models of its very classes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.errors import GenerationCancelledError, InvalidRequestError
from pipeline.generation.generate import Clip, generate
from pipeline.generation.progress import Progress
from pipeline.geometry import Size
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.mini.engine import MiniEngine
from pipeline.models.registry import MODELS, Models, describe_models
from pipeline.models.spec import DIRECTIONS, ModelSpec
from pipeline.planning.plan import plan_generation
from pipeline.planning.request import GenerationRequest, Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache
from tests.sources import BEEP, H264, first_and_last_sound, make_clip
from tests.tiny import CPU, LTX, MINI, picture, tiny_models
from tests.tiny_families import TINY_FAMILIES, save_tiny_family
from tests.tiny_ltx2 import LTX2, TINY_LTX2, save_tiny_ltx2, tiny_ltx2_row
from tests.tiny_wan import TINY_WAN, save_tiny_wan

WINDOW_FRAMES = 33
SMALL = {
    "num_pixels": 64 * 64,
    "sizes": {},
    "default_num_inference_steps": 2,
    "window_frames": WINDOW_FRAMES,
}
# The catalogue with small pictures of any shape.
SMALL_ROWS = Models(
    replace(
        spec,
        num_pixels=SMALL["num_pixels"],
        sizes={},
        draft_pixels=spec.draft_pixels and 32 * 32,
    )
    for spec in MODELS.values()
)
# More than a window of any row.
SECONDS = 3.0
SAVED = {
    **dict.fromkeys(TINY_LTX2, lambda name, folder: save_tiny_ltx2(folder, name)),
    **dict.fromkeys(TINY_WAN, save_tiny_wan),
    **dict.fromkeys(TINY_FAMILIES, save_tiny_family),
}
ROWS = [MINI, LTX, *SAVED]
KINDS = ("latents", "control")  # of remixes, which can be of any clip
ABILITIES = {
    name: [
        *(task for task in MODELS[name].tasks if task not in ("extend_video", "remix_video")),
        *MODELS[name].directions,
    ]
    for name in ROWS
}
each_row = pytest.mark.parametrize("name", ROWS)
each_ability = pytest.mark.parametrize(
    ("name", "ability", "quality"),
    [
        (name, ability, quality)
        for name, abilities in ABILITIES.items()
        for ability in abilities
        for quality in MODELS[name].qualities
        # Its windows are those of a bridge.
        if (ability, quality) not in (("retake_video", "draft"), ("retake_video", "hd"))
    ],
)
each_quality = pytest.mark.parametrize(
    ("name", "quality"), [(name, quality) for name in ROWS for quality in MODELS[name].qualities]
)
# A finished square's side where it is not 64; LTX-Video delivers three quarters of its second pass.
SIDES = {
    (LTX, "draft"): 32,
    (LTX, "hd"): 96,
    (LTX2, "draft"): 64,
    (LTX2, "standard"): 96,
    (LTX2, "hd"): 192,
}


@pytest.fixture(scope="module")
def rows(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, ModelSpec]:
    """Return the rows of the catalogue with tiny weights in the place of the real ones."""
    root = tmp_path_factory.mktemp("rows")
    rows = {
        name: replace(spec, window_frames=WINDOW_FRAMES)
        for name, spec in tiny_models(folder).items()
    }
    for name, save in SAVED.items():
        save(name, root / name)
        rows[name] = replace(
            MODELS[name],
            repository=str(root / name),
            revision=None,
            max_sequence_length=32,
            **SMALL,
        )
    # Its autoencoder needs two latents a side, for a draft too.
    rows[LTX2] = replace(tiny_ltx2_row(root / LTX2), **SMALL | {"num_pixels": 96 * 96})
    return rows


@pytest.fixture(scope="module")
def make(
    rows: dict[str, ModelSpec], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Clip]:
    """Make clips, each row with a model cache of its own; ask for something else by keywords."""
    model_caches = {name: ModelCache(CPU, rows) for name in rows}
    folder, numbers = tmp_path_factory.mktemp("clips"), itertools.count()

    def make(
        request: GenerationRequest,
        on_progress: Callable[[Progress], None] = lambda _: None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> Clip:
        return generate(
            request,
            model_cache=model_caches[request.model],
            output=folder / f"{next(numbers)}.mp4",
            on_progress=on_progress,
            is_cancelled=is_cancelled,
        )

    return make


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalogue") / "still.png"
    Image.fromarray(picture(128, 128)).save(path)
    return path


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a clip of 1.25 s, which every row's window holds, with a beep from 0.5 s to 1 s."""
    path = tmp_path_factory.mktemp("catalogue") / "heard.mp4"
    return make_clip(path, *H264, "-c:a", "aac", num_frames=25, fps="20", sound=BEEP)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalogue") / "source.mp4"
    return make_clip(path, num_frames=40, fps="20")


def ask(
    name: str,
    ability: str,
    still: Path,
    source: Path,
    seconds: float | None = None,
    **fields: object,
) -> GenerationRequest:
    """Ask a row for something that it can do."""
    if seconds is None:
        seconds = SECONDS if "continue" not in MODELS[name].cannot else 1.0
    fields = {"prompt": "a red car", "model": name, "duration": seconds, "seed": 3} | fields
    fields["models"] = SMALL_ROWS
    if ability == "text_to_video":
        return build_request("text_to_video", aspect_ratio="1:1", **fields)
    if ability == "image_to_video":
        return build_request("image_to_video", image=still, aspect_ratio="1:1", **fields)
    if ability == "remix_video":
        return build_request("remix_video", video=source, **fields)
    if ability == "retake_video":
        # Half a second before and after it is kept.
        fields = {**fields, "start": 0.5, "duration": 1.0}
        return build_request("retake_video", video=source, **fields)
    after = source if ability == "bridge" else None
    return build_request(
        "extend_video", video=source, direction=ability, video_after=after, **fields
    )


def frames_of(clip: Clip | Path) -> np.ndarray:
    path = clip if isinstance(clip, Path) else clip.path
    return np.concatenate(list(iterate_frames(path, probe_clip(path)))).astype(int)


@each_ability
def test_a_row_makes_what_it_claims_to_the_very_frame(
    name: str,
    ability: str,
    quality: str,
    make: Callable[..., Clip],
    rows: dict[str, ModelSpec],
    still: Path,
    source: Path,
) -> None:
    request = ask(name, ability, still, source, quality=quality)
    clip = make(request)
    info, spec = probe_clip(clip.path), rows[name]
    num_given = {"bridge": 80, "retake_video": 20}.get(ability, 40 if ability in DIRECTIONS else 0)
    if num_given:
        assert (info.fps, info.num_frames) == (20, num_given + round(request.duration * 20))
    else:
        plan = plan_generation(request, spec, None if ability == "text_to_video" else info)
        num_frames = spec.num_frames_for(request.duration)
        if spec.chunk_latents and ability == "image_to_video":
            # The picture is no part of a chunk.
            num_frames = 1 + spec.num_frames_for(request.duration - 1 / spec.fps)
        assert (info.fps, info.num_frames) == (spec.fps, num_frames)
        assert plan.num_windows > 1 or "continue" in spec.cannot
    side = SIDES.get((name, quality), 64)
    shown = probe_clip(source) if num_given else Size(side, side)
    assert (info.width, info.height) == (shown.width, shown.height)
    assert clip.recipe["model"] == name
    assert info.has_audio == spec.has_audio  # the given clips have none
    frames = frames_of(clip)
    kept = frames_of(source)
    if ability in ("forward", "loop", "bridge"):
        assert np.abs(frames[:40] - kept).mean() < 4  # grey levels that H.264 costs
    if ability in ("backward", "bridge"):
        assert np.abs(frames[-40:] - kept).mean() < 4
    if ability == "retake_video":
        outside = [*range(10), *range(30, 40)]
        assert np.abs(frames[outside] - kept[outside]).mean() < 4


@pytest.mark.parametrize(
    ("name", "strength"),
    [(name, x) for name in ROWS for x in (0.0, 0.5, 1.0) if MODELS[name].remixes in KINDS],
)
def test_a_remix_has_the_frames_of_its_clip_and_what_it_shows_as_far_as_it_was_asked(
    name: str, strength: float, make: Callable[..., Clip], still: Path, heard: Path
) -> None:
    clip = make(ask(name, "remix_video", still, heard, strength=strength))
    info, given = probe_clip(clip.path), probe_clip(heard)
    for fact in ("fps", "num_frames", "width", "height"):
        assert getattr(info, fact) == getattr(given, fact)
    assert first_and_last_sound(clip.path) == pytest.approx((0.5, 1.0), abs=0.03)
    change = np.abs(frames_of(clip) - frames_of(heard)).mean()
    assert change < 4 if strength == 0 else change > 4
    num_new = sum(span["num_frames"] for span in clip.recipe["new_spans"])
    assert num_new == (given.num_frames if strength else 0)


@each_quality
def test_the_same_seed_makes_the_same_clip_and_another_seed_another(
    name: str, quality: str, make: Callable[..., Clip], still: Path, source: Path
) -> None:
    ability = ABILITIES[name][0]
    first, again, other = (
        frames_of(make(ask(name, ability, still, source, 1.0, seed=seed, quality=quality)))
        for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("name", "quality", "last_step"),
    [(name, quality, 1) for name in ROWS for quality in MODELS[name].qualities]
    # The first steps of second passes.
    + [(LTX, "hd", 2 + 1), (LTX2, "hd", 8 + 1)],
)
def test_stop_is_heard_within_one_step_and_the_next_clip_is_made(
    name: str,
    quality: str,
    last_step: int,
    make: Callable[..., Clip],
    still: Path,
    source: Path,
) -> None:
    ability, seen = ABILITIES[name][0], []
    request = ask(name, ability, still, source, 1.0, quality=quality)

    def note(progress: Progress) -> None:
        seen.append((progress.window, progress.step))

    with pytest.raises(GenerationCancelledError):
        make(request, note, is_cancelled=lambda: bool(seen) and seen[-1] >= (1, last_step))
    assert max(seen) <= (1, last_step)
    assert make(request).num_frames > 0


@each_quality
def test_a_clip_that_was_stopped_goes_on_from_its_finished_windows(
    name: str,
    quality: str,
    rows: dict[str, ModelSpec],
    still: Path,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In HD the first pass over a window is kept before the second begins."""
    model_cache, ability = ModelCache(CPU, rows), ABILITIES[name][0]
    request = ask(name, ability, still, source, quality=quality)
    if "continue" in rows[name].cannot:
        shots = [Shot("a red car", 1.0), Shot("a boat", 1.0)]
        request = build_request(
            ability, shots=shots, model=name, aspect_ratio="1:1", seed=3, models=SMALL_ROWS
        )

    calls: list[object] = []
    if name == MINI:  # whose windows only say that a scene goes on
        make = MiniEngine.make

        def counted(*values: object, **named: object) -> object:
            calls.append(1)
            return make(*values, **named)

        monkeypatch.setattr(MiniEngine, "make", counted)
    else:
        model_cache.load(name).pipe.transformer.register_forward_hook(lambda *_: calls.append(1))

    def run(folder: str, num_allowed: int = 99) -> int:
        """Make the clip until so many windows are kept; count what its windows were made of."""
        calls.clear()
        keep = tmp_path / folder
        keep.mkdir(exist_ok=True)
        generate(
            request,
            model_cache=model_cache,
            output=keep / "clip.mp4",
            on_progress=lambda _: None,
            is_cancelled=lambda: len(windows_of(keep)) >= num_allowed,
            keep=keep,
        )
        return len(calls)

    with pytest.raises(GenerationCancelledError):
        run("stopped", num_allowed=1)
    kept = windows_of(tmp_path / "stopped")
    assert len(kept) == 1
    num_calls = run("whole")
    assert 0 < run("stopped") < num_calls
    assert kept.items() <= windows_of(tmp_path / "stopped").items()
    shown = [frames_of(tmp_path / folder / "clip.mp4") for folder in ("whole", "stopped")]
    np.testing.assert_array_equal(*shown)


def windows_of(folder: Path) -> dict[str, int]:
    """Return when each finished window of a clip was written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("windows/*.safetensors")}


def test_a_further_row_of_a_known_family_is_a_row_and_nothing_else(
    rows: dict[str, ModelSpec], tmp_path: Path
) -> None:
    """What is in the table is offered, described, planned and made: no other file knows it."""
    row = replace(rows["skyreels-v2-1.3b"], id="a-new-model", label="A new model", fps=12.0)
    models = Models([*MODELS.values(), row])
    assert row in models.for_task("text_to_video")
    assert row.id in [described["id"] for described in describe_models(models)]
    how = {"prompt": "a car", "model": row.id, "models": models}
    request = build_request("text_to_video", duration=2.0, aspect_ratio="1:1", seed=1, **how)
    clip = generate(
        request,
        model_cache=ModelCache(CPU, models),
        output=tmp_path / "clip.mp4",
        on_progress=lambda _: None,
        is_cancelled=lambda: False,
    )
    info = probe_clip(clip.path)
    assert (info.fps, info.num_frames, info.width, info.height) == (12.0, 25, 64, 64)
    assert clip.recipe["model"] == row.id
    with pytest.raises(InvalidRequestError, match="A new model cannot do backward"):
        build_request("extend_video", video=clip.path, direction="backward", **how)


@pytest.mark.parametrize("name", [name for name in ROWS if MODELS[name].cannot])
def test_what_a_model_cannot_do_is_refused_with_the_reason(
    name: str, still: Path, source: Path
) -> None:
    spec = MODELS[name]
    for ability, reason in spec.cannot.items():
        if ability == "continue":
            shots = [Shot("a car", 1.0), Shot("a boat", 1.0, transition="continue")]
            for wrong in (shots, [Shot("a car", spec.max_shot_seconds + 1)]):
                with pytest.raises(InvalidRequestError, match=r"one window|lasts at most"):
                    build_request("text_to_video", shots=wrong, model=name)
            continue
        with pytest.raises(InvalidRequestError) as caught:
            ask(name, ability, still, source, 1.0)
        assert reason in str(caught.value) or ability in DIRECTIONS
        assert spec.label in str(caught.value)
