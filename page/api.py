"""The public API: what the endpoints are called, take and answer."""

# No `from __future__ import annotations` here: gr.api reads return types as they are.
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr

from page.auth import client_id
from page.components import MAX_WATCHING
from page.errors import plain_errors, refuse_failure
from page.served_files import serve_clip
from pipeline.errors import InvalidRequestError
from pipeline.media.images import open_picture
from pipeline.models.spec import TASK_SOURCES, Task
from pipeline.planning.request import MAX_CLIP_SECONDS, MIN_SHOT_SECONDS
from pipeline.planning.storyboard import parse_storyboard
from pipeline.studio import Studio

# What the endpoints that make a clip answer with. They are generators, but gr.api wants the type
# of one answer.
ClipAnswer = tuple[gr.FileData | None, dict[str, Any]]


MAX_PICTURES = int(MAX_CLIP_SECONDS / MIN_SHOT_SECONDS)  # one for each of the shortest shots


class Endpoints:
    """The public API, one method each; their names, parameters and defaults are promises."""

    def __init__(self, studio: Studio) -> None:
        """Serve a studio's jobs."""
        self._studio = studio

    async def text_to_video(
        self,
        prompt: str,
        model: str | None = None,
        aspect_ratio: str = "16:9",
        duration: float = 5.0,
        seed: int = -1,
        negative_prompt: str = "",
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        label: str = "",
        shows_prompt: bool = False,
        loras: str | list[dict[str, Any]] | None = None,
    ) -> ClipAnswer:
        """Make a clip from words.

        The answer is (video, recipe); until it is there, (nothing, the job's state with its
        job_id). model: an id of /models, the default being its first one. aspect_ratio: 16:9, 9:16,
        1:1, 4:3, 3:4 or 21:9. duration: 0.5 to 60 seconds. seed: 0 to 2147483647, or -1 to draw
        one; the recipe says which. num_inference_steps and guidance_scale: the model's own if not
        given. label: "corner" or "moving" writes into the picture that it is generated.
        shows_prompt: the clip's credentials carry the prompt, not only its hash. loras: a list of
        {"lora", "weight"}, or text with a line for each, "owner/name/file.safetensors 0.8"; where
        the app runs for its own person, model and lora may be paths or places on the Hub.
        """
        async for answer in self._make("text_to_video", _given(locals())):
            yield answer

    async def image_to_video(
        self,
        image: gr.FileData,
        prompt: str,
        model: str | None = None,
        duration: float = 5.0,
        seed: int = -1,
        negative_prompt: str = "",
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        aspect_ratio: str = "auto",
        label: str = "",
        shows_prompt: bool = False,
        has_consent: bool = False,
        loras: str | list[dict[str, Any]] | None = None,
    ) -> ClipAnswer:
        """Make a clip that begins with a picture.

        image: an uploaded PNG, JPEG, WebP, GIF or HEIC. It is cropped to the aspect_ratio; "auto"
        is the nearest one to its own. has_consent: the people whose faces are in it agree.
        Everything else as in /text_to_video.
        """
        async for answer in self._make("image_to_video", _given(locals())):
            yield answer

    async def extend_video(
        self,
        video: gr.FileData,
        prompt: str,
        direction: str = "forward",
        model: str | None = None,
        duration: float = 5.0,
        seed: int = -1,
        negative_prompt: str = "",
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        video_after: gr.FileData | None = None,
        label: str = "",
        shows_prompt: bool = False,
        has_consent: bool = False,
        loras: str | list[dict[str, Any]] | None = None,
    ) -> ClipAnswer:
        """Make a clip longer, at its end or at its beginning, into a loop or up to another clip.

        video: an uploaded clip; the answer is the whole of it with the new footage, in its own
        size and rate and with its sound. direction: "forward" adds at the end, "backward" at the
        beginning, "loop" at the end so that it leads up to the beginning, "bridge" at the end so
        that it leads up to video_after, another uploaded clip of the same shape, which follows
        then. duration: seconds of new footage. has_consent: as in /image_to_video. Everything else
        as in /text_to_video.
        """
        fields = _given(locals())
        with plain_errors():
            if video_after is not None:
                fields["video_after"] = _uploaded("second clip", video_after)
        async for answer in self._make("extend_video", fields):
            yield answer

    async def film(
        self,
        storyboard: str | list[dict[str, Any]],
        model: str | None = None,
        aspect_ratio: str = "16:9",
        seed: int = -1,
        negative_prompt: str = "",
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        pictures: list[gr.FileData] | None = None,
        based_on: str | None = None,
        label: str = "",
        shows_prompt: bool = False,
        has_consent: bool = False,
        loras: str | list[dict[str, Any]] | None = None,
    ) -> ClipAnswer:
        """Make a clip of several shots, up to a minute together.

        storyboard: JSON, [{"prompt", "duration", "camera", "transition", "picture"}, ...], of which
        only the prompt is required; or text with a line for each shot:
        [5s, zoom in, dissolve, picture 1] a red car in a city. camera: a move of the model, see
        /models. transition: cut, continue (the shot goes on from the one before) or dissolve; the
        first shot simply starts. picture: the number, from 1, of the one of the uploaded pictures
        that the shot begins with. based_on: the id of an earlier job; only the shots that are
        different, and those that hang on them, are made again (with its seed, if seed is -1).
        Everything else as in /text_to_video.
        """
        fields = _given(locals())
        origin = {"based_on": fields.pop("based_on")}
        with plain_errors():
            if pictures := _uploaded_pictures(fields.pop("pictures")):
                await self._studio.inspect(client_id(), _open_all, pictures)
            fields["shots"] = parse_storyboard(fields.pop("storyboard"), pictures)
        async for answer in self._make("text_to_video", fields, **origin):
            yield answer

    def models(self) -> list[dict[str, Any]]:
        """List the models, the default first: what each can do, and whether it fits here."""
        return self._studio.describe_models()

    def job(self, job_id: str) -> ClipAnswer:
        """Return a job's clip, or nothing until it is done, and its state.

        The state has "state" (queued, running, paused, done, failed, cancelled), "progress" from 0
        to 1, a "message" if it failed, its "position" while it waits, and the "recipe" if it is
        done. Jobs go on when a client is gone. Of a job that was stopped the clip is what it had
        finished.
        """
        with plain_errors():
            state = self._studio.worker.state(job_id)
            return self._video(job_id), state.to_json() | {
                "recipe": self._studio.worker.recipe(job_id)
            }

    def cancel_job(self, job_id: str) -> dict[str, Any]:
        """Stop a job that waits or runs, within one denoising step, and return its state."""
        with plain_errors():
            return self._studio.worker.cancel(job_id).to_json()

    def pause_job(self, job_id: str) -> dict[str, Any]:
        """Halt a job as /cancel_job does, to be resumed; return its state."""
        with plain_errors():
            return self._studio.worker.pause(job_id).to_json()

    async def resume_job(self, job_id: str) -> dict[str, Any]:
        """Go on with a job that is paused, stopped or failed, from its last finished window."""
        with plain_errors():
            return (await self._studio.resume(job_id, client_id())).to_json()

    async def verify_video(self, video: gr.FileData) -> dict[str, Any]:
        """Say where a clip comes from: its signed credentials, whether they hold, and its recipe.

        "signed": it is, and was not changed since. "credentials" have the state, the signer, and
        the same of all that it was made from; "conclusion" says it in words. A recipe without a
        signature is a note that anybody can write or remove.
        """
        with plain_errors():
            path = _uploaded("video", video)
            return await self._studio.inspect(client_id(), self._studio.verify, path)

    async def _make(
        self, task: Task, fields: dict[str, Any], **origin: str | None
    ) -> AsyncIterator[ClipAnswer]:
        with plain_errors():
            if source := TASK_SOURCES[task]:
                fields[source] = _uploaded(source, fields[source])
            job_id = await self._studio.submit(task, fields, client_id=client_id(), **origin)
            async for snapshot in self._studio.watch(job_id):
                if not snapshot.state.is_over:
                    yield None, snapshot.state.to_json()
            refuse_failure(snapshot.state)
            video = await asyncio.to_thread(self._video, job_id)
            yield video, self._studio.worker.recipe(job_id) or snapshot.state.to_json()

    def _video(self, job_id: str) -> dict[str, Any] | None:
        path = serve_clip(self._studio, job_id)
        return path and gr.FileData(path=str(path)).model_dump()


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a method, which are the fields of a request."""
    return {name: value for name, value in arguments.items() if name != "self"}


def _uploaded(name: str, file: object) -> Path:
    """Return the path of a file that Gradio has received; never one that was merely named."""
    try:
        return Path(gr.FileData.model_validate(file, context={"validate_meta": True}).path)
    except ValueError as exc:
        raise InvalidRequestError(
            f"The {name} has to be an uploaded file; with gradio_client, pass handle_file(path)."
        ) from exc


def _uploaded_pictures(files: object) -> list[Path]:
    """Return the paths of pictures that Gradio has received, no more than a film can have."""
    if files is not None and not isinstance(files, list):
        raise InvalidRequestError(
            "The pictures have to be a list of uploaded files; with gradio_client, pass "
            "[handle_file(path), ...]."
        )
    if files and len(files) > MAX_PICTURES:
        raise InvalidRequestError(
            f"There are {len(files):,} pictures, but a film has at most {MAX_PICTURES} shots; "
            "leave some out."
        )
    return [_uploaded(f"picture {number}", file) for number, file in enumerate(files or (), 1)]


def _open_all(pictures: list[Path]) -> None:
    """Open each picture once. Raises MediaError for the first that cannot be used."""
    for path in dict.fromkeys(pictures):
        open_picture(path)


def create_endpoints(endpoints: Endpoints) -> None:
    """Make the API public, in the Blocks that are being made; the short answers never queue."""
    for endpoint in (
        endpoints.text_to_video,
        endpoints.image_to_video,
        endpoints.extend_video,
        endpoints.film,
        endpoints.verify_video,
    ):
        gr.api(endpoint, concurrency_limit=MAX_WATCHING)
    for endpoint in (
        endpoints.models,
        endpoints.job,
        endpoints.cancel_job,
        endpoints.pause_job,
        endpoints.resume_job,
    ):
        gr.api(endpoint, queue=False)
