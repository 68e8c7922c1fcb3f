"""Kinora's page and its public API: the only file that knows Gradio and ZeroGPU.

What they do is done in `pipeline/`. Run it: `python app.py`.
"""

# No `from __future__ import annotations` here: gr.api reads return types as they are.
import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import spaces  # before torch, which it has to patch on ZeroGPU
from gradio.components import Component

from pipeline import wording
from pipeline.errors import InvalidRequestError, KinoraError
from pipeline.geometry import ASPECT_RATIOS
from pipeline.jobs import JobWorker
from pipeline.loader import Loader
from pipeline.models import MODELS, TASK_SOURCES, Task, default_model_id, describe_models, get_model
from pipeline.placement import is_zero_gpu
from pipeline.plan import Source, estimate_seconds
from pipeline.progress import Progress
from pipeline.request import MAX_CLIP_SECONDS, MIN_SHOT_SECONDS, GenerationRequest
from pipeline.store import JobStore, default_data_dir
from pipeline.storyboard import parse_storyboard
from pipeline.stream import News, follow_clip, stream_clip
from pipeline.studio import Sight, Studio
from pipeline.trust.provenance import verify_clip

logger = logging.getLogger(__name__)

ASSETS = Path(__file__).resolve().parent / "assets"
EXAMPLES = ASSETS / "examples"
MAX_WATCHING = 32  # visitors at once; their jobs wait for one another
MAX_JOB_AGE_SECONDS = 7 * 24 * 3600
MAX_SERVED_SECONDS = 24 * 3600
FAILED = "Something went wrong that is not your fault; try again, and see the log for why."

TITLE = "# Kinora\nShort clips from words, from a picture, or from another clip."
TAB_LABELS: dict[Task, str] = {
    "text_to_video": "Text to video",
    "image_to_video": "Image to video",
    "extend_video": "Extend a clip",
}
GENERATE_LABELS: dict[Task, str] = {
    "text_to_video": "Make the clip",
    "image_to_video": "Bring it to life",
    "extend_video": "Extend the clip",
}
# What a tab asks for, in the order of the page; the names are those of the request.
FIELDS: dict[Task, tuple[str, ...]] = {
    "text_to_video": ("prompt", "aspect_ratio", "duration", "seed", "model"),
    "image_to_video": ("image", "prompt", "aspect_ratio", "duration", "seed", "model"),
    "extend_video": ("video", "prompt", "direction", "duration", "seed", "model"),
}
ADVANCED_FIELDS = ("num_inference_steps", "guidance_scale", "negative_prompt")
PROGRESS_BAR = '<progress max="1" value="${value}" aria-label="Progress"></progress>'
_OWN_DEFAULT = "0: the model's own"
# Every part of a tab; `info` and values that depend on the tab are added there.
PARTS: dict[str, partial[Component]] = {
    "prompt": partial(gr.Textbox, "", label="Prompt", lines=3, max_lines=8),
    "image": partial(gr.File, label="Picture", file_types=["image", ".heic", ".heif"], height=120),
    "video": partial(gr.Video, label="Clip", sources=["upload"], height=260),
    "aspect_ratio": partial(
        gr.Radio, label="Aspect ratio", choices=[*ASPECT_RATIOS], value=next(iter(ASPECT_RATIOS))
    ),
    "direction": partial(
        gr.Radio,
        label="Extend it",
        choices=[("at its end", "forward"), ("at its beginning", "backward")],
        value="forward",
    ),
    "duration": partial(
        gr.Slider, MIN_SHOT_SECONDS, MAX_CLIP_SECONDS, 5, step=0.5, label="Seconds of new video"
    ),
    "seed": partial(gr.Number, -1, label="Seed", info="-1 draws one", min_width=120),
    "model": partial(
        gr.Dropdown,
        [(spec.label, spec.id) for spec in MODELS.values()],
        label="Model",
        info="What draws the clip",
    ),
    "num_inference_steps": partial(
        gr.Slider, 0, 100, 0, step=1, label="Denoising steps", info=_OWN_DEFAULT
    ),
    "guidance_scale": partial(
        gr.Slider, 0, 20, 0, step=0.5, label="Guidance scale", info=_OWN_DEFAULT
    ),
    "negative_prompt": partial(gr.Textbox, "", label="Negative prompt", info="What to avoid"),
    "source": partial(gr.Markdown, elem_classes="kinora-note"),
    "crop": partial(gr.Image, label="Picture as it is used", height=200, buttons=[], visible=False),
    "plan": partial(gr.Markdown, elem_classes="kinora-note"),
    "generate": partial(gr.Button, variant="primary"),
    "stop": partial(gr.Button, "Stop", variant="stop", visible=False),
    "status": partial(gr.Markdown, elem_classes="kinora-status"),
    "progress": partial(gr.HTML, 0, html_template=PROGRESS_BAR, visible=False),
    "preview": partial(gr.Image, label="Preview", height=340, buttons=[], visible=False),
    "clip": partial(gr.Video, label="Result", interactive=False, autoplay=True),
    "seed_used": partial(gr.Textbox, label="Seed used", interactive=False, min_width=140),
    "use_last_frame": partial(gr.Button, "Use last frame", interactive=False),
    "extend": partial(gr.Button, "Extend this", interactive=False),
    "recipe": partial(gr.JSON, show_label=False),
}
# All that changes while a job runs.
JOB_PARTS = (
    *("generate", "stop", "status", "progress", "preview", "clip"),
    *("seed_used", "use_last_frame", "extend", "recipe"),
)

