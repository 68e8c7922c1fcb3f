"""What holds the repository together: the import arrows, and a README that tells the truth."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.models import MODELS
from pipeline.plan import MAX_GPU_SECONDS, MIN_GPU_SECONDS
from pipeline.spec import ModelSpec

ROOT = Path(__file__).resolve().parent.parent
# These are read and tested in milliseconds: no torch, no diffusers, nothing that brings them in.
LIGHT_MODULES = (
    "abilities",
    "environment",
    "errors",
    "geometry",
    "lora",
    "models",
    "request",
    "spec",
    "catalogue",
    "storyboard",
    "windows",
    "effort",
    "plan",
    "placement",
    "speed",
    "jobs",
    "pace",
    "store",
)
HEAVY_PACKAGES = {"torch", "diffusers", "transformers", "accelerate", "gradio", "spaces", "moviepy"}
SPACE_FIELDS = {
    *("title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file"),
    *(
        "license",
        "short_description",
        "suggested_hardware",
        "startup_duration_timeout",
        "tags",
        "models",
    ),
}
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
FOLDERS = ("page", "pipeline", "training", "benchmarks")
SOURCES = [ROOT / "app.py", *(path for name in FOLDERS for path in ROOT.glob(f"{name}/**/*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports_of(path: Path) -> set[str]:
    """Read every module that a file imports, at its top or inside a function."""
    package = path.relative_to(ROOT).parent.parts
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return names


def packages_of(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports_of(path)}


def tracked_files() -> set[str]:
    """List the files that belong to the repository, but not the hidden ones."""
    if not (ROOT / ".git").exists():
        pytest.skip("only a git checkout knows which files belong to it")
    command = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files"]
    command += ["--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = {name for name in listing.split("\0") if name and (ROOT / name).is_file()}
    return {name for name in names if not any(part.startswith(".") for part in name.split("/"))}


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def front_matter() -> dict[str, object]:
    return yaml.safe_load(readme().split("---\n")[1])


def readme_tree() -> dict[str, bool]:
    """Read the tree in README: each path, and whether it is a folder whose files are not listed.

    The tree is the fenced block with a line for app.py: a name, spaces, and what it owns.
    Indentation says what is inside what; a folder's name ends in a slash.
    """
    blocks = re.findall(r"^```\w*\n(.*?)^```", readme(), re.DOTALL | re.MULTILINE)
    (block,) = [block for block in blocks if re.search(r"^\W*app\.py\s\s", block, re.MULTILINE)]
    tree: dict[str, bool] = {}
    above: list[tuple[int, str]] = []
    for line in re.sub("[│├└─]", " ", block).splitlines():
        if not line.strip():
            continue
        indent, name = len(line) - len(line.lstrip()), line.split()[0]
        above = [(column, folder) for column, folder in above if column < indent]
        path = "".join(folder for _, folder in above) + name
        if above:
            tree["".join(folder for _, folder in above)] = False
        tree[path] = name.endswith("/")
        if name.endswith("/"):
            above.append((indent, name))
    return tree


def is_told(path: str, tree: dict[str, bool]) -> bool:
    """Say whether the tree has a line for a file, or for a folder that stands for all it holds."""
    if path in tree:
        return True
    parts = path.split("/")[:-1]
    return any(tree.get("/".join(parts[:depth]) + "/", False) for depth in range(1, len(parts) + 1))


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_a_light_module_imports_light_modules_only(module: str) -> None:
    path = ROOT / "pipeline" / f"{module}.py"
    assert not packages_of(path) & HEAVY_PACKAGES
    ours = {name.split(".")[1] for name in imports_of(path) if name.startswith("pipeline.")}
    assert ours <= set(LIGHT_MODULES)


def test_importing_the_light_modules_loads_no_heavy_package() -> None:
    """Run it: `pipeline/__init__.py` is imported too, whatever the import lines look like."""
    names = ", ".join(f"pipeline.{module}" for module in LIGHT_MODULES)
    code = f"import sys, {names}; print(sorted({HEAVY_PACKAGES!r} & set(sys.modules)))"
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "[]", run.stdout + run.stderr


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_only_the_app_and_its_page_import_gradio_and_only_the_app_spaces(path: Path) -> None:
    allowed = {"app.py": {"gradio", "spaces"}, "page": {"gradio"}}
    used = packages_of(path) & {"gradio", "gradio_client", "spaces"}
    assert used <= allowed.get(path.relative_to(ROOT).parts[0], set())


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_arrow_points_back(path: Path) -> None:
    folder = path.relative_to(ROOT).parts[0]
    forbidden = {
        "app.py": {"training", "benchmarks"},
        "page": {"training", "benchmarks", "app"},
        "pipeline": {"training", "benchmarks", "app", "page"},
        "training": {"app", "page", "benchmarks"},
        "benchmarks": {"app", "page", "training"},
    }
    assert not packages_of(path) & (forbidden[folder] | {"tests"})


def test_the_weights_configurations_name_no_folder_of_the_machine_that_made_them() -> None:
    configs = list(ROOT.glob("assets/**/*.json"))
    assert configs
    named = [path.name for path in configs if re.search(r'": "/', path.read_text("utf-8"))]
    assert named == []


def test_readme_lists_every_file_and_no_other() -> None:
    tree, files = readme_tree(), tracked_files()
    assert [path for path in sorted(files) if not is_told(path, tree)] == []
    assert [path for path in tree if not (ROOT / path).exists()] == []


def test_readme_names_every_model() -> None:
    assert [model_id for model_id in MODELS if f"`{model_id}`" not in readme()] == []


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
    found = {str(spec.repository) for spec in models if not isinstance(spec.repository, Path)}
    files = (spec.checkpoint for spec in models if spec.checkpoint)
    return found | {"/".join(file.split("/")[3:5]) for file in files}


def test_the_space_names_only_repositories_that_its_models_come_from() -> None:
    assert set(front_matter()["models"]) <= repositories(*MODELS.values())


def test_a_space_preloads_nothing_unless_its_owner_adds_what_readme_says() -> None:
    """The builder would fetch gigabytes for a Space on a CPU too, that never uses them."""
    (lines,) = re.findall(r"^```yaml\n(.*?)^```", readme(), re.DOTALL | re.MULTILINE)
    added = yaml.safe_load(lines)
    preloaded = {line.split()[0] for line in added["preload_from_hub"]}
    assert preloaded == repositories(MODELS["ltx-video-2b"])
    assert "preload_from_hub" not in front_matter()
    assert repositories(next(iter(MODELS.values()))) == set()


def test_readme_says_how_long_a_gpu_is_asked_for() -> None:
    text = " ".join(readme().split())
    assert f"asks for {MIN_GPU_SECONDS} to {MAX_GPU_SECONDS} seconds at a time" in text


def test_the_space_and_the_requirements_ask_for_the_same_gradio() -> None:
    front, requirements = front_matter(), (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert front["sdk_version"] == "6.31.0"
    assert re.search(r"^gradio(\[.*\])?==6\.31\.0\b", requirements, re.MULTILINE)
