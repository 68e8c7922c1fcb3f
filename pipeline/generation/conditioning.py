"""Prepares the conditioning of each shot: its encoded prompt, and what it continues or leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.engines.base import Given, SceneState, ShotContext
from pipeline.generation.context import GenerationContext
from pipeline.generation.sources import OpenedSource
from pipeline.planning.characters import call_characters
from pipeline.planning.plan import Plan, ShotPlan
from pipeline.planning.recipe import sha256_of
from pipeline.planning.request import GenerationRequest
from pipeline.planning.storyboard import describe_shot


@dataclass(frozen=True)
class ShotConditioning:
    """A shot's encoded prompt, and the `facts` that determine it, as JSON values.

    `first` and `last` are the scene states at the shot's first and last frame.
    """

    prompt: object  # the result of the engine's `encode_prompt`
    facts: dict[str, object]
    first: SceneState | None
    last: SceneState | None


def prepare_conditioning(context: GenerationContext) -> list[ShotConditioning]:
    """Encode the prompts of all shots.

    All at once, so that with offloading the text encoder is moved to the GPU only once.
    """
    engine, request, plan = context.engine, context.request, context.plan
    conditioning: list[ShotConditioning] = []
    for index, shot in enumerate(plan.shots):
        seconds = _last_time(request, plan, shot)
        links = _links(context, index, conditioning, seconds)
        text = describe_shot(shot.shot, engine.model.spec.camera_words)
        text, called = call_characters(text, request.characters, engine.model.spec)
        words = text, plan.negative_prompt, plan.guidance_scale
        seed = request.seed_of(shot.shot)
        guidance_scale = plan.guidance_scale or 1.0
        scenes = [x.scene for x in called if x.scene is not None]
        shot_context = ShotContext(seed, characters=scenes, **links)
        prompt = engine.encode_prompt(text, plan.negative_prompt, guidance_scale, shot_context)
        first, last = (engine.remember(prompt, time) for time in (0.0, seconds))
        # The resulting scene counts, not the earlier shots that it was derived from.
        links.pop("earlier", None)
        facts = {"words": words, "seed": seed, "scene": first, **links}
        if called:
            facts["characters"] = [sha256_of(x.image) for x in called]
        conditioning.append(ShotConditioning(prompt, facts, first, last))
    return conditioning


def _links(
    context: GenerationContext,
    index: int,
    conditioning: list[ShotConditioning],
    seconds: float,
) -> dict[str, Any]:
    """Return the fields of a shot's `ShotContext`: what it starts from or leads up to."""
    plan, source, direction = context.plan, context.source, context.request.direction
    shot = plan.shots[index]
    if shot.continues:
        follows = conditioning[-1].last
        return {"given": None if follows else "clip", "follows": follows}
    if shot.shot.image:
        return {"given": "picture"}
    if index:
        return {"earlier": [x.first for x in conditioning if x.first is not None]}
    memories = {} if source is None else source.memories
    links: dict[str, Any] = {"given": _kind(source)}
    if context.request.task == "remix_video":
        alone: dict[str, Any] = {"given": None, "follows": None}  # as of the words alone
        is_of_scene = context.engine.model.spec.remixes == "scene" and plan.strength < 1
        return alone | ({"remixes": memories.get("first")} if is_of_scene else {})
    if context.request.task == "retake_video":
        links |= _replaced_scene(context, seconds)
    if direction != "backward":
        clip = context.clip
        links["follows"] = None if clip is None else clip.scene_at(clip.info.num_frames - 1)
    elif first := memories.get("first"):
        begin = seconds + 1 / plan.model_fps
        links["leads_to"] = {**first, "seconds": first["seconds"] - begin}
    return links


def _replaced_scene(context: GenerationContext, seconds: float) -> dict[str, Any]:
    """Return the scene that a retake makes anew, for a model that knows it from the recipe.

    The shot lasts a whole number of latent frames, of which some are left out: its `pace` makes up
    for that, so that everything is in its place when the clip goes on.
    """
    clip, plan = context.clip, context.plan
    if clip is None or clip.after is None or not clip.is_one_scene:
        return {}
    if context.engine.model.spec.remixes != "scene":
        return {}
    begin, end = clip.scene_at(clip.info.num_frames - 1), clip.after.scene_at(0)
    pace = float((plan.num_frames + 1) / plan.fps) / (seconds + 1 / plan.model_fps)
    return {"remixes": begin, "leads_to": end, "pace": pace}


def _last_time(request: GenerationRequest, plan: Plan, shot: ShotPlan) -> float:
    """Return the time of a shot's last frame in seconds.

    After a cut the shot's first latent frame is the single frame at time 0. A shot that continues
    something has no such frame.
    """
    goes_on = request.extends and request.direction != "backward"
    is_first = shot.windows[0].shot_index == 0
    num_latents = sum(window.num_latents for window in shot.windows)
    if not (shot.continues or (is_first and goes_on)):
        num_latents -= 1
    return num_latents * plan.temporal / plan.model_fps


def _kind(source: OpenedSource | None) -> Given:
    if source is None:
        return None
    return "clip" if source.picture is None else "picture"