# An event of the page: nobody's API, and no mark on what it changes.
PRIVATE = {"api_visibility": "private", "show_progress": "hidden"}
LAUNCH_OPTIONS = {
    "theme": gr.themes.Default(primary_hue="indigo", neutral_hue="slate"),
    "css_paths": [ASSETS / "style.css"],
    "footer_links": ["api"],
    "max_file_size": "500mb",
    "run_history": False,
    "enable_monitoring": False,
    "show_error": False,
    "ssr_mode": False,
}

# What the endpoints that make a clip answer with. They are generators, but gr.api wants the type
# of one answer.
ClipAnswer = tuple[gr.FileData | None, dict[str, Any]]
Updates = dict[Component, Any]


@contextlib.contextmanager
def plain_errors(*expected: type[KinoraError]) -> Iterator[None]:
    """Turn errors into sentences for the person, and log those that nobody expected.

    Those of the `expected` classes pass as they are.
    """
    try:
        yield
    except (gr.Error, *expected):
        raise
    except KinoraError as exc:
        raise gr.Error(str(exc), print_exception=False) from exc
    except Exception as exc:
        logger.exception("A request failed")
        raise gr.Error(FAILED, print_exception=False) from exc


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
    ) -> ClipAnswer:
        """Make a clip from words.

        The answer is (video, recipe); until it is there, (nothing, the job's state with its
        job_id). model: an id of /models, the default being its first one. aspect_ratio: 16:9, 9:16,
        1:1, 4:3, 3:4 or 21:9. duration: 0.5 to 60 seconds. seed: 0 to 2147483647, or -1 to draw
        one; the recipe says which. num_inference_steps and guidance_scale: the model's own if not
        given.
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
    ) -> ClipAnswer:
        """Make a clip that begins with a picture.

        image: an uploaded PNG, JPEG, WebP, GIF or HEIC. It is cropped to the aspect_ratio; "auto"
        is the nearest one to its own. Everything else as in /text_to_video.
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
    ) -> ClipAnswer:
        """Make a clip longer, at its end or at its beginning.

        video: an uploaded clip; the answer is the whole of it with the new footage, in its own
        size and rate and with its sound. direction: "forward" adds at the end, "backward" at the
        beginning. duration: seconds of new footage. Everything else as in /text_to_video.
        """
        async for answer in self._make("extend_video", _given(locals())):
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
    ) -> ClipAnswer:
        """Make a clip of several shots, up to a minute together.

        storyboard: JSON, [{"prompt", "duration", "camera", "transition"}, ...], of which only the
        prompt is required; or text with a line for each shot: [5s, zoom in] a red car in a city.
        Everything else as in /text_to_video.
        """
        fields = _given(locals())
        with plain_errors():
            fields["shots"] = parse_storyboard(fields.pop("storyboard"))
        async for answer in self._make("text_to_video", fields):
            yield answer

    def models(self) -> list[dict[str, Any]]:
        """List the models, the default first: id, label, description, tasks, sizes and rate."""
        rows = describe_models()
        return sorted(rows, key=lambda row: row["id"] != self._studio.default_model)

    def job(self, job_id: str) -> ClipAnswer:
        """Return a job's clip, or nothing until it is done, and its state.

        The state has "state" (queued, running, done, failed, cancelled), "progress" from 0 to 1, a
        "message" if it failed, and the "recipe" if it is done. Jobs go on when a client is gone.
        """
        with plain_errors():
            state = self._studio.worker.state(job_id)
            return self._video(job_id), state | {"recipe": self._studio.worker.recipe(job_id)}

    def cancel_job(self, job_id: str) -> dict[str, Any]:
        """Stop a job that waits or runs, within one denoising step, and return its state."""
        with plain_errors():
            return self._studio.worker.cancel(job_id)

    async def verify_video(self, video: gr.FileData) -> dict[str, Any]:
        """Say whether a clip claims to be made by Kinora, and by which recipe.

        The claim is a note in the file that anybody can write or remove; "signed" says so.
        """
        with plain_errors():
            return await asyncio.to_thread(verify_clip, _uploaded("video", video))

    async def _make(self, task: Task, fields: dict[str, Any]) -> AsyncIterator[ClipAnswer]:
        with plain_errors():
            if source := TASK_SOURCES[task]:
                fields[source] = _uploaded(source, fields[source])
            job_id = await self._studio.submit(task, fields)
            async for sight in self._studio.watch(job_id):
                if not sight.is_over:
                    yield None, sight.state
            refuse_failure(sight)
            yield self._video(job_id), self._studio.worker.recipe(job_id) or sight.state

    def _video(self, job_id: str) -> dict[str, Any] | None:
        path = self._studio.publish(job_id)
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


