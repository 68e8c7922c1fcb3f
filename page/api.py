"""The public API: the endpoints, their parameters and their answers."""

# No `from __future__ import annotations` here: gr.api needs return types, not their names.
import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import gradio as gr

from page.auth import client_id
from page.character_api import CharacterEndpoints, name_characters, read_owner
from page.components import MAX_WATCHING
from page.errors import plain_errors, refuse_failure
from page.inspection import inspect
from page.parameters import (
    CHARACTERS,
    LATER,
    SAMPLING,
    WITH_FILES,
    ClipAnswer,
    Fields,
    takes,
)
from page.served_files import serve_clip
from page.uploads import open_all, refuse_unused, uploaded, uploaded_files
from pipeline.jobs.store import Origin
from pipeline.models.spec import TASK_SOURCES, ModelSpec, Task
from pipeline.planning.field_checks import check_flag, check_text
from pipeline.planning.pieces import MAX_PIECES, parse_pieces
from pipeline.planning.request import (
    DEFAULT_SHOT_SECONDS,
    MAX_PROMPT_CHARACTERS,
    Shot,
)
from pipeline.planning.storyboard import MAX_SHOTS, parse_storyboard
from pipeline.studio import Studio

ClipAnswers = AsyncIterator[ClipAnswer]


class Endpoints:
    """The public API, one method per endpoint; names, parameters and defaults are stable."""

    def __init__(self, studio: Studio) -> None:
        """Serve the jobs of a studio."""
        self._studio = studio

    @takes(
        *("prompt", "model", "aspect_ratio", "duration", *SAMPLING, "label", "shows_prompt"),
        *(*LATER, "strict", "camera", *CHARACTERS),
    )
    async def text_to_video(self, fields: Fields) -> ClipAnswers:
        """Make a clip from text.

        Returns (video, recipe); until the clip is finished, (null, the job's state with its
        job_id). model: an id from /models; the default is the first one. aspect_ratio: one that the
        model makes, of 16:9, 9:16, 1:1, 4:3, 3:4 and 21:9. duration: 0.5 to 60 seconds. seed: 0 to
        2147483647, or -1 for a random one; the recipe contains it. negative_prompt,
        num_inference_steps, guidance_scale, shift (the flow shift): the model's defaults if not
        set. label: "corner" or "moving" adds a visible "AI generated". shows_prompt: puts the
        prompt into the clip's credentials, not only its hash. loras: a list of {"lora", "weight"},
        or text with one line each, "owner/name/file.safetensors 0.8". If only this computer can
        reach the app, model and lora may also be paths or Hub names. quality: "draft",
        "standard" or "hd", of those that /models lists for the model.
        enhance: true rewrites the prompt into a paragraph, as the large models were trained on;
        false never does; by default short prompts are rewritten for models that profit.
        strict: refuse a prompt of which the model knows nothing; by default it draws something
        else, and state and recipe say so in "not_understood". /understand tells it beforehand.
        camera: a camera move of the model, as /models lists them; without one, as the prompt says.
        characters: ids from /create_character with this owner; the prompt may call them by their
        names. Prompts may also call the owner's characters by @name, without an id.
        """
        async for answer in self._make("text_to_video", fields):
            yield answer

    @takes(
        *("image", "prompt", "model", "duration", *SAMPLING, "aspect_ratio"),
        *(*WITH_FILES, "strict", "camera", *CHARACTERS),
        aspect_ratio="auto",
    )
    async def image_to_video(self, fields: Fields) -> ClipAnswers:
        """Make a clip that begins with a picture.

        image: an uploaded PNG, JPEG, WebP, GIF or HEIC file. It is cropped to the aspect_ratio;
        "auto" uses the one nearest to the picture's own. has_consent: everyone shown in the picture
        has agreed. All other parameters: as in /text_to_video.
        """
        async for answer in self._make("image_to_video", fields):
            yield answer

    @takes(
        *("video", "prompt", "direction", "model", "duration", *SAMPLING, "video_after"),
        *(*WITH_FILES, "strict", "camera", *CHARACTERS),
    )
    async def extend_video(self, fields: Fields) -> ClipAnswers:
        """Extend a clip at its end or beginning, into a loop, or as a bridge to another clip.

        video: an uploaded clip; the result is the whole clip with the new footage, in its own size
        and frame rate and with its sound. direction: "forward" adds footage at the end, "backward"
        at the beginning; "loop" adds footage at the end that leads back to the beginning; "bridge"
        adds footage at the end that leads to video_after, another uploaded clip of the same shape,
        which then follows. duration: seconds of new footage. has_consent: as in /image_to_video.
        All other parameters: as in /text_to_video.
        """
        with plain_errors():
            if fields["video_after"] is not None:
                fields["video_after"] = uploaded("second clip", fields["video_after"])
        async for answer in self._make("extend_video", fields):
            yield answer

    @takes(
        *("storyboard", "model", "aspect_ratio", *SAMPLING, "pictures", "based_on"),
        *(*WITH_FILES, "strict", *CHARACTERS),
    )
    async def film(self, fields: Fields) -> ClipAnswers:
        """Make a film of several shots, up to a minute in total.

        storyboard: JSON, [{"prompt", "duration", "camera", "transition", "picture"}, ...], where
        only the prompt is required; or text with one line per shot:
        [5s, zoom in, dissolve, picture 1] a red car in a city. camera: a camera move of the model,
        see /models. transition: cut, continue (the shot continues the one before) or dissolve; it
        has no effect on the first shot. picture: the number, from 1, of the uploaded picture that
        the shot begins with. take: from 1, another draw of the shot. based_on: the id of an earlier
        job; only changed shots and those that continue them are made again (with that job's seed if
        seed is -1). All other parameters: as in /text_to_video.
        """
        based_on = fields.pop("based_on")
        with plain_errors():
            if paths := uploaded_files("picture", fields.pop("pictures"), MAX_SHOTS):
                await inspect(self._studio, open_all, paths)
            fields["shots"] = parse_storyboard(fields.pop("storyboard"), paths)
            refuse_unused(paths, fields["shots"])
        async for answer in self._make("text_to_video", fields, based_on):
            yield answer

    @takes("video", "prompt", "strength", "model", *SAMPLING, *WITH_FILES, *CHARACTERS)
    async def remix_video(self, fields: Fields) -> ClipAnswers:
        """Make a clip anew with other words, in its own length, size and rate, with its sound.

        video: an uploaded clip of 0.5 to 60 seconds. strength: how much changes, from 0, the clip
        itself, to 1, a clip of the words alone. has_consent: as in /image_to_video. All other
        parameters: as in /text_to_video.
        """
        async for answer in self._make("remix_video", fields):
            yield answer

    @takes("video", "prompt", "start", "duration", "model", *SAMPLING, *WITH_FILES, *CHARACTERS)
    async def retake_video(self, fields: Fields) -> ClipAnswers:
        """Make a span of a clip anew, with words of its own; the frames outside stay.

        video: an uploaded clip; the result is the whole clip with the new footage in the place of
        the old. start: seconds, after the clip's first frame. duration: seconds of new footage,
        which ends before the clip does. has_consent: as in /image_to_video. All other parameters:
        as in /text_to_video.
        """
        async for answer in self._make("retake_video", fields):
            yield answer

    @takes("videos", "pieces", "has_consent")
    async def cut_video(self, fields: Fields) -> ClipAnswers:
        """Cut a clip to a span, or put parts of several one behind the other, without a model.

        videos: uploaded clips of the same shape. pieces: [{"clip", "start", "end", "transition"},
        ...] in their order, where clip is the number of a video from 1 and the times are in
        seconds; by default each video whole. transition: cut or dissolve. The result has the size
        and rate of the first piece. has_consent: as in /image_to_video.
        """
        with plain_errors():
            clips = uploaded_files("clip", fields.pop("videos"), MAX_PIECES)
            fields["shots"] = parse_pieces(fields.pop("pieces"), clips)
        async for answer in self._make("cut_video", fields):
            yield answer

    def models(self) -> list[dict[str, Any]]:
        """List the models, the default first, with what each can do and whether it fits here."""
        return self._studio.offers.describe_models()

    async def understand(
        self,
        prompt: str,
        model: str | None = None,
        enhance: bool | None = None,
        owner: str = "",
    ) -> dict[str, Any]:
        """Say what a model makes of a prompt, without making a clip.

        "will_draw": what is drawn, in the model's words. "understood": words of the prompt that are
        drawn as they are meant. "not_understood": those that are not, each with the nearest thing
        that the model knows, or null. All three are null for a model that reads any words.
        "knows_nothing": nothing that the prompt names is drawn. "notes": sentences, such as that it
        is too long. owner: as in /create_character; its characters are known by @name.
        """
        with plain_errors():
            text = check_text("prompt", prompt, MAX_PROMPT_CHARACTERS)
            what = [text], self._spec("text_to_video", model)
            called = None
            if key := read_owner(owner):
                called = await asyncio.to_thread(self._studio.characters.called_in, key, [text])
            said = partial(
                self._studio.readers.understand, *what, enhance=enhance, characters=called
            )
            return (await asyncio.to_thread(said)).to_json()

    def job(self, job_id: str) -> ClipAnswer:
        """Return a job's clip (null until it is done) and its state.

        The state has "state" (queued, running, paused, done, failed or cancelled), "progress" from
        0 to 1, a "message" if the job failed, its "position" while it waits, its "rewritten"
        prompts once there are any, "understood" and "not_understood" as in /understand, and the
        "recipe" when it is done. Jobs continue when the client disconnects. The clip of a stopped
        job is its finished part.
        """
        with plain_errors():
            state = self._studio.worker.state(job_id).to_json()
            state["recipe"] = self._studio.worker.recipe(job_id)
            if rewritten := self._studio.worker.store.rewritten(job_id):
                state["rewritten"] = rewritten
            state |= self._words_of(job_id)
            return self._video(job_id), state

    def cancel_job(self, job_id: str) -> dict[str, Any]:
        """Stop a queued or running job within one denoising step, and return its state."""
        with plain_errors():
            return self._studio.worker.cancel(job_id).to_json()

    def pause_job(self, job_id: str) -> dict[str, Any]:
        """Pause a job, to be resumed with /resume_job, and return its state."""
        with plain_errors():
            return self._studio.worker.pause(job_id).to_json()

    async def resume_job(self, job_id: str) -> dict[str, Any]:
        """Resume a paused, stopped or failed job from its last finished window."""
        with plain_errors():
            return (await self._studio.resume(job_id, client_id())).to_json()

    async def verify_video(self, video: gr.FileData) -> dict[str, Any]:
        """Report where a clip or picture comes from: its credentials, their state, and its recipe.

        "signed": true if it is signed and unchanged since. "credentials": the state and the signer,
        also of every file it was made from. "conclusion": the result in a sentence. Anyone can
        write or remove a recipe that is not signed.
        """
        with plain_errors():
            path = uploaded("video", video)
            return await inspect(self._studio, self._studio.verify, path)

    async def _make(
        self, task: Task, fields: dict[str, Any], based_on: str | None = None
    ) -> AsyncIterator[ClipAnswer]:
        with plain_errors():
            if source := TASK_SOURCES[task]:
                fields[source] = uploaded(source, fields[source])
            if check_flag("choice to be strict", fields.pop("strict", False)):
                shots = fields.get("shots") or [Shot(fields["prompt"], DEFAULT_SHOT_SECONDS)]
                what = [shot.prompt for shot in shots], self._spec(task, fields["model"])
                await asyncio.to_thread(self._studio.readers.refuse_unknown, *what)
            owner = await asyncio.to_thread(name_characters, self._studio, fields)
            origin: Origin = {"visitor": owner, "based_on": based_on}
            job_id = await self._studio.submit(task, fields, client_id=client_id(), **origin)
            words = await asyncio.to_thread(self._words_of, job_id)
            async for snapshot in self._studio.watch(job_id):
                if not snapshot.state.is_over:
                    yield None, snapshot.state.to_json() | words
            refuse_failure(snapshot.state)
            video = await asyncio.to_thread(self._video, job_id)
            yield video, self._studio.worker.recipe(job_id) or snapshot.state.to_json() | words

    def _spec(self, task: Task, model: str | None) -> ModelSpec:
        return self._studio.models.find(model or self._studio.offers.first_model(task).id)

    def _words_of(self, job_id: str) -> dict[str, Any]:
        """Return which words of a job's prompts are drawn, if that is known."""
        request = self._studio.worker.store.facts(job_id).request
        return self._studio.readers.understand_request(request).for_recipe()

    def _video(self, job_id: str) -> dict[str, Any] | None:
        path = serve_clip(self._studio, job_id)
        return None if path is None else gr.FileData(path=str(path)).model_dump()


def create_endpoints(studio: Studio) -> None:
    """Add the endpoints to the Blocks being built; those with short answers skip the queue."""
    endpoints, characters = Endpoints(studio), CharacterEndpoints(studio)
    endpoint: Callable[..., Any]
    for endpoint in (
        endpoints.text_to_video,
        endpoints.image_to_video,
        endpoints.extend_video,
        endpoints.film,
        endpoints.remix_video,
        endpoints.retake_video,
        endpoints.cut_video,
        endpoints.verify_video,
        characters.create_character,
    ):
        gr.api(endpoint, concurrency_limit=MAX_WATCHING)
    for endpoint in (
        endpoints.models,
        endpoints.understand,
        endpoints.job,
        endpoints.cancel_job,
        endpoints.pause_job,
        endpoints.resume_job,
        characters.characters,
        characters.delete_character,
    ):
        gr.api(endpoint, queue=False)
