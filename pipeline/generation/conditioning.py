"""What each shot is told: its words as the model reads them, and how it hangs on the one before."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.engines.base import Given, SceneState, ShotContext
from pipeline.generation.context import GenerationContext
from pipeline.generation.sources import OpenedSource
from pipeline.planning.plan import Plan, ShotPlan
from pipeline.planning.request import GenerationRequest
from pipeline.planning.storyboard import describe_shot


@dataclass(frozen=True)
class ShotConditioning:
    """A shot's prompt for the engine, and the `facts` that it follows from, as JSON has them.

    `first` and `last` say where the shot's paths are at its first and its last frame.
    """

    prompt: object  # as the engine has it
    facts: dict[str, object]
    first: SceneState | None
    last: SceneState | None


def prepare_conditioning(context: GenerationContext) -> list[ShotConditioning]:
    """Encode the prompts of all shots.

    All at once: a model held part by part then swaps its largest part, the text encoder, once.
    """
    engine, request, plan = context.engine, context.request, context.plan
    conditioning: list[ShotConditioning] = []
    for index, shot in enumerate(plan.shots):
        seconds = _last_time(request, plan, shot)
        how = _hang_on(context, index, conditioning, seconds)
        said = describe_shot(shot.shot, engine.model.spec.camera_words)
        words = said, request.negative_prompt, plan.guidance_scale
        prompt = engine.encode_prompt(*words, ShotContext(request.seed, **how))
        first, last = (engine.remember(prompt, time) for time in (0.0, seconds))
        # What it comes to counts, not all the shots that it has been made of.
        how.pop("earlier", None)
        facts = {"words": words, "seed": request.seed, "scene": first, **how}
        conditioning.append(ShotConditioning(prompt, facts, first, last))
    return conditioning


def _hang_on(
    context: GenerationContext,
    index: int,
    conditioning: list[ShotConditioning],
    seconds: float,
) -> dict[str, object]:
    """Return what a shot starts from or leads up to, as `ShotContext` has it."""
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
    how: dict[str, object] = {"given": _kind(source)}
    if direction != "backward":
        how["follows"] = memories.get("last")
    elif first := memories.get("first"):
        begin = seconds + 1 / plan.model_fps
        how["leads_to"] = {**first, "seconds": first["seconds"] - begin}
    return how


def _last_time(request: GenerationRequest, plan: Plan, shot: ShotPlan) -> float:
    """Return when a shot's last frame is, in seconds.

    After a cut its first latent frame is the frame at 0; what goes on from something starts later.
    """
    goes_on = request.task == "extend_video" and request.direction != "backward"
    is_first = shot.windows[0].shot_index == 0
    num_latents = sum(window.num_latents for window in shot.windows)
    if not (shot.continues or (is_first and goes_on)):
        num_latents -= 1
    return num_latents * plan.temporal / plan.model_fps


def _kind(source: OpenedSource | None) -> Given:
    if source is None:
        return None
    return "clip" if source.picture is None else "picture"
