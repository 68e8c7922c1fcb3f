"""Sprites: characters alone, the same wherever they are, and composited into their background."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pipeline.mini import AutoencoderKinora, SpriteModel
from pipeline.mini.camera import MAX_ZOOM
from pipeline.mini.compositing import composite_latents
from pipeline.mini.motion_paths import MotionPaths
from pipeline.mini.path_features import latent_times
from pipeline.mini.scene import CAST, Look, Scene, complete_scene
from pipeline.mini.sprites import ABOVE, BELOW, SPRITE_HEIGHT, canvas_size
from pipeline.runtime.model_cache import ModelCache
from tests.tiny import MINI

WIDTH, HEIGHT = 512, 288
GROUND, BODY = -0.2, 0.8
SHIPPED_SLOTS = (0, 1, 3, 4, 8, 12)  # subject, colour, time, weather, emotion, style


@pytest.fixture(scope="module")
def vae() -> AutoencoderKinora:
    return ModelCache().load(MINI).pipe.vae.float()


@pytest.fixture
def portraits() -> SpriteModel:
    torch.manual_seed(0)
    sizes = {"width": 8, "depth": 1, "num_layers": 2}
    return SpriteModel(4, **sizes, num_subjects=16, slots=SHIPPED_SLOTS).eval()


def draw_box(look: Look, seconds: tuple[float, ...]) -> torch.Tensor:
    """Draw whoever it is as a bright box, the front quarter dark."""
    height, width = canvas_size(look.subject)
    portrait = torch.zeros(len(seconds), 4, height, width)
    half = round(CAST[look.subject][0] * SPRITE_HEIGHT / 2)
    box = (slice(ABOVE, height - BELOW), slice(width // 2 - half, width // 2 + half))
    portrait[(..., *box)] = (BODY + 1) / 2
    portrait[(slice(None), 3, *box)] = 1
    return portrait


def stage(motion: str | None, camera: str = "static", **more: object) -> MotionPaths:
    named = {"subject": "robot", "motion": motion, "camera": camera, "size": "medium", **more}
    scene = complete_scene({**dict.fromkeys(Scene.__annotations__), **named}, 3)
    return MotionPaths(replace(scene, companion=None, relation=None), width=WIDTH, height=HEIGHT)


def made(
    vae: AutoencoderKinora, staging: MotionPaths, first: int = 1, count: int = 3
) -> torch.Tensor:
    """Populate empty ground; return frames (F, H, W) of grey."""
    times = latent_times(first, count, 16, is_start=False)
    ground = vae.normalize(vae.project_still(torch.full((1, 3, HEIGHT, WIDTH), GROUND)))
    populated = composite_latents(vae, staging, times, ground.repeat(1, 1, count, 1, 1), draw_box)
    frames = [vae.decode_linear(z) for z in vae.denormalize(populated).unbind(2)]
    return torch.cat(frames, dim=2)[0].mean(0)


@pytest.mark.parametrize(
    ("motion", "camera"),
    [
        ("right", "static"), ("left", "static"), ("rise", "static"), ("bounce", "static"),
        ("circle", "static"), ("pace", "static"), ("still", "pan left"), ("still", "zoom in"),
    ],
)  # fmt: skip
def test_somebody_is_where_their_path_is_in_every_picture(
    vae: AutoencoderKinora, motion: str, camera: str
) -> None:
    staging = stage(motion, camera)
    y, x = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    for index, frame in enumerate(made(vae, staging), start=1):
        bright = ((frame - GROUND).clamp(min=0) > 0.5).float()
        figure = staging.figures(index / 16)[0]
        assert abs(float((bright * x).sum() / bright.sum()) - figure.x) < 2, index
        assert abs(float((bright * y).sum() / bright.sum()) - figure.y) < 2, index
        assert float(bright.sum()) == pytest.approx(figure.width * figure.height, rel=0.08)


def test_nothing_of_what_is_behind_is_seen_through_somebody(vae: AutoencoderKinora) -> None:
    staging = stage("right")
    for index, frame in enumerate(made(vae, staging), start=1):
        figure = staging.figures(index / 16)[0]
        x, y = round(figure.x), round(figure.y)
        assert frame[y - 20 : y + 20, x - 20 : x + 20].mean() > BODY - 0.05


def test_what_nobody_comes_near_stays_as_it_is(vae: AutoencoderKinora) -> None:
    times = latent_times(1, 2, 16, is_start=False)
    staging = stage("right")
    land = torch.randn(1, 256, 2, 9, 16, generator=torch.Generator().manual_seed(0))
    changed = (composite_latents(vae, staging, times, land, draw_box) != land).any(1)[0]
    assert changed.any()
    for index, columns in enumerate(changed.any(1)):
        figures = [staging.figures(time)[0] for time in times[index]]
        half = [figure.height / SPRITE_HEIGHT * canvas_size("robot")[1] / 2 for figure in figures]
        near = [f.x + side * h for f, h in zip(figures, half, strict=True) for side in (-1, 1)]
        touched = columns.nonzero().flatten()
        assert touched.min() >= int(min(near) // 32)
        assert touched.max() <= int(max(near) // 32)


def test_a_land_with_nobody_in_it_is_left_alone(vae: AutoencoderKinora) -> None:
    times = latent_times(0, 3, 16, is_start=True)
    land = torch.randn(1, 256, 3, 9, 16, generator=torch.Generator().manual_seed(0))
    empty = stage(None, subject=None, size=None)
    assert torch.equal(composite_latents(vae, empty, times, land, draw_box), land)


def test_latent_frames_come_out_the_same_one_by_one_and_together(vae: AutoencoderKinora) -> None:
    """A job that goes on from its windows has to make the same ones."""
    staging = stage("circle")
    times = latent_times(0, 4, 16, is_start=True)
    land = torch.randn(1, 256, 4, 9, 16, generator=torch.Generator().manual_seed(0))
    together = composite_latents(vae, staging, times, land, draw_box)
    for index in range(4):
        part = slice(index, index + 1)
        alone = composite_latents(vae, staging, times[part], land[:, :, part], draw_box)
        assert torch.equal(alone, together[:, :, part])


def test_the_camera_goes_nearer_to_the_land_about_its_pivot(vae: AutoencoderKinora) -> None:
    staging = stage(None, "zoom in", subject=None, size=None)
    picture = torch.full((1, 3, HEIGHT, WIDTH), GROUND)
    picture[..., 96:192, 128:384] = BODY
    land = vae.normalize(vae.project_still(picture))
    times = latent_times(12, 1, 16, is_start=False)  # six seconds: all of the way
    near = composite_latents(vae, staging, times, land, draw_box)
    frame = vae.decode_linear(vae.denormalize(near)[:, :, 0])[0, :, -1].mean(0)
    bright = (frame > (GROUND + BODY) / 2).float()
    assert float(bright.sum()) == pytest.approx(96 * 256 * MAX_ZOOM**2, rel=0.02)
    x = torch.arange(WIDTH) + 0.5
    assert float((bright * x).sum() / bright.sum()) == pytest.approx(WIDTH / 2, abs=1)


def test_a_shadow_lies_on_the_ground_and_is_fainter_the_higher_somebody_is(
    vae: AutoencoderKinora,
) -> None:
    staging = stage("bounce")
    frames = made(vae, staging)
    depths = []
    for index in (1, 8):  # on the way up, and at the top
        shadow = staging.figures(index / 16)[0].shadow
        x, y = round(shadow.x), round(shadow.y + 2)
        depths.append(GROUND - float(frames[index - 1, y : y + 4, x - 8 : x + 8].mean()))
    assert depths[0] > depths[1] > 0.03


def test_a_portrait_has_its_subjects_size_and_covers_from_nothing_to_all(
    portraits: SpriteModel,
) -> None:
    slots, seconds = torch.randn(1, 14, 4), torch.tensor([0.0, 1.3])
    for subject in list(CAST)[:16]:
        painted = portraits.paint(subject, slots, seconds)
        assert painted.shape == (2, 4, *canvas_size(subject))
        colours, cover = painted.split((3, 1), dim=1)
        assert (colours <= cover + 1e-5).all()
        assert painted.min() >= 0
        assert painted.max() <= 1 + 1e-5


def test_where_nothing_is_ever_seen_nothing_is_painted(portraits: SpriteModel) -> None:
    rows, places = portraits.cells_of("cat")
    portraits.is_used[rows[::2]] = False
    painted = portraits.paint("cat", torch.randn(1, 14, 4), torch.zeros(1))
    columns = canvas_size("cat")[1] // 16
    for place in places[::2].tolist():
        y, x = 16 * (place // columns), 16 * (place % columns)
        assert not painted[..., y : y + 16, x : x + 16].any()
    assert painted.any()


def test_looks_that_the_words_do_not_tell_change_nothing(portraits: SpriteModel) -> None:
    """Places, motions and cameras have slots too, and nobody looks different for them."""
    told = torch.randn(1, 14, 4, generator=torch.Generator().manual_seed(1))
    other = told.clone()
    of_place = [2, 5, 6, 7, 9, 10, 11, 13]  # all but subject, colour, time, weather, emotion, style
    other[:, of_place] += 1
    one, two = (portraits.paint("cat", x, torch.zeros(1)) for x in (told, other))
    assert torch.equal(one, two)


def test_everything_anybody_does_repeats_with_the_clock(portraits: SpriteModel) -> None:
    slots = torch.randn(1, 14, 4)
    now, later = portraits.paint("bird", slots, torch.tensor([1.25, 9.25]))
    torch.testing.assert_close(now, later, atol=1e-4, rtol=0)


@torch.no_grad()
def test_the_shipped_portraits_are_solid_and_of_the_colour_that_is_told() -> None:
    pipe = ModelCache().load(MINI).pipe
    means = {}
    for colour in ("red", "blue", "white"):
        look = Look("car", colour, "day", "clear", None, "flat")
        painted = pipe.paint_sprites(look, (0.5,))[0].float()
        cover = painted[3]
        middle = (slice(ABOVE + 60, ABOVE + 80), slice(60, -60))
        assert cover[middle].min() > 0.95
        assert cover[:8].max() < 0.05
        assert ((cover > 0.05) & (cover < 0.95)).float().mean() < 0.06  # outlines are thin
        means[colour] = painted[(slice(3), *middle)].mean((1, 2)).tolist()
    red, blue, white = means.values()
    assert red[0] > 2 * max(red[1:])
    assert blue[2] > 2 * blue[0]
    assert min(white) > 0.7