def refuse_failure(sight: Sight) -> None:
    """Raise what ended a job, if it was a failure."""
    if sight.state["state"] == "failed":
        raise KinoraError(sight.state["message"])


@dataclass(frozen=True)
class Upload:
    """A picture or a clip that was found to be good."""

    path: str
    facts: Source


class Tab:
    """One task on the page: its inputs, named after the request's fields, and its result."""

    def __init__(self, studio: Studio, task: Task) -> None:
        """Lay the parts out in the Blocks that are being made, and connect them."""
        self._studio = studio
        self._task = task
        self.parts: dict[str, Component] = {}
        with gr.Tab(TAB_LABELS[task], id=task, elem_id=f"{task}-tab"):
            self._job_id, self._upload = gr.State(), gr.State()
            with gr.Row(equal_height=False):
                with gr.Column(scale=5, min_width=320):
                    self._create_inputs()
                with gr.Column(scale=6, min_width=320):
                    self._create_result()
            self._create_examples()
        self._fields = {name: self.parts[name] for name in (*FIELDS[task], *ADVANCED_FIELDS)}
        self._connect()

    def _create_inputs(self) -> None:
        *names, seed, model = FIELDS[self._task]
        for name in names:
            self._create(name)
            if name == "image":
                self._create("crop")
            if name == TASK_SOURCES[self._task]:
                self._create("source")
        with gr.Row():
            self._create(seed)
            self._create(model)
        with gr.Accordion("Advanced", open=False, elem_id=f"{self._task}-advanced"):
            for name in ADVANCED_FIELDS:
                self._create(name)
        self._create("plan")
        with gr.Row():
            self._create("generate")
            self._create("stop")

    def _create_result(self) -> None:
        for name in ("preview", "clip", "progress", "status"):
            self._create(name)
        with gr.Row(elem_classes="kinora-actions"):
            for name in ("seed_used", "use_last_frame", "extend"):
                self._create(name)
        with gr.Accordion("Recipe", open=False, elem_id=f"{self._task}-recipe-fold"):
            self._create("recipe")

    def _create(self, name: str) -> None:
        spec = get_model(self._studio.default_model)
        changes: dict[str, Any] = {
            "prompt": {"info": spec.description},
            "model": {"value": spec.id},
            "plan": {"value": self._show_plan([], None)},
            "generate": {"value": GENERATE_LABELS[self._task]},
        }.get(name, {})
        if (self._task, name) == ("image_to_video", "aspect_ratio"):
            changes = {"choices": ["auto", *ASPECT_RATIOS], "value": "auto"}
        self.parts[name] = PARTS[name](elem_id=f"{self._task}-{name}", **changes)

    def _create_examples(self) -> None:
        rows = json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))[self._task]
        files = {"image", "video", "crop"}  # an example's "crop" is its picture, to be seen
        gr.Examples(
            [
                [str(EXAMPLES / value) if name in files else value for name, value in row.items()]
                for row in rows
            ],
            [self.parts[name] for name in rows[0]],
            cache_examples=False,
            api_visibility="private",
            elem_id=f"{self._task}-examples",
            visible_columns=[column for column, name in enumerate(rows[0]) if name != "image"],
        )

    def _connect(self) -> None:
        gr.on(
            [self.parts["generate"].click, self.parts["prompt"].submit],
            self._generate,
            [*self._fields.values()],
            [self._job_id, *(self.parts[name] for name in JOB_PARTS)],
            concurrency_limit=MAX_WATCHING,
            **PRIVATE,
        )
        # Not queued, or it would wait behind what it stops.
        self.parts["stop"].click(self._stop, self._job_id, queue=False, **PRIVATE)
        self.parts["model"].change(
            self._describe_model, self.parts["model"], self.parts["prompt"], queue=False, **PRIVATE
        )
        names = [name for name in self._fields if name not in ("prompt", "image", "video")]
        gr.on(
            [self._upload.change, *(self.parts[name].change for name in names)],
            partial(self._show_plan, names),
            [self._upload, *(self.parts[name] for name in names)],
            self.parts["plan"],
            queue=False,
            trigger_mode="always_last",
            **PRIVATE,
        )
        if self._task == "image_to_video":
            looked_at = [self.parts[name] for name in ("image", "aspect_ratio", "model")]
            gr.on(
                [part.change for part in looked_at],
                self._look_at_picture,
                looked_at,
                [self._upload, self.parts["source"], self.parts["crop"]],
                **PRIVATE,
            )
        elif self._task == "extend_video":
            self.parts["video"].change(
                self._look_at_clip,
                self.parts["video"],
                [self._upload, self.parts["source"]],
                **PRIVATE,
            )

    async def _generate(self, *values: object) -> AsyncIterator[Updates]:
        """Queue a job and show it until its end; to leave the page does not end it."""
        with plain_errors():
            fields = dict(zip(self._fields, values, strict=True))
            job_id = await self._studio.submit(self._task, fields)
            yield {self._job_id: job_id}
            preview = None
            async for sight in self._studio.watch(job_id):
                updates = self._show(sight)
                if sight.progress and sight.progress.preview is not preview:
                    preview = sight.progress.preview
                    updates["preview"] = gr.Image(value=preview, visible=True)
                    updates["clip"] = gr.Video(visible=False)
                if sight.state["state"] == "done":
                    updates |= self._show_clip(job_id)
                yield {self.parts[name]: update for name, update in updates.items()}
            refuse_failure(sight)

    def _show(self, sight: Sight) -> dict[str, Any]:
        """Return what changes while a job runs, and what is put back when it is over."""
        is_over = sight.is_over
        updates = {
            "generate": gr.Button(interactive=is_over),
            "stop": gr.Button(visible=not is_over),
            "status": wording.describe_progress(sight.state, sight.progress),
            "progress": gr.HTML(value=sight.state["progress"], visible=not is_over),
        }
        if is_over:
            updates |= {"preview": gr.Image(visible=False), "clip": gr.Video(visible=True)}
        return updates

    def _show_clip(self, job_id: str) -> dict[str, Any]:
        recipe = self._studio.worker.recipe(job_id) or {}
        return {
            "clip": gr.Video(value=self._studio.publish(job_id), visible=True),
            "seed_used": str(recipe.get("seed", "")),
            "recipe": recipe,
            "use_last_frame": gr.Button(interactive=True),
            "extend": gr.Button(interactive=True),
        }

    def _stop(self, job_id: str | None) -> None:
        with plain_errors():
            if job_id:
                self._studio.worker.cancel(job_id)

    def _describe_model(self, model: str) -> gr.Textbox:
        with plain_errors():
            return gr.Textbox(info=get_model(model).description)

    def _show_plan(self, names: list[str], upload: Upload | None, *values: object) -> str:
        """Say what will come out, or which value is wrong."""
        source = TASK_SOURCES[self._task]
        if source and upload is None:
            return ""
        fields = dict(zip(names, values, strict=True)) | ({source: upload.path} if source else {})
        try:
            plan = self._studio.plan(self._task, fields, upload and upload.facts)
        except InvalidRequestError as exc:
            return str(exc)
        return wording.describe_plan(plan, is_added=source == "video")

    async def _look_at_picture(
        self, path: str | None, aspect_ratio: str, model: str
    ) -> tuple[Upload | None, str, gr.Image]:
        """Open an uploaded picture, and show what is kept of it or why it cannot be used."""
        nothing = gr.Image(value=None, visible=False)
        if path is None:
            return None, "", nothing
        fields = {"image": path, "aspect_ratio": aspect_ratio, "model": model}
        try:
            with plain_errors(InvalidRequestError):
                source, crop, box = await asyncio.to_thread(self._studio.crop, fields)
        except InvalidRequestError as exc:
            return None, str(exc), nothing
        line = wording.describe_crop(source.facts, box)
        return Upload(path, source.facts), line, gr.Image(value=crop, visible=True)

    async def _look_at_clip(self, path: str | None) -> tuple[Upload | None, str]:
        """Open an uploaded clip, and say what it is or why it cannot be used."""
        if path is None:
            return None, ""
        try:
            with plain_errors(InvalidRequestError):
                source = await asyncio.to_thread(self._studio.open, self._task, path)
        except InvalidRequestError as exc:
            return None, str(exc)
        return Upload(path, source.facts), wording.describe_clip(source.info)


