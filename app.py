"""Kinora's entry point: builds the studio, the page, the API and ZeroGPU's decorated function.

`page/` has the user interface and `pipeline/` the work. Run it: `python app.py`.
"""

from __future__ import annotations

import logging
import math
import sys
import threading
from collections.abc import Generator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import spaces  # before torch, which it patches on ZeroGPU
from gradio.context import LocalContext
from starlette.middleware import Middleware

from http_api.app import HttpApi, read_api_settings
from page.api import create_endpoints
from page.auth import AccessPolicy, is_private, read_access, read_allowance
from page.cluster_line import show_machines
from page.components import ASSETS, FIELDS, MAX_WATCHING, PRIVATE
from page.connections import (
    IDLE_SECONDS,
    ConnectionGuard,
    most_connections,
    quiet_asyncio,
    raise_file_limit,
)
from page.film_tab import FilmTab
from page.form_values import FILM, REMIX
from page.forms import Forms
from page.history_tab import HistoryTab, create_visitor, greet
from page.http_guard import MAX_SESSIONS, MAX_UPLOAD_BYTES, GuardedBlocks, HttpGuard
from page.link_preview import NAME, SENTENCE, LinkPreview
from page.own_files import FOLDER, create_route
from page.private_gradio import keep_connections, open_connections
from page.queue_bar import QueueBar
from page.remix_tab import RemixTab
from page.scripts import read_scripts
from page.served_files import ServedRoom
from page.shutdown import end_on_sigterm, kill_children
from page.task_tab import TaskTab
from page.theme import create_theme
from page.verify_tab import VerifyTab
from pipeline.cluster.joining import join_cluster
from pipeline.errors import GenerationCancelledError, KinoraError
from pipeline.generation.kept_parts import num_windows
from pipeline.jobs.enhancement import PromptEnhancer
from pipeline.jobs.estimates import name_place
from pipeline.jobs.files import REQUEST
from pipeline.jobs.runner import JobRunner
from pipeline.jobs.store import JobStore
from pipeline.jobs.worker import IsCancelled, JobWorker, OnProgress, Run
from pipeline.jobs.zero_gpu import News, follow_clip, stream_clip
from pipeline.models.custom import read_models
from pipeline.models.registry import SHIPPED, Models
from pipeline.planning.plan import estimate_seconds
from pipeline.planning.request import GenerationRequest
from pipeline.rate_limits import Limits
from pipeline.runtime.acceleration import AccelerationSettings, read_settings
from pipeline.runtime.default_model import default_model_id
from pipeline.runtime.device import detect_machine, is_zero_gpu
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.prompt_readers import PromptReaders
from pipeline.runtime.prompt_writer import PromptWriters
from pipeline.settings import default_data_dir, read_number
from pipeline.studio import Studio
from pipeline.trust.moderation.guard_model import open_guard
from pipeline.trust.moderation.review import Reviewer
from pipeline.trust.moderation.rules import Classifier, Moderator, read_strictness
from pipeline.trust.provenance.identity import open_identity
from pipeline.trust.provenance.registry import FILE, Registry
from pipeline.trust.provenance.report import Verifier
from pipeline.trust.watermark.mark import Marker, open_marker

if TYPE_CHECKING:
    from pipeline.cluster.cluster import Cluster

# Limits for finished jobs, unless the environment sets others.
MAX_JOB_DAYS = 30.0
MAX_DATA_GIGABYTES = 20.0
MAX_SERVED_SECONDS = 24 * 3600
IDENTITY = "identity"  # folder of the signing and marking keys, in the data folder
SECONDS_UNTIL_IMPORT = 2.0  # of what only clips need: the page comes first
SECONDS_TO_END = 5  # before ZeroGPU's time is up: to end the running step and half-written files
_REFUSED = 'ZeroGPU ended this job with the message "{}"; you can resume it.'

TITLE = f'<h1><img src="kinora/icon.svg" alt="" />{NAME}</h1><p>{SENTENCE}</p>'
LAUNCH_OPTIONS = {
    "css_paths": [ASSETS / "style.css"],
    "footer_links": ["api"],
    "favicon_path": FOLDER / "icon.png",
    "max_file_size": MAX_UPLOAD_BYTES,
    "state_session_capacity": MAX_SESSIONS,
    "num_workers": 0,  # extra workers would serve files past the HTTP guard
    "run_history": False,
    "enable_monitoring": False,
    "show_error": False,
    "ssr_mode": False,
}


