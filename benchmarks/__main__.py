"""Measure memory and time of long clips against short ones, Kinora's overhead, a changed shot.

Run: python -m benchmarks
     python -m benchmarks --runs 1 --lengths 5 10 20
     python -m benchmarks gpu ltx-video-2b
     python -m benchmarks full ltx-video-2b --folder weights --size 512x288
     python -m benchmarks card ltx-video-2b ltx-video-13b --folder /dev/shm --minutes 10
     python -m benchmarks marks
     python -m benchmarks fingerprints
     python -m benchmarks cluster
`gpu` makes a two-second clip with every placement of a model that this machine supports, and with
each optimization, and measures them. `full` makes a clip with a model at full size whose weights
are random, so that nothing is downloaded: times and memory are those of the released weights, the
picture is noise. `card` does so with less and less of a GPU's memory, and checks Stop, a GPU that
is too small, that placements agree, and two models in turn. `marks` puts the invisible mark into
many kinds of clips and measures what it survives and costs. `fingerprints` measures how far those
clips are from their altered copies and from other clips. Both need tests/requirements.txt.
`cluster` starts a Ray cluster of one, two and three workers on this machine and measures jobs a
minute, a film of six shots and the overhead of a window, with work that sleeps in the place of
computing; it needs requirements-cluster.txt.
--lengths takes three lengths in seconds: the third is compared with the first in memory and with
the second in time. The overhead is that of a clip of the first length. The film of six shots, one
of which is changed, has the third length. All ratios are of one run on one machine.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import platform
from pathlib import Path
from statistics import median

import torch

from benchmarks.durations import Job, run_jobs
from benchmarks.film import measure_change
from benchmarks.overhead import measure_overhead
from benchmarks.placements import measure_placements
from pipeline.models.registry import EMBEDDED, SHIPPED
from pipeline.runtime.model_cache import ModelCache

logger = logging.getLogger(__name__)
GOALS = {
    "more memory, MB": 100,
    "times as long": 4.3,
    "overhead": 0.05,
    "changed shot's share": 0.25,
}


def describe_machine() -> dict[str, object]:
    """Describe the machine; a load near the number of cores means that it was busy otherwise."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "load before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def compare(jobs: dict[float, list[Job]]) -> dict[str, object]:
    """Compare the longest of three jobs with the first in memory, with the second in time."""
    short, middle, long = jobs.values()
    first = long[0].figures
    return {
        "size": first["size"],
        "fps": first["fps"],
        "threads": first["threads"],
        "runs": len(long),
        "jobs": {f"{seconds:g} s": _describe(runs) for seconds, runs in jobs.items()},
        "more memory, MB": round(median(x.peak for x in long) - median(x.peak for x in short), 1),
        "times as long": _ratio(long, middle, "making"),
        "times the processor time": _ratio(long, middle, "processor"),
    }


def _describe(runs: list[Job]) -> dict[str, float]:
    """Return medians over the runs of one job."""
    seconds = {
        f"{name}, s": round(median(x.figures[name] for x in runs), 2)
        for name in ("loading", "making", "processor")
    }
    peak = round(median(x.peak for x in runs), 1)
    return {"frames": runs[0].figures["num_frames"], **seconds, "peak memory, MB": peak}


def _ratio(long: list[Job], short: list[Job], name: str) -> float:
    """Return the median over the runs of the ratio of long to short."""
    pairs = zip(long, short, strict=True)
    return round(median(x.figures[name] / y.figures[name] for x, y in pairs), 3)


def measure_ratios(args: argparse.Namespace) -> None:
    """Measure the ratios, and log each of them with its goal."""
    figures = {"model": args.model, **describe_machine()}
    figures |= compare(run_jobs(args.lengths, args.runs, args.model))
    model_cache = ModelCache()
    figures |= measure_overhead(model_cache, args.model, args.lengths[0], args.runs)
    figures |= measure_change(model_cache, args.model, args.lengths[2], args.runs)
    logger.info("%s", json.dumps(figures, indent=1))
    for name, goal in GOALS.items():
        verdict = "met" if figures[name] <= goal else "missed"
        logger.info("%s: %g (goal: at most %g, %s)", name, figures[name], goal, verdict)
    if args.output:
        args.output.write_text(json.dumps(figures, indent=1) + "\n")


def measure_model(args: argparse.Namespace) -> None:
    """Measure every placement and optimization of a model, logging each result at once."""
    logger.info("%s", json.dumps(describe_machine()))
    rows = []
    for row in measure_placements(SHIPPED.find(args.gpu), args.seconds):
        rows.append(row)
        logger.info("%s", json.dumps(row))
    if args.output:
        args.output.write_text(json.dumps(rows, indent=1) + "\n")