def create_demo(studio: Studio) -> gr.Blocks:
    """Build the page and the API on a studio."""
    demo = gr.Blocks(
        title="Kinora",
        analytics_enabled=False,
        delete_cache=(3600, MAX_SERVED_SECONDS),
    )
    with demo:
        gr.Markdown(TITLE, elem_id="kinora-title")
        with gr.Tabs(elem_id="kinora-tabs") as tabs:
            by_task = {task: Tab(studio, task) for task in FIELDS}
        for tab in by_task.values():
            connect_to_others(studio, tab, tabs, by_task)
        create_endpoints(Endpoints(studio))
    return demo


def connect_to_others(studio: Studio, tab: Tab, tabs: gr.Tabs, by_task: dict[Task, Tab]) -> None:
    """Let a result go on: its last frame to the picture tab, all of it to the clip tab."""

    async def take_last_frame(clip: str, prompt: str) -> tuple[gr.Tabs, str, str]:
        with plain_errors():
            picture = await asyncio.to_thread(studio.last_frame, clip)
            return gr.Tabs(selected="image_to_video"), str(picture), prompt

    def take_clip(clip: str, prompt: str) -> tuple[gr.Tabs, str, str]:
        return gr.Tabs(selected="extend_video"), clip, prompt

    result = [tab.parts["clip"], tab.parts["prompt"]]
    image, extend = by_task["image_to_video"].parts, by_task["extend_video"].parts
    tab.parts["use_last_frame"].click(
        take_last_frame, result, [tabs, image["image"], image["prompt"]], **PRIVATE
    )
    tab.parts["extend"].click(
        take_clip, result, [tabs, extend["video"], extend["prompt"]], **PRIVATE
    )


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
    for endpoint in (endpoints.models, endpoints.job, endpoints.cancel_job):
        gr.api(endpoint, queue=False)