def create_demo(studio: Studio) -> gr.Blocks:
    """Build the page and the API of a studio."""
    demo = GuardedBlocks(
        title=NAME,
        analytics_enabled=False,
        delete_cache=(3600, MAX_SERVED_SECONDS),
    )
    with demo:
        gr.HTML(TITLE, elem_id="kinora-title")
        visitor = create_visitor()
        if warning := read_access().warning:
            gr.Markdown(warning, elem_id="kinora-share-warning")
        queue = QueueBar(studio, visitor)
        with gr.Tabs(elem_id="kinora-tabs", overflow_behavior="wrap") as tabs:
            makers: dict[str, TaskTab | FilmTab | RemixTab] = {
                task: TaskTab(studio, task, visitor, queue.news) for task in FIELDS
            }
            makers[FILM] = FilmTab(studio, visitor, queue.news)
            makers[REMIX] = RemixTab(studio, visitor, queue.news)
            clips = HistoryTab(studio, visitor)
            verify = VerifyTab(studio)
        if studio.describe_machines is not None:
            show_machines(demo, studio.describe_machines)
        arrival = demo.load(greet, visitor, visitor, **PRIVATE)
        forms = Forms(tabs, makers)
        by_name = {name: maker.tab for name, maker in makers.items()}
        forms.connect(by_name | {"clips": clips.tab, "verify": verify.tab}, arrival)
        clips.connect(forms, queue.news)
        panels = {name: maker.job for name, maker in makers.items()}
        queue.connect(tabs, panels, arrival)
        for actions in (clips.actions, *(panel.actions for panel in panels.values())):
            actions.connect(tabs, {name: maker.fields for name, maker in makers.items()})
        for panel in panels.values():
            panel.connect_return(arrival)
        create_endpoints(studio)
    studio.worker.store.space.rooms.append(ServedRoom(demo))
    return demo


def gpu_seconds(
    request: GenerationRequest,
    output: Path,
    *_args: object,
    models: Models = SHIPPED,
    **_kwargs: object,
) -> int:
    """Return how many seconds of ZeroGPU the rest of a request needs.

    The visitor's quota pays for them. Longer work continues in another call.
    """
    # Windows from an earlier film do not count: their shots may have changed.
    begin = (output.parent / REQUEST).stat().st_mtime
    num_finished = num_windows(output.parent, made_since=begin)
    return estimate_seconds(request, models.find(request.model), num_finished)


def create_model_cache(models: Models = SHIPPED) -> ModelCache:
    """Return a model cache for this machine with the acceleration settings.

    Raises KinoraError for a setting that is wrong or not available on this machine.
    """
    machine = detect_machine()
    load_blocks = spaces.aoti_blocks_load if machine.is_zero_gpu else None
    settings = read_settings()
    if settings != AccelerationSettings():
        from pipeline.runtime.acceleration_hooks import check_settings  # imports diffusers

        settings = check_settings(settings, machine)
    return ModelCache(machine, models, settings, load_blocks)


def create_studio(
    data_dir: Path,
    model_cache: ModelCache,
    models: Models = SHIPPED,
    classifiers: Sequence[Classifier] = (),
    limits: Limits | None = None,
    cluster: Cluster | None = None,
) -> Studio:
    """Open the job store, the signing identity and the key of the mark, and start the worker.

    `models` are those that requests may name; `classifiers` judge prompts in addition to the rules.
    `limits` come from the environment unless they are given. A `cluster` makes the clips.
    """
    strictness, machine = read_strictness(), cluster.here if cluster else model_cache.machine
    device = "cpu" if machine.is_zero_gpu else machine.device
    guard = open_guard(strictness, device, is_private=is_private())
    reviewer = Reviewer(Moderator(strictness, classifiers), models, guard)
    marker = open_marker(data_dir / IDENTITY)
    default_model = default_model_id(models, model_cache.machine)
    identity, registry = open_identity(data_dir / IDENTITY), Registry(data_dir / FILE)
    store = open_store(data_dir, registry)
    if cluster is None:
        make = create_make(model_cache, models, default_model, marker)
    else:
        make = cluster.create_make(marker)
    writers = PromptWriters(ModelCache(machine, models) if cluster else model_cache)
    enhancer = PromptEnhancer(models, writers, reviewer)
    readers, place_of = PromptReaders(models), partial(name_place, model_cache)
    runner = JobRunner(make, reviewer, identity, store, registry, enhancer, readers)
    return Studio(
        JobWorker(
            store,
            runner.run,
            takes_up=not is_zero_gpu(),
            place_of=place_of,
            slots=cluster.slots if cluster else None,
        ),
        model_cache,
        default_model,
        is_fixed=is_zero_gpu(),
        models=models,
        verifier=Verifier(identity, marker.key if marker else None, registry),
        reviewer=reviewer,
        limits=limits or Limits(read_allowance()),
        readers=readers,
        describe_machines=cluster.describe if cluster else None,
    )


