"""The frames that are handed over, before they are encoded: what was given has to be in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.engines import open_engine
from pipeline.errors import MediaError, OutputError
from pipeline.generation.assembly import assemble_segments, num_finished_frames
from pipeline.generation.conditioning import prepare_conditioning
from pipeline.generation.context import GenerationContext
from pipeline.generation.latent_cache import LatentCache
from pipeline.generation.shots import sample_shots
from pipeline.generation.sources import open_source
from pipeline.geometry import Size
from pipeline.media.images import crop_to_size, open_picture
from pipeline.media.seam_blending import Seam, blend_after
from pipeline.media.transitions import resize
from pipeline.media.video_reader import iterate_frames, probe_clip
from pipeline.mini.renderer import Renderer
from pipeline.planning.plan import plan_generation
from pipeline.planning.request import Shot
from pipeline.planning.validation import build_request
from pipeline.runtime.loading import LoadedModel
from pipeline.runtime.model_cache import ModelCache
from tests.sources import H264, ffmpeg, make_clip
from tests.tiny import LTX, MINI, picture, tiny_model_caches

each_model = pytest.mark.parametrize("name", [MINI, LTX])
both_directions = pytest.mark.parametrize("direction", ["forward", "backward"])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds at 24 frames a second, 96x64."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="module")
def grid_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same under a grid, which is far from anything that a random decoder gives."""
    grid = (*H264, "-vf", "drawgrid=w=8:h=8:t=4:c=white")
    return make_clip(tmp_path_factory.mktemp("grid") / "clip.mp4", *grid)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "picture.png"
    Image.fromarray(picture(130, 70)).save(path)
    return path


@pytest.fixture
def black(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModelCache]:
    """A model whose decoder gives black, whatever it is given, and that paints nobody."""
    model_caches = tiny_model_caches(folder)
    vae = model_caches[MINI].load(MINI).pipe.vae
    decode = vae.decode_linear
    vae.decode_linear = lambda *arguments: decode(*arguments).fill_(-1)
    monkeypatch.setattr(
        Renderer,
        "_show",
        lambda _, prompt, moments: -torch.ones(1, 3, len(moments), prompt.height, prompt.width),
    )
    return model_caches


def finish(
    model_caches: dict[str, ModelCache],
    name: str,
    task: str,
    duration: float = 0.5,
    **values: object,
) -> np.ndarray:
    """Return all frames that a request comes to (F, H, W, 3), and check their number and size."""
    if "shots" not in values:
        values |= {"prompt": "a red boat", "duration": duration}
    frames, _ = make(model_caches[name].load(name), task, **values)
    return frames


def made_of(
    model_caches: dict[str, ModelCache], task: str, **values: object
) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames that a request of a second comes to, and what the model has decoded."""
    values |= {"prompt": "a red boat", "duration": 1.0}
    return make(model_caches[MINI].load(MINI), task, **values)


def make(model: LoadedModel, task: str, **values: object) -> tuple[np.ndarray, np.ndarray]:
    """Return a request's frames, and those that were decoded of its first shot."""
    request = build_request(task, model=model.spec.id, **{"seed": 3} | values)
    source = open_source(request)
    plan = plan_generation(request, model.spec, source and source.facts)
    engine = open_engine(model, width=plan.model_size.width, height=plan.model_size.height)
    context = GenerationContext(engine, request, plan, source)
    conditioning = prepare_conditioning(context)
    shots = sample_shots(context, conditioning, lambda *_: None, LatentCache(None))
    shots_latents = list(shots)
    segments = list(assemble_segments(context, shots_latents))
    frames = [list(segment.frames) for segment in segments]
    assert [len(part) for part in frames] == [segment.num_frames for segment in segments]
    frames = np.stack([frame for part in frames for frame in part])
    assert frames.dtype == np.uint8
    assert frames.shape[2:0:-1] == plan.size
    assert len(frames) == num_finished_frames(plan, source)
    shot_latents = shots_latents[0]
    return frames, np.concatenate(
        list(engine.decode_shot(shot_latents.given, shot_latents.parts, shot_latents.prompt))
    )


def own_frames(clip: Path) -> np.ndarray:
    return np.concatenate(list(iterate_frames(clip, probe_clip(clip))))


@each_model
def test_a_clip_from_words_has_the_planned_frames_and_they_move(
    model_caches: dict[str, ModelCache], name: str
) -> None:
    frames = finish(model_caches, name, "text_to_video", 3.0)
    assert len(frames) == {MINI: 49, LTX: 73}[name]
    assert np.abs(np.diff(frames.astype(int), axis=0)).max() > 0


