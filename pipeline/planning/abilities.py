"""Refuses requests that a model cannot fulfil, according to its row in the catalog."""

from __future__ import annotations

from pipeline.errors import InvalidRequestError
from pipeline.models.spec import Ability, Camera, ModelSpec
from pipeline.planning.characters import list_handles
from pipeline.planning.request import GenerationRequest, Shot


def refuse_impossible(request: GenerationRequest, spec: ModelSpec) -> None:
    """Raise InvalidRequestError for the first part of a request that its model cannot do."""
    check_ability(spec, request.task)
    if request.task == "extend_video":
        check_ability(spec, request.direction)
    _check_aspect_ratio(request, spec)
    _check_settings(request, spec)
    _check_characters(request, spec)
    for number, shot in enumerate(request.shots, 1):
        try:
            _check_camera(spec, shot.camera)
            _check_shot(spec, shot, is_first=number == 1)
        except InvalidRequestError as exc:
            if len(request.shots) == 1:
                raise
            raise InvalidRequestError(f"Shot {number}: {exc}") from exc


def check_ability(spec: ModelSpec, ability: Ability) -> None:
    """Raise InvalidRequestError with the reason if a model lacks an ability."""
    if reason := spec.why_not(ability):
        able = [x for x in (*spec.tasks, *spec.directions) if x != "extend_video"]
        raise InvalidRequestError(
            f"{spec.label} cannot do {ability}: {reason} It can do {', '.join(able)}."
        )


def _check_aspect_ratio(request: GenerationRequest, spec: ModelSpec) -> None:
    """Refuse a shape that the model's authors do not make."""
    sizes = spec.sizes_for(request.task)
    if request.aspect_ratio not in ("auto", *sizes):
        offered = [f"{name} ({width}x{height})" for name, (width, height) in sizes.items()]
        raise InvalidRequestError(
            f"{spec.label} does not make {request.aspect_ratio}; choose {' or '.join(offered)}."
        )


def _check_settings(request: GenerationRequest, spec: ModelSpec) -> None:
    """Refuse a setting that the model does not have."""
    steps = request.num_inference_steps
    if steps is not None and not spec.can_choose_steps:
        fixed = spec.default_num_inference_steps
        if fixed is None:
            raise InvalidRequestError(
                f"{spec.label} has no inference steps; leave num_inference_steps out."
            )
        if steps != fixed:
            raise InvalidRequestError(
                f"{spec.label} always uses {fixed} inference steps, not {steps}; leave "
                "num_inference_steps out."
            )
    if request.guidance_scale is not None and spec.default_guidance_scale is None:
        raise InvalidRequestError(f"{spec.label} does not use guidance; leave guidance_scale out.")
    if request.shift is not None and spec.default_shift is None:
        raise InvalidRequestError(f"{spec.label} has no flow shift to set; leave shift out.")
    if request.negative_prompt and not spec.uses_negative_prompt:
        raise InvalidRequestError(
            f"{spec.label} does not use a negative prompt; leave negative_prompt out."
        )
    if request.loras and not spec.takes_loras:
        raise InvalidRequestError(
            f"{spec.label} does not support LoRAs; leave them out, or choose another model."
        )
    if request.task == "remix_video" and request.quality == "hd":
        raise InvalidRequestError("A remix keeps the size of its clip; choose standard quality.")
    if request.quality not in spec.qualities:
        advice = "leave quality out"
        if len(spec.qualities) > 1:
            advice = f"choose one of {', '.join(spec.qualities)}"
        raise InvalidRequestError(
            f"{spec.label} does not make clips of the quality {request.quality!r}; {advice}."
        )
    if request.enhance and spec.prompt_words is None:
        raise InvalidRequestError(
            f"{spec.label} is made for short prompts, so they are not rewritten; leave enhance out."
        )


def _check_characters(request: GenerationRequest, spec: ModelSpec) -> None:
    """Refuse characters that the model cannot show, or that no prompt calls."""
    if request.characters and spec.shows_characters is None:
        raise InvalidRequestError(
            f"{spec.label} cannot show a character again; choose Wan VACE or Kinora mini, or "
            "describe it in the prompt."
        )
    handles = list_handles(shot.prompt for shot in request.shots)
    for character in request.characters:
        if character.handle not in handles:
            raise InvalidRequestError(
                f"No prompt calls the character {character.name}; write @{character.handle} where "
                "it is meant."
            )
        if spec.shows_characters == "looks" and character.scene is None:
            raise InvalidRequestError(
                f"{spec.label} can show only characters of clips that it has made itself, and "
                f"{character.name} is not one; choose Wan VACE, or describe it in the prompt."
            )


def _check_camera(spec: ModelSpec, camera: Camera) -> None:
    if camera and camera not in spec.camera_words:
        raise InvalidRequestError(
            f"{spec.label} cannot do the camera move {camera!r}; choose one of "
            f"{', '.join(spec.camera_words)}."
        )


def _check_shot(spec: ModelSpec, shot: Shot, *, is_first: bool) -> None:
    """Refuse a shot whose length, start or transition the model cannot do."""
    most = spec.max_shot_seconds
    if most is not None:
        if shot.duration > most:
            raise InvalidRequestError(
                f"A shot of {spec.label} lasts at most {most:g} seconds, not "
                f"{shot.duration:g}; make a film of shorter shots."
            )
        if shot.transition == "continue" and not is_first:
            check_ability(spec, "continue")
    if shot.image is not None:
        check_ability(spec, "image_to_video")