def open_store(data_dir: Path, registry: Registry) -> JobStore:
    """Open the job store with the limits of the environment. Raises KinoraError.

    The registry forgets the clips that their visitors delete.
    """
    return JobStore(
        data_dir,
        max_age=read_number("KINORA_MAX_JOB_DAYS", MAX_JOB_DAYS) * 24 * 3600,
        max_bytes=read_number("KINORA_MAX_DATA_GB", MAX_DATA_GIGABYTES) * 1e9,
        forget=registry.forget,
    )


def create_make(
    model_cache: ModelCache, models: Models, default_model: str, marker: Marker | None
) -> Run:
    """Return the function that makes a job's clip, here or in one or more ZeroGPU calls.

    On ZeroGPU its one decorated function runs in another process.
    """
    gpu_size = model_cache.placement(default_model).gpu_size if is_zero_gpu() else None
    seconds_for = partial(gpu_seconds, models=models)

    @spaces.GPU(duration=seconds_for, size=gpu_size)
    def generate_clip(request: GenerationRequest, output: Path) -> Generator[News, None, None]:
        seconds = math.inf
        if is_zero_gpu():
            seconds = seconds_for(request, output) - SECONDS_TO_END
        yield from stream_clip(request, output, model_cache, seconds, marker)

    def make(
        request: GenerationRequest,
        output: Path,
        on_progress: OnProgress,
        is_cancelled: IsCancelled,
    ) -> dict[str, object]:
        # Otherwise the library stops waiting for a GPU when the visitor leaves the page.
        LocalContext.event_id.set(None)
        while True:
            num_finished = num_windows(output.parent)
            try:
                return follow_clip(generate_clip(request, output), on_progress, is_cancelled)
            except GenerationCancelledError:
                if is_cancelled():
                    raise  # otherwise this call's time is up, and the next one continues
            except gr.Error as exc:  # the platform ended the call, or has no quota or GPU
                if num_windows(output.parent) == num_finished:
                    raise KinoraError(_REFUSED.format(str(exc.message).strip())) from exc

    return make


def launch(
    demo: gr.Blocks,
    studio: Studio,
    access: AccessPolicy | None = None,
    **options: Any,  # noqa: ANN401
) -> tuple[object, str, str]:
    """Serve the page and the APIs under the rules of `access`, by default the environment's.

    Returns as soon as they are served, in another thread, with the address as Gradio does.
    """
    access = access or read_access(share=options.get("share"))
    access.warn()
    queued = demo.queue(max_size=64, default_concurrency_limit=MAX_WATCHING, api_open=False)
    connections = ConnectionGuard(
        partial(open_connections, demo), most_connections(raise_file_limit())
    )
    api = HttpApi(studio, read_api_settings(access.api))
    guard = Middleware(
        HttpGuard, access=access, limits=studio.limits, connections=connections, api=api
    )
    served = queued.launch(
        prevent_thread_lock=True,
        head=f"<script>{read_scripts()}</script>",
        auth=access.login,
        theme=create_theme(),
        app_kwargs={"middleware": [guard, Middleware(LinkPreview)], "routes": [create_route()]},
        **LAUNCH_OPTIONS,
        **options,
    )
    keep_connections(demo, IDLE_SECONDS)
    return served


def import_generation() -> None:
    """Import what makes clips, diffusers among it, which takes seconds."""
    import_module("pipeline.generation.generate")


def warm_up(studio: Studio) -> None:
    """Import and load what the first prompt and the first clip need."""
    import_generation()
    studio.readers.find(studio.models[studio.offers.default_model])


def main() -> None:
    """Start the studio and serve it until it is stopped."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    # httpx logs every URL, and ZeroGPU's contain the visitor's token.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    quiet_asyncio()
    end_on_sigterm()
    try:
        models = read_models(is_private=is_private())
        cluster = join_cluster(models)
        model_cache = cluster.models if cluster else create_model_cache(models)
        studio = create_studio(default_data_dir(), model_cache, models, cluster=cluster)
    except KinoraError as exc:  # a setting that is wrong
        sys.exit(str(exc))
    try:
        if is_zero_gpu():
            import_generation()  # once, not in each process that is forked
            # On ZeroGPU the weights must be loaded before the page is served.
            best = models[studio.offers.default_model].qualities[-1]
            model_cache.load(studio.offers.default_model, quality=best)
        else:
            later = threading.Timer(SECONDS_UNTIL_IMPORT, warm_up, [studio])
            later.daemon = True
            later.start()
        demo = create_demo(studio)
        launch(demo, studio)
        demo.block_thread()
    except KinoraError as exc:  # the model is not available, or an access setting is wrong
        sys.exit(str(exc))
    finally:
        studio.close()
        if cluster:
            cluster.close()
        kill_children()


if __name__ == "__main__":
    main()