@each_model
def test_the_first_frame_is_exactly_the_picture(
    model_caches: dict[str, ModelCache], name: str, still: Path
) -> None:
    frames = finish(model_caches, name, "image_to_video", image=still, aspect_ratio="1:1")
    image, _ = crop_to_size(open_picture(still), 64, 64)
    np.testing.assert_array_equal(frames[0], np.asarray(image))


@pytest.fixture(
    scope="module", params=[(name, way) for name in (MINI, LTX) for way in ("forward", "backward")]
)
def extended(
    request: pytest.FixtureRequest, model_caches: dict[str, ModelCache], grid_clip: Path
) -> tuple[np.ndarray, np.ndarray]:
    """The clip's own frames in time, and the new ones counted from the seam."""
    name, direction = request.param
    frames = finish(model_caches, name, "extend_video", video=grid_clip, direction=direction)
    assert len(frames) == 48 + 12
    return (frames[12:], frames[11::-1]) if direction == "backward" else (frames[:48], frames[48:])


def test_a_clips_own_frames_are_kept_to_the_last_bit(
    extended: tuple[np.ndarray, np.ndarray], grid_clip: Path
) -> None:
    np.testing.assert_array_equal(extended[0], own_frames(grid_clip))


def test_new_frames_are_nearer_to_the_clip_the_nearer_they_are_to_the_join(
    extended: tuple[np.ndarray, np.ndarray], request: pytest.FixtureRequest
) -> None:
    kept, new = extended
    is_backward = "backward" in request.node.callspec.params["extended"]
    joined = kept[0] if is_backward else kept[-1]
    distances = np.abs(new.astype(int) - joined).mean(axis=(1, 2, 3))
    assert distances[0] < 0.7 * distances[3:].min()


def test_what_the_decoder_lacks_of_the_picture_is_added_to_the_next_frames(
    model_caches: dict[str, ModelCache], still: Path
) -> None:
    frames, decoded = made_of(model_caches, "image_to_video", image=still)
    assert np.abs(frames[0].astype(int) - decoded[0]).max() > 50
    seam = Seam(given=frames[0], decoded=decoded[0])
    np.testing.assert_array_equal(frames[1:], list(blend_after(seam, decoded[1:], 16.0)))
    nearer, farther = (np.abs(x[1].astype(int) - frames[0]).mean() for x in (frames, decoded))
    assert nearer < 0.8 * farther


