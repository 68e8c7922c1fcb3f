"""What holds the repository together: import levels, and docs that tell the truth."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import yaml

from pipeline.models.registry import MODELS
from pipeline.models.spec import ModelSpec
from pipeline.planning.plan import MAX_GPU_SECONDS, MIN_GPU_SECONDS

ROOT = Path(__file__).resolve().parent.parent
# From the bottom: a level imports only from levels below it, and from itself without a circle.
LEVELS = (
    "pipeline.errors",
    "pipeline.geometry",
    "pipeline.deadlines",
    "pipeline.programs",
    "pipeline.settings",
    "pipeline.rate_limits",
    "pipeline.inspections",
    "pipeline.media",
    "pipeline.models",
    "pipeline.planning",
    "pipeline",  # the public names, which need the levels below
    "pipeline.trust",
    "pipeline.runtime",
    "pipeline.engines",
    "pipeline.offers",
    "pipeline.mini",
    "pipeline.generation",
    "pipeline.jobs",
    "pipeline.cluster",
    "pipeline.studio",
    "http_api",
    "page",
    "app",
)
# These are read in milliseconds: no torch, no diffusers, nothing that brings them in.
LIGHT = ("errors", "geometry", "settings", "rate_limits", "models", "planning")
HEAVY_PACKAGES = {"torch", "diffusers", "transformers", "accelerate", "gradio", "spaces", "moviepy"}
MAX_README_BYTES = 8192
MAX_DIRECT_MODULES = 10
SPACE_FIELDS = {
    *("title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file"),
    *("license", "short_description", "suggested_hardware", "startup_duration_timeout"),
    *("tags", "models"),
}
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
DOCS = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]
PRODUCT = [
    ROOT / "app.py",
    *(path for name in ("page", "http_api", "pipeline") for path in ROOT.glob(f"{name}/**/*.py")),
]
SOURCES = [*PRODUCT, *ROOT.glob("training/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in SOURCES}


def imports_of(path: Path, *, at_top: bool = False) -> set[str]:
    """Read every module that a file imports, at its top or inside a function too.

    What is imported for type checkers alone is not counted.
    """
    names: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if at_top and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} has a relative import"
            found = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in MODULES else str(node.module) for name in found}
        waiting.extend(ast.iter_child_nodes(node))
    return names


def packages_of(path: Path, *, at_top: bool = False) -> set[str]:
    return {name.partition(".")[0] for name in imports_of(path, at_top=at_top)}


def level_of(module: str) -> int:
    """Return the number of the level that a module belongs to, the longest name that fits."""
    fitting = [level for level in LEVELS if module == level or module.startswith(f"{level}.")]
    return LEVELS.index(max(fitting, key=len))


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_a_module_imports_from_its_own_level_and_those_below_it_alone(path: Path) -> None:
    level = level_of(module_of(path))
    ours = {
        name
        for name in imports_of(path)
        if name.startswith(("pipeline", "http_api", "page", "app"))
    }
    assert {name for name in ours if level_of(name) > level} == set()


def test_no_module_imports_itself_through_others() -> None:
    graph = {
        module: imports_of(path) & MODULES.keys()
        for module, path in MODULES.items()
        if path.name != "__init__.py"
    }
    assert list(TopologicalSorter(graph).static_order())


def test_every_level_is_there_and_every_package_has_one() -> None:
    assert [level for level in LEVELS if level not in MODULES] == []
    names = [*(ROOT / "pipeline").glob("*.py"), *(ROOT / "pipeline").glob("*/__init__.py")]
    assert {module_of(path) for path in names} <= set(LEVELS)


def test_the_pipeline_is_packages_and_a_handful_of_modules() -> None:
    assert len(list((ROOT / "pipeline").glob("*.py"))) <= MAX_DIRECT_MODULES


def light_modules() -> list[str]:
    return [
        module
        for module in MODULES
        if any(f"{module}.".startswith(f"pipeline.{name}.") for name in LIGHT)
    ]


@pytest.mark.parametrize("module", light_modules())
def test_a_light_module_imports_no_heavy_package(module: str) -> None:
    assert not packages_of(MODULES[module], at_top=True) & HEAVY_PACKAGES


def test_importing_the_light_modules_loads_no_heavy_package() -> None:
    """Run it: `pipeline/__init__.py` is imported too, whatever the import lines look like."""
    code = (
        f"import sys, {', '.join(light_modules())}; "
        f"print(sorted({HEAVY_PACKAGES!r} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "[]", run.stdout + run.stderr


def test_the_page_starts_without_what_only_clips_need() -> None:
    """Importing diffusers took 5 of the 12 s until the page was there."""
    reached, waiting = set[str](), ["app"]
    while waiting:
        module = waiting.pop()
        if module in MODULES and module not in reached:
            reached.add(module)
            waiting += [module.rpartition(".")[0], *imports_of(MODULES[module], at_top=True)]
    assert {"pipeline.engines", "pipeline.runtime.model_cache"} < reached
    packages = {name for module in reached for name in packages_of(MODULES[module], at_top=True)}
    assert not packages & {"diffusers", "transformers", "accelerate", "peft", "ray"}


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_the_app_and_its_page_import_gradio_and_only_the_app_spaces(path: Path) -> None:
    allowed = {"app.py": {"gradio", "spaces"}, "page": {"gradio"}}
    used = packages_of(path) & {"gradio", "gradio_client", "spaces"}
    assert used <= allowed.get(path.relative_to(ROOT).parts[0], set())


@pytest.mark.parametrize(
    "path", [x for x in PRODUCT if {"pipeline", "http_api"} & {*x.parts}], ids=name_of
)
def test_nothing_below_the_page_reads_gradios_settings(path: Path) -> None:
    assert "GRADIO_" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_training_benchmarks_and_tests_are_no_part_of_the_product(path: Path) -> None:
    forbidden = {
        "app.py": {"training", "benchmarks"},
        "page": {"training", "benchmarks"},
        "http_api": {"training", "benchmarks"},
        "pipeline": {"training", "benchmarks"},
        "training": {"app", "page", "benchmarks"},
        "benchmarks": {"app", "page", "training"},
    }
    folder = path.relative_to(ROOT).parts[0]
    assert not packages_of(path) & (forbidden[folder] | {"tests"})


def test_the_weights_configurations_name_no_folder_of_the_machine_that_made_them() -> None:
    configs = list(ROOT.glob("assets/**/*.json"))
    assert configs
    named = [path.name for path in configs if re.search(r'": "/', path.read_text("utf-8"))]
    assert named == []


def docs() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in DOCS)


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def front_matter() -> dict[str, object]:
    return yaml.safe_load(readme().split("---\n")[1])


def test_readme_can_be_read_in_five_minutes() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= MAX_README_BYTES


def test_readme_and_the_page_on_models_name_every_model() -> None:
    models = (ROOT / "docs/models.md").read_text(encoding="utf-8")
    assert [x for x in MODELS if f"`{x}`" not in readme() or f"`{x}`" not in models] == []


def test_every_setting_is_documented_and_every_documented_one_is_read() -> None:
    read = set()
    for path in PRODUCT:
        read |= set(re.findall(r"\"(KINORA_[A-Z_]+)\"", path.read_text(encoding="utf-8")))
    told = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
    assert read == set(re.findall(r"\bKINORA_[A-Z_]+\b", told))


def test_every_endpoint_is_documented() -> None:
    trees = [ast.parse((ROOT / x).read_text()) for x in ("page/api.py", "page/character_api.py")]
    classes = [x for y in trees for x in y.body if isinstance(x, ast.ClassDef)]
    methods = [x for y in classes if y.name.endswith("Endpoints") for x in y.body]
    names = [x.name for x in methods if not getattr(x, "name", "_").startswith("_")]
    told = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    assert [name for name in names if f"/{name}" not in told] == []
    assert len(names) >= 10


@pytest.mark.parametrize("path", DOCS, ids=name_of)
def test_every_link_in_the_docs_leads_to_a_file(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (path.parent / link).exists()] == []


def commands() -> Iterator[list[str]]:
    """Yield the commands of the docs that start a module or a file of this repository."""
    for line in re.findall(r"`?((?:python|torchrun)\b[^`\n]*)", docs()):
        words = shlex.split(line.split(" #")[0].split("&&")[0], posix=True, comments=True)
        if "-m" in words or any(word.endswith(".py") for word in words):
            yield words


def test_every_module_that_the_docs_start_is_there() -> None:
    started = {words[words.index("-m") + 1] for words in commands() if "-m" in words}
    ours = {x for x in started if x.partition(".")[0] in ("pipeline", "training", "benchmarks")}
    assert ours
    gone = [x for x in ours if x not in MODULES and f"{x}.__main__" not in MODULES]
    assert gone == []


@pytest.mark.parametrize(
    "module",
    [
        "pipeline.models.download",
        "pipeline.generation.multi_gpu",
        "benchmarks",
    ],
)
def test_the_commands_of_the_docs_run(module: str) -> None:
    assert any(module in words for words in commands())
    run = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "usage" in run.stdout


def test_the_spaces_front_matter_is_what_the_hub_accepts() -> None:
    """By its configuration reference of August 2026; ZeroGPU runs Python 3.10 and 3.12."""
    front = front_matter()
    assert set(front) == SPACE_FIELDS
    assert front["sdk"] == "gradio"
    assert front["python_version"] in ("3.10", "3.12")
    assert len(front["emoji"]) == 1
    assert {front["colorFrom"], front["colorTo"]} <= COLOURS
    assert 0 < len(front["short_description"]) <= 60
    assert front["suggested_hardware"] == "zero-a10g"
    assert re.fullmatch(r"\d+[mh]", front["startup_duration_timeout"])
    assert front["license"] == "apache-2.0"
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert all(re.fullmatch("[a-z0-9-]+", tag) for tag in front["tags"])
    assert (ROOT / front["app_file"]).is_file()
    assert (ROOT / "requirements.txt").is_file()


def repositories(*models: ModelSpec) -> set[str]:
    """Return the Hub's repositories that models come from, those of single files too."""
    found = {str(spec.repository) for spec in models if not spec.ships_with_app}
    files = (spec.checkpoint for spec in models if spec.checkpoint)
    return found | {"/".join(file.split("/")[3:5]) for file in files}


def test_the_space_names_only_repositories_that_its_models_come_from() -> None:
    assert set(front_matter()["models"]) <= repositories(*MODELS.values())


def test_a_space_preloads_nothing_unless_its_owner_adds_what_the_docs_say() -> None:
    """The builder would fetch gigabytes for a Space on a CPU too, that never uses them."""
    space = (ROOT / "docs/space.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"^```yaml\n(.*?)^```", space, re.DOTALL | re.MULTILINE)
    added = yaml.safe_load(lines)
    preloaded = {line.split()[0] for line in added["preload_from_hub"]}
    assert preloaded == repositories(MODELS["ltx-video-2b"])
    assert "preload_from_hub" not in front_matter()
    assert repositories(next(iter(MODELS.values()))) == set()


def test_the_docs_say_how_long_a_gpu_is_asked_for() -> None:
    assert f"{MIN_GPU_SECONDS} to {MAX_GPU_SECONDS} seconds" in " ".join(docs().split())


def test_the_space_and_the_requirements_ask_for_the_same_gradio() -> None:
    requirements = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    version = re.escape(str(front_matter()["sdk_version"]))
    assert re.search(rf"^gradio(\[.*\])?=={version}\b", requirements, re.MULTILINE)