def measure_full_size(args: argparse.Namespace) -> None:
    """Measure a model at full size with random weights."""
    # Imported here, because it needs all of transformers' classes.
    from benchmarks.full import Clip, measure_full

    num_pixels = math.prod(int(side) for side in args.size.split("x")) if args.size else None
    what = Clip(args.seconds, num_pixels)
    figures = describe_machine() | measure_full(
        SHIPPED.find(args.full), args.folder, what, args.placement
    )
    logger.info("%s", json.dumps(figures, indent=1))
    if args.output:
        args.output.write_text(json.dumps(figures, indent=1) + "\n")


def measure_card(args: argparse.Namespace) -> None:
    """Check models at full size with random weights, logging each result at once."""
    from benchmarks.card import check_models

    options = ["--folder", str(args.folder), "--seconds", str(args.seconds)]
    options += ["--pixels", str(args.pixels)] if args.pixels else []
    rows = []
    for row in check_models(args.card, args.minutes, options):
        rows.append(row)
        logger.info("%s", json.dumps(row))
    if args.output:
        args.output.write_text(json.dumps(rows, indent=1) + "\n")


def measure_survival(args: argparse.Namespace) -> None:
    """Measure what the invisible mark survives and costs."""
    # Imported here, because it needs packages that the app does not.
    from benchmarks.marks import measure_marks, measure_time

    model_cache = ModelCache()
    figures = {**describe_machine(), **measure_time(model_cache, EMBEDDED)}
    figures |= measure_marks(model_cache, num_keys=args.keys)
    logger.info("%s", json.dumps({**figures, "by clip": "see --output"}, indent=1))
    if args.output:
        args.output.write_text(json.dumps(figures, indent=1) + "\n")


def measure_likeness(args: argparse.Namespace) -> None:
    """Measure which altered clips are recognized by their fingerprints."""
    # Imported here, because it needs packages that the app does not.
    from benchmarks.fingerprints import measure_fingerprints

    figures = measure_fingerprints(ModelCache())
    logger.info("%s", json.dumps(figures, indent=1))
    if args.output:
        args.output.write_text(json.dumps(figures, indent=1) + "\n")


def measure_workers(args: argparse.Namespace) -> None:
    """Measure workers of a Ray cluster on this machine, logging each result at once."""
    # Imported here, because it needs Ray.
    from benchmarks.cluster import measure_cluster

    figures = describe_machine()
    logger.info("%s", json.dumps(figures))
    for some in measure_cluster():
        figures |= some
        logger.info("%s", json.dumps(some))
    if args.output:
        args.output.write_text(json.dumps(figures, indent=1) + "\n")


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers()
    gpu = commands.add_parser("gpu", help="measure a model's placements and optimizations")
    gpu.add_argument("gpu", metavar="MODEL")
    gpu.add_argument("--seconds", type=float, default=2.0)
    gpu.set_defaults(measure=measure_model)
    full = commands.add_parser("full", help="measure a model at full size with random weights")
    full.add_argument("full", metavar="MODEL")
    full.add_argument("--folder", type=Path, required=True, help="keeps the random weights")
    full.add_argument("--seconds", type=float, default=2.0)
    full.add_argument("--size", metavar="WIDTHxHEIGHT", help="how large a frame is, about")
    full.add_argument("--placement", metavar="OFFLOAD", help="a placement of memory_plan.py")
    full.set_defaults(measure=measure_full_size)
    card = commands.add_parser("card", help="check models at full size with less GPU memory")
    card.add_argument("card", nargs="+", metavar="MODEL")
    card.add_argument("--folder", type=Path, required=True, help="keeps the random weights")
    card.add_argument("--seconds", type=float, default=5.0)
    card.add_argument("--pixels", type=int, help="of a frame, about")
    card.add_argument("--minutes", type=float, default=10.0)
    card.set_defaults(measure=measure_card)
    marks = commands.add_parser("marks", help="measure what the invisible mark survives and costs")
    marks.add_argument(
        "--keys", type=int, default=66, help="number of keys to try on unmarked clips"
    )
    marks.set_defaults(measure=measure_survival)
    fingerprints = commands.add_parser("fingerprints", help="measure which clips are recognized")
    fingerprints.set_defaults(measure=measure_likeness)
    cluster = commands.add_parser("cluster", help="measure workers of a Ray cluster")
    cluster.set_defaults(measure=measure_workers)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--lengths", type=float, nargs=3, default=[10, 15, 60], metavar="SECONDS")
    parser.add_argument("--model", default=EMBEDDED)
    parser.set_defaults(measure=measure_ratios)
    for each in (parser, gpu, full, card, marks, fingerprints, cluster):
        each.add_argument("--output", type=Path)
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logger.setLevel(logging.INFO)
    args.measure(args)


if __name__ == "__main__":
    main()
