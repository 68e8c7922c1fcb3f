"""Compare long clips with clips that pass on only their last frame: joins, drift and motion.

Run: python -m training.compare_handovers --model assets/kinora-mini --clips 24 \
         --output assets/kinora-mini/handovers.json
Every prompt is made three ways: by Kinora as in the app, from last frames
(`evaluation/handovers.py`) with the same engine, seeds and windows, and as a render of the same
scene for reference. All clips are written to a file and read back. The table is saved next to the
figures, as Markdown.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline.engines import open_engine
from pipeline.engines.base import ShotContext
from pipeline.mini.engine import MiniEngine
from pipeline.models.spec import ModelSpec
from pipeline.planning.plan import Plan, plan_generation
from training.captions import draw_caption
from training.data import FPS
from training.evaluation.comparison import bands_of, summarize_drift, summarize_joins, table_of
from training.evaluation.handovers import make_from_last_frames
from training.evaluation.long_clips import Reading, read_long_clip, seconds_of, window_joins
from training.evaluation.setup import EVALUATION_SEED, HEIGHT, WIDTH, draw_inhabited
from training.evaluation.studio import Studio
from training.weights import hash_weights
from training.world import render

logger = logging.getLogger(__name__)
_PART = 10  # of the streams of scenes: 1 to 9 are those of `training.evaluate`
RENDER, KINORA, LAST_FRAME = "render", "Kinora", "last frame"


def make_all(
    studio: Studio, engine: MiniEngine, prompt: str, seed: int, seconds: float
) -> Iterator[tuple[str, Plan, np.ndarray]]:
    """Yield one prompt's clips, way by way: the way, the plan, and the frames as read back."""
    made = studio.make("text_to_video", prompt, seconds, seed)
    plan = plan_generation(made.request, studio.spec)
    yield KINORA, plan, made.frames
    scene = engine.encode_prompt(prompt, "", 1.0, ShotContext(seed)).paths.scene
    times = (np.arange(plan.num_frames) / FPS).tolist()
    rendered, _ = render(scene, height=HEIGHT, width=WIDTH, times=times)
    yield RENDER, plan, studio.recode(rendered)
    yield LAST_FRAME, plan, studio.recode(make_from_last_frames(engine, plan, prompt, seed))


def read_all(
    studio: Studio, num_clips: int, counts: Sequence[int]
) -> Iterator[dict[str, list[Reading]]]:
    """Make and measure clips of as many windows as the largest count; yield those so far by way."""
    rng = np.random.default_rng((EVALUATION_SEED, _PART))
    engine = open_engine(studio.model_cache.load(studio.spec.id), width=WIDTH, height=HEIGHT)
    readings: dict[str, list[Reading]] = defaultdict(list)
    for seed in range(num_clips):
        prompt, _ = draw_caption(draw_inhabited(rng), rng, complete=True)
        seconds = seconds_of(max(counts), studio.spec)
        for way, plan, frames in make_all(studio, engine, prompt, seed, seconds):
            joins = window_joins(plan)
            readings[way].append(read_long_clip(frames, joins, studio.spec, counts))
        logger.info("%d of %d: %s", seed + 1, num_clips, prompt)
        yield readings


def summarize(
    readings: dict[str, list[Reading]], spec: ModelSpec, counts: Sequence[int]
) -> dict[str, object]:
    """Return all figures, by count of windows and way."""
    truths = readings[RENDER]
    bands = bands_of(truths)
    windows = {
        str(count): {
            way: {
                "joins": summarize_joins(clips, count, bands),
                "drift": summarize_drift(clips, truths, count, spec),
            }
            for way, clips in readings.items()
        }
        for count in counts
    }
    ends = {name: [round(x, 3) for x in band if np.isfinite(x)] for name, band in bands.items()}
    return {"bands of the renders": ends, "windows": windows}


def main() -> None:
    """Measure, write the table and all figures after every clip, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--windows", type=int, nargs="+", default=[2, 4, 8, 12])
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logger.setLevel(logging.INFO)
    with tempfile.TemporaryDirectory() as scratch:
        studio = Studio(args.model, Path(scratch))
        weights = hash_weights(args.model)
        for readings in read_all(studio, args.clips, args.windows):
            summary = summarize(readings, studio.spec, args.windows)
            figures = {"weights": weights} | summary
            if args.output:
                args.output.write_text(json.dumps(figures, indent=1) + "\n")
                args.output.with_suffix(".md").write_text(table_of(figures))
    logger.info("%s", table_of(figures))


if __name__ == "__main__":
    main()
