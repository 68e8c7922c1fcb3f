"""What models make of the sizes, seconds and model names of Sora's clients."""

from __future__ import annotations

import pytest

from http_api.errors import ApiError
from http_api.videos.choices import (
    ModelNames,
    Shape,
    nearest_seconds,
    nearest_shape,
    read_model_names,
    read_seconds,
    read_size,
)
from pipeline.errors import InvalidRequestError, KinoraError
from pipeline.geometry import Size
from pipeline.models.registry import MODELS, clip_sizes
from pipeline.models.spec import ModelSpec
from pipeline.studio import Studio

SORA_SIZES = [Size(720, 1280), Size(1280, 720), Size(1024, 1792), Size(1792, 1024)]


@pytest.mark.parametrize("spec", MODELS.values(), ids=lambda spec: spec.id)
def test_a_model_makes_soras_sizes_in_their_direction_if_it_can(spec: ModelSpec) -> None:
    for task in spec.tasks:
        offered = [width > height for width, height in clip_sizes(spec, task, "standard").values()]
        for size in SORA_SIZES:
            shape = nearest_shape(size, spec, task, spec.qualities)
            made = clip_sizes(spec, task, shape.quality)[shape.aspect_ratio]
            is_wide = size.width > size.height
            assert (made.width > made.height) is (is_wide if is_wide in offered else not is_wide)


@pytest.mark.parametrize("spec", MODELS.values(), ids=lambda spec: spec.id)
def test_a_size_that_a_model_makes_is_made(spec: ModelSpec) -> None:
    for quality in spec.qualities:
        for size in clip_sizes(spec, "text_to_video", quality).values():
            shape = nearest_shape(size, spec, "text_to_video", spec.qualities)
            assert clip_sizes(spec, "text_to_video", shape.quality)[shape.aspect_ratio] == size


@pytest.mark.parametrize(
    ("model", "size", "shape"),
    [
        ("kinora-mini", Size(1280, 720), Shape("16:9", "standard")),
        ("kinora-mini", Size(1000, 1000), Shape("1:1", "standard")),
        ("ltx-video-2b", Size(1280, 720), Shape("16:9", "hd")),
        ("ltx-video-2b", Size(704, 480), Shape("4:3", "standard")),
    ],
)
def test_the_nearest_size_decides_the_quality_too(model: str, size: Size, shape: Shape) -> None:
    spec = MODELS[model]
    assert nearest_shape(size, spec, "text_to_video", spec.qualities) == shape


def test_a_quality_that_does_not_fit_is_left_out() -> None:
    spec = MODELS["ltx-video-2b"]
    shape = nearest_shape(Size(1280, 720), spec, "text_to_video", ["standard"])
    assert shape == Shape("16:9", "standard")


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("4", 4.0), (4, 4.0), ("12", 12.0), (" 0.5", 0.5), (2.5, 2.5), ("60", 60)],
)
def test_seconds_are_read_from_text_and_numbers(given: object, seconds: float) -> None:
    assert read_seconds(given) == seconds


def test_a_model_with_short_shots_makes_its_longest() -> None:
    spec = next(spec for spec in MODELS.values() if spec.max_shot_seconds)
    assert nearest_seconds(60.0, spec) == spec.max_shot_seconds
    assert nearest_seconds(1.0, spec) == 1.0
    assert nearest_seconds(60.0, MODELS["kinora-mini"]) == 60.0


def test_a_size_is_read_or_missing() -> None:
    assert read_size("1280x720") == Size(1280, 720)
    assert read_size(None) is read_size("") is None
    with pytest.raises(ApiError):
        read_size("1280 by 720")


def test_soras_names_mean_the_default_unless_the_owner_says_otherwise(
    app_studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = ModelNames()
    for name in (None, "", "sora", "sora-2", "sora-2-pro", "sora-2-2025-10-06"):
        assert plain.find(app_studio, "text_to_video", name).id == "kinora-mini"
    assert plain.find(app_studio, "text_to_video", "wan-2.2-5b").id == "wan-2.2-5b"
    with pytest.raises(InvalidRequestError, match="soratastic"):
        plain.find(app_studio, "text_to_video", "soratastic")
    monkeypatch.setenv("KINORA_API_MODELS", "sora-2-pro=ltx-2.3, fast = ltx-video-2b")
    named = read_model_names()
    assert named.find(app_studio, "text_to_video", "sora-2-pro").id == "ltx-2.3"
    assert named.find(app_studio, "text_to_video", "fast").id == "ltx-video-2b"
    assert named.find(app_studio, "text_to_video", "sora-2").id == "kinora-mini"


@pytest.mark.parametrize("value", ["sora-2", "sora-2=", "=ltx-2.3", "a=b,c"])
def test_names_without_an_id_end_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("KINORA_API_MODELS", value)
    with pytest.raises(KinoraError, match="KINORA_API_MODELS"):
        read_model_names()