@both_directions
def test_the_new_frames_are_the_models_own_once_the_residual_has_faded(
    model_caches: dict[str, ModelCache], clip: Path, direction: str
) -> None:
    """Of the two ends of what was made, look at the one that the clip is not joined to."""
    frames, decoded = made_of(model_caches, "extend_video", video=clip, direction=direction)
    # A second of the clip are 24 frames, of what was made 16; backward one more was made.
    far, far_decoded = (
        (frames[-1], decoded[15]) if direction == "forward" else (frames[0], decoded[1])
    )
    resized = Image.fromarray(far_decoded).resize((96, 64), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(far, np.asarray(resized))


@both_directions
@pytest.mark.parametrize(
    ("num_frames", "fps", "num_new"),
    [(1, "16", 8), (2, "24", 12), (5, "30000/1001", 15), (40, "60", 30), (30, "10", 5)],
)
def test_short_clips_and_other_rates_keep_their_frames_and_gain_the_duration(
    model_caches: dict[str, ModelCache],
    tmp_path: Path,
    direction: str,
    num_frames: int,
    fps: str,
    num_new: int,
) -> None:
    bright = (*H264, "-vf", "negate")  # the first frame is black, and so is what follows it
    clip = make_clip(tmp_path / "clip.mp4", *bright, num_frames=num_frames, fps=fps)
    frames = finish(model_caches, MINI, "extend_video", video=clip, direction=direction)
    assert len(frames) == num_frames + num_new
    kept = frames[:num_frames] if direction == "forward" else frames[-num_frames:]
    np.testing.assert_array_equal(kept, own_frames(clip))


@both_directions
def test_an_odd_side_loses_a_pixel_and_nothing_is_scaled(
    model_caches: dict[str, ModelCache], tmp_path: Path, direction: str
) -> None:
    options = ("-vf", "scale=81:51", "-c:v", "libx264", "-pix_fmt", "yuv444p")
    clip = make_clip(tmp_path / "odd.mp4", *options, num_frames=10)
    given = own_frames(clip)
    assert given.shape == (10, 51, 81, 3)
    frames = finish(model_caches, MINI, "extend_video", video=clip, direction=direction)
    assert frames.shape == (22, 50, 80, 3)
    kept = frames[:10] if direction == "forward" else frames[-10:]
    np.testing.assert_array_equal(kept, given[:, :50, :80])


@each_model
def test_a_film_has_the_frames_of_all_its_shots(
    model_caches: dict[str, ModelCache], name: str
) -> None:
    shots = [Shot("a", 0.5), Shot("a", 0.6, transition="continue"), Shot("a", 0.5)]
    frames = finish(model_caches, name, "text_to_video", shots=shots)
    assert len(frames) == {MINI: 9 + 16 + 9, LTX: 17 + 16 + 17}[name]
    alone = finish(model_caches, name, "text_to_video", shots=shots[:1])
    np.testing.assert_array_equal(frames[: len(alone)], alone)


@pytest.mark.parametrize("task", ["text_to_video", "image_to_video", "forward", "backward"])
def test_footage_that_came_out_black_is_refused_whatever_it_is_joined_to(
    black: dict[str, ModelCache], clip: Path, still: Path, task: str
) -> None:
    """A bright picture or clip hid that the new frames were black."""
    values: dict[str, object] = {"video": clip, "direction": task}
    values = {"text_to_video": {}, "image_to_video": {"image": still}}.get(task, values)
    task = "extend_video" if "direction" in values else task
    with pytest.raises(OutputError, match="black"):
        finish(black, MINI, task, **values)


@each_model
def test_a_dissolve_takes_nothing_from_the_seconds_of_its_shots(
    model_caches: dict[str, ModelCache], name: str
) -> None:
    shots = [Shot("a red boat", 0.5), Shot("a blue car", 1.0, transition="dissolve")]
    frames = finish(model_caches, name, "text_to_video", shots=shots)
    assert len(frames) >= 1.5 * model_caches[name].spec(name).fps
    cut = finish(model_caches, name, "text_to_video", shots=[shots[0], Shot("a blue car", 1.0)])
    mixed = round(0.5 * model_caches[name].spec(name).fps)
    first = len(cut) - model_caches[name].spec(name).num_frames_for(1.0)
    np.testing.assert_array_equal(frames[: first - mixed], cut[: first - mixed])
    assert (frames[first - mixed] != cut[first - mixed]).any()


@each_model
def test_a_shot_with_a_picture_begins_with_the_picture(
    model_caches: dict[str, ModelCache], name: str, still: Path
) -> None:
    shots = [Shot("a red boat", 0.5), Shot("a blue car", 0.5, image=still)]
    frames = finish(model_caches, name, "text_to_video", shots=shots)
    first = model_caches[name].spec(name).num_frames_for(0.5)
    image, _ = crop_to_size(open_picture(still), *frames.shape[2:0:-1])
    np.testing.assert_array_equal(frames[first], np.asarray(image))
    assert len(frames) == 2 * first


@each_model
def test_a_bridge_goes_from_one_clip_to_another_of_another_size_and_rate(
    model_caches: dict[str, ModelCache], name: str, clip: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second.mp4"
    ffmpeg("-i", clip, "-vf", "scale=48:32,fps=12,negate", "-pix_fmt", "yuv420p", second)
    values = {"video": clip, "direction": "bridge", "video_after": second}
    frames = finish(model_caches, name, "extend_video", 2.0, **values)
    assert len(frames) == 48 + 48 + 48
    first, last = own_frames(clip), own_frames(second)
    np.testing.assert_array_equal(frames[:48], first)
    back = [resize(frame, Size(96, 64)) for frame in last]
    np.testing.assert_array_equal(frames[96], back[0])
    np.testing.assert_array_equal(frames[-1], back[-1])


@each_model
def test_a_loop_goes_on_after_the_clip(
    model_caches: dict[str, ModelCache], name: str, clip: Path
) -> None:
    frames = finish(model_caches, name, "extend_video", 2.0, video=clip, direction="loop")
    assert len(frames) == 48 + 48
    np.testing.assert_array_equal(frames[:48], own_frames(clip))


def test_a_bridge_wants_two_clips_of_one_shape(
    model_caches: dict[str, ModelCache], clip: Path, tmp_path: Path
) -> None:
    square = tmp_path / "square.mp4"
    ffmpeg("-i", clip, "-vf", "crop=64:64", "-pix_fmt", "yuv420p", square)
    values = {"video": clip, "direction": "bridge", "video_after": square}
    with pytest.raises(MediaError, match="96x64 and 64x64 pixels"):
        finish(model_caches, MINI, "extend_video", **values)