def gpu_seconds(request: GenerationRequest, *_args: object, **_kwargs: object) -> int:
    """Return for how long a request needs ZeroGPU's card: the visitor's quota pays for it."""
    return estimate_seconds(request, get_model(request.model))


def create_studio(data_dir: Path, loader: Loader) -> Studio:
    """Open the store of jobs, remove the old ones and start the worker."""

    # The one entry point for every task. On ZeroGPU its body runs in another process.
    @spaces.GPU(duration=gpu_seconds)
    def generate_clip(request: GenerationRequest, output: Path) -> Generator[News, None, None]:
        yield from stream_clip(request, output, loader)

    def run(
        request: GenerationRequest,
        output: Path,
        on_progress: Callable[[Progress], None],
        is_cancelled: Callable[[], bool],
    ) -> dict[str, object]:
        try:
            return follow_clip(generate_clip(request, output), on_progress, is_cancelled)
        except gr.Error as exc:  # no quota, no card
            raise KinoraError(exc.message) from exc

    store = JobStore(data_dir)
    store.sweep(MAX_JOB_AGE_SECONDS)
    return Studio(JobWorker(store, run, takes_up=not is_zero_gpu()), default_model_id())


def launch(demo: gr.Blocks, **options: Any) -> tuple[object, str, str]:  # noqa: ANN401
    """Serve the page; the API answers through the queue only."""
    queued = demo.queue(max_size=64, default_concurrency_limit=MAX_WATCHING, api_open=False)
    return queued.launch(**LAUNCH_OPTIONS, **options)


def main() -> None:
    """Start the studio and serve it until somebody stops it."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    loader = Loader()
    studio = create_studio(default_data_dir(), loader)
    if is_zero_gpu():
        # There weights can only be placed now, before the page is served.
        loader.load(studio.default_model)
    try:
        launch(create_demo(studio))
    finally:
        studio.worker.close()


if __name__ == "__main__":
    main()
