"""Getting a model's files, from a Hub of this machine's own.

In other processes: huggingface_hub looks once whether it is offline, and where its cache is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.models.download import LocalFiles, _patterns, download_model
from pipeline.models.download_sizes import DownloadSize, DownloadSizes
from pipeline.models.registry import MODELS
from tests.hub import COMMIT, Hub, serve_hub
from tests.tiny import LTX, MINI, tiny_ltx_pipeline
from tests.tiny_gguf import save_fp8, save_gguf

ROOT = Path(__file__).resolve().parents[2]
# Of the row that is half a repository and half one file of another.
PARTS, ONE_FILE = "Lightricks/LTX-Video-0.9.5", "Lightricks/LTX-Video"
CHECKPOINT = "ltxv-2b-0.9.8-distilled.safetensors"
UPSAMPLER = "ltxv-spatial-upscaler-0.9.8.safetensors"
NOT_HERE = (
    "LTX-Video 2B 0.9.8 distilled is not completely on this computer and could not be downloaded; "
    "check the network and the disk, then run `python -m pipeline.models.download ltx-video-2b`, "
    "or choose kinora-mini, which needs no download.\n"
)


@pytest.fixture
def hub(folder: Path, tmp_path: Path) -> Iterator[Hub]:
    """Serve the row's two repositories, with files in them that nobody needs."""
    parts, one_file = tmp_path / "parts", tmp_path / "one-file"
    shutil.copytree(folder / "ltx", parts)
    one_file.mkdir()
    for path in (
        parts / "ltx-video-2b-v0.9.5.safetensors",
        parts / "README.md",
        parts / "text_encoder" / "model.fp16.safetensors",
        parts / "text_encoder" / "pytorch_model.bin",
        parts / "text_encoder" / "modeling.py",
        parts / "transformer_full" / "diffusion_pytorch_model.safetensors",
        one_file / CHECKPOINT,
        one_file / UPSAMPLER,
        one_file / "ltxv-13b-0.9.7-dev.safetensors",
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(path.name.encode() * 300)  # the Hub's cache keeps equal files once
    loras = tmp_path / "loras"
    (loras / "more").mkdir(parents=True)
    for name in ("one.safetensors", "more/two.safetensors", "three.bin"):
        (loras / name).write_bytes(name.encode())
    pickled = tmp_path / "pickled"
    shutil.copytree(folder / "ltx", pickled)
    weights = pickled / "vae" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    single = tmp_path / "single"
    (single / "deep").mkdir(parents=True)
    save_gguf(tiny_ltx_pipeline().transformer, single / "deep" / "x.gguf")
    save_fp8(tiny_ltx_pipeline().transformer, single / "fp8.safetensors")
    served = {
        "tiny/single": single,
        "tiny/loras": loras,
        "tiny/lora": loras / "more",
        "tiny/pickled": pickled,
    }
    ltx = {PARTS: parts, ONE_FILE: one_file, "tiny/ltx": folder / "ltx"}
    with serve_hub(ltx | served) as hub:
        yield hub


def run(*command: str, home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HF_HOME": str(home)} | more
    environment.pop("HF_HUB_CACHE", None)
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def run_fetch(
    hub: Hub, home: Path, *names: str, offline: bool = False
) -> subprocess.CompletedProcess[str]:
    is_offline = "1" if offline else "0"
    more = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": is_offline}
    return run("-m", "pipeline.models.download", *(names or (LTX,)), home=home, **more)


def test_only_the_needed_files_are_fetched_and_only_once(hub: Hub, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = run_fetch(hub, home)
    assert first.returncode == 0, first.stderr
    assert "ltx-video-2b: downloading 0.00 GB in" in first.stdout
    assert "GB free in" in first.stdout
    assert sorted(hub.downloads) == sorted(
        [
            f"{PARTS}/model_index.json",
            f"{PARTS}/scheduler/scheduler_config.json",
            f"{PARTS}/text_encoder/config.json",
            f"{PARTS}/text_encoder/model.safetensors",
            f"{PARTS}/tokenizer/tokenizer.json",
            f"{PARTS}/tokenizer/tokenizer_config.json",
            f"{PARTS}/transformer/config.json",
            f"{PARTS}/vae/config.json",
            f"{ONE_FILE}/{CHECKPOINT}",
        ]
    )
    hub.downloads.clear()
    again = run_fetch(hub, home)
    assert (again.returncode, hub.downloads) == (0, []), again.stderr
    assert "downloading" not in again.stdout
    offline = run_fetch(hub, home, offline=True)
    assert offline.returncode == 0, offline.stderr
    assert f"snapshots/{COMMIT}" in offline.stdout


def test_what_enlarges_latents_is_fetched_for_hd_only(hub: Hub, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run_fetch(hub, home).returncode == 0
    hub.downloads.clear()
    in_hd = run_fetch(hub, home, "--hd", LTX)
    assert in_hd.returncode == 0, in_hd.stderr
    assert hub.downloads == [f"{ONE_FILE}/{UPSAMPLER}"]
    again = run_fetch(hub, home, "--hd", LTX, offline=True)
    assert again.returncode == 0, again.stderr


def test_without_a_network_one_sentence_names_the_command(hub: Hub, tmp_path: Path) -> None:
    failed = run_fetch(hub, tmp_path / "home", offline=True)
    assert (failed.returncode, failed.stderr) == (1, NOT_HERE)
    assert hub.downloads == []


def test_a_broken_download_is_a_sentence_and_goes_on_the_next_time(
    hub: Hub, tmp_path: Path
) -> None:
    hub.broken.add("text_encoder/model.safetensors")
    failed = run_fetch(hub, tmp_path / "home")
    assert failed.returncode == 1
    assert failed.stderr.endswith(NOT_HERE)
    assert "Traceback" not in failed.stderr
    whole = set(hub.downloads) - {f"{PARTS}/{name}" for name in hub.broken}
    hub.broken.clear()
    hub.downloads.clear()
    assert run_fetch(hub, tmp_path / "home").returncode == 0
    assert f"{PARTS}/text_encoder/model.safetensors" in hub.downloads
    assert whole
    assert whole.isdisjoint(hub.downloads)


def test_weights_are_here_when_every_part_of_them_is(hub: Hub, tmp_path: Path) -> None:
    def is_here() -> str:
        code = f"print(is_downloaded(MODELS[{LTX!r}]))"
        imports = (
            "from pipeline.models.download import is_downloaded\n"
            "from pipeline.models.registry import MODELS"
        )
        asked = run("-c", f"{imports}\n{code}", home=tmp_path / "home", HF_ENDPOINT=hub.url)
        assert asked.returncode == 0, asked.stderr
        return asked.stdout.strip()

    assert is_here() == "False"
    for broken in ("text_encoder/model.safetensors", CHECKPOINT):
        hub.broken = {broken}
        assert run_fetch(hub, tmp_path / "home").returncode == 1
        assert is_here() == "False"
    hub.broken = set()
    assert run_fetch(hub, tmp_path / "home").returncode == 0
    num_downloads = len(hub.downloads)
    assert is_here() == "True"
    assert len(hub.downloads) == num_downloads


def test_a_disk_without_room_is_found_out_before_the_download(hub: Hub, tmp_path: Path) -> None:
    hub.claimed_bytes["text_encoder/model.safetensors"] = 10**15
    failed = run_fetch(hub, tmp_path / "home")
    assert failed.returncode == 1
    needs = "LTX-Video 2B 0.9.8 distilled needs 1000000.00 GB of disk space, but "
    assert failed.stderr.splitlines()[-1].startswith(needs)
    assert "set HF_HOME to a folder on a larger disk" in failed.stderr
    assert hub.downloads == [f"{PARTS}/model_index.json"]


# In one process, because sizes are remembered in it: at once, when the Hub has answered, and after
# the download.
SIZES = """
import sys, time
from pipeline.models.download import download_model
from pipeline.models.download_sizes import DownloadSizes
from pipeline.models.registry import MODELS

specs = [MODELS["kinora-mini"], MODELS["ltx-video-2b"]]
patient, hasty = DownloadSizes(30), DownloadSizes(0.05)
begin = time.monotonic()
for sizes in (hasty, patient):
    print(*sizes.find(specs).values(), sep="; ")
    if sizes is hasty:
        print(time.monotonic() - begin < 1)
deadline = time.monotonic() + 30
while hasty.find(specs)["ltx-video-2b"].is_computed and time.monotonic() < deadline:
    time.sleep(0.1)
print(hasty.find(specs)["ltx-video-2b"] == patient.find(specs)["ltx-video-2b"])
if "download" in sys.argv:
    download_model(MODELS["ltx-video-2b"])
    print(*hasty.find(specs).values(), sep="; ")
"""


def test_the_hub_says_how_large_a_download_is_and_nobody_waits_long_for_it(
    hub: Hub, tmp_path: Path
) -> None:
    hub.seconds = 0.3
    more = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
    asked = run("-c", SIZES, "download", home=tmp_path / "home", **more)
    assert asked.returncode == 0, asked.stderr
    computed = MODELS[LTX].num_bytes
    fetched = [name for name in hub.downloads if not name.endswith("model_index.json")]
    folders = {PARTS: tmp_path / "parts", ONE_FILE: tmp_path / "one-file"}
    real = sum(
        (folders[owner] / name.removeprefix(f"{owner}/")).stat().st_size
        for name in fetched
        for owner in folders
        if name.startswith(f"{owner}/")
    )
    nothing = "DownloadSize(num_bytes=0, is_computed=False)"
    assert asked.stdout.splitlines() == [
        f"{nothing}; DownloadSize(num_bytes={computed}, is_computed=True)",
        "True",
        f"{nothing}; DownloadSize(num_bytes={real}, is_computed=False)",
        "True",
        f"{nothing}; {nothing}",
    ]


# A model with the transformer of a single file, and one whose row names it in four bits.
SINGLE_FILES = """
from dataclasses import replace
from pipeline.models.detection import detect_model
from pipeline.models.download import bytes_to_download, download_model, is_downloaded

named = detect_model("tiny/ltx+tiny/single/deep/x.gguf")
plain = detect_model("tiny/ltx+tiny/single/fp8.safetensors")
print(named.files["transformer"].num_bytes, plain.files["transformer"].storage)
light = replace(named, files={}, light_files=named.files).with_light_files()
before = bytes_to_download(light), is_downloaded(light)
files = download_model(light)
print(before[1], is_downloaded(light), bytes_to_download(light), before[0])
print(files.files["transformer"].name, files.revision)
"""


def test_a_single_file_is_fetched_in_place_of_a_parts_weights(
    folder: Path, hub: Hub, tmp_path: Path
) -> None:
    more = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
    asked = run("-c", SINGLE_FILES, home=tmp_path / "home", **more)
    assert asked.returncode == 0, asked.stderr
    known = folder / "ltx"
    size = (tmp_path / "single" / "deep" / "x.gguf").stat().st_size
    sizes, states, names = asked.stdout.splitlines()
    assert sizes == f"{size} fp8"
    assert names == f"x.gguf {COMMIT}"
    assert "tiny/single/deep/x.gguf" in hub.downloads
    weights = "transformer/diffusion_pytorch_model.safetensors"
    assert (known / weights).is_file()
    assert f"tiny/ltx/{weights}" not in hub.downloads
    is_here, is_here_after, left, before = states.split()
    assert (is_here, is_here_after, left) == ("False", "True", "0")
    kept = ("text_encoder/model.safetensors", "vae/diffusion_pytorch_model.safetensors")
    assert int(before) > size + sum((known / name).stat().st_size for name in kept)


def test_without_the_hub_a_downloads_size_is_computed() -> None:
    sizes = DownloadSizes().find([MODELS[LTX]])
    assert sizes == {LTX: DownloadSize(MODELS[LTX].num_bytes, is_computed=True)}


def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    failed = run("-m", "pipeline.models.download", "sora", home=tmp_path)
    assert failed.returncode == 1
    assert failed.stderr.startswith("There is no model named 'sora'; choose one of kinora-mini, ")


def test_a_model_of_ones_own_is_fetched_by_its_place_on_the_hub(hub: Hub, tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = run_fetch(hub, home, "tiny/ltx@main")
    assert first.returncode == 0, first.stderr
    assert "tiny/ltx@main: downloading 0.00 GB in" in first.stdout
    assert "tiny/ltx/transformer/diffusion_pytorch_model.safetensors" in hub.downloads
    assert len(hub.downloads) == len({*hub.downloads})
    hub.downloads.clear()
    for offline in (False, True):
        again = run_fetch(hub, home, "tiny/ltx@main", offline=offline)
        assert again.returncode == 0, again.stderr
        assert f"tiny/ltx@main is in {home}" in again.stdout
        assert f"snapshots/{COMMIT}" in again.stdout
    assert hub.downloads == []


def test_a_model_of_pickles_is_found_out_before_its_weights_are_fetched(
    hub: Hub, tmp_path: Path
) -> None:
    failed = run_fetch(hub, tmp_path / "home", "tiny/pickled")
    assert failed.returncode == 1
    sentence = "The vae of tiny/pickled has weights that can run code when they are opened"
    assert failed.stderr.splitlines()[-1].startswith(sentence)
    assert {Path(name).suffix for name in hub.downloads} == {".json"}


# Every fetch in the same process: to start one takes longer than all of them.
FETCH_LORAS = """
import sys
from pipeline.errors import KinoraError
from pipeline.models.download import download_lora

for name in sys.argv[1:]:
    try:
        sys.stdout.write(f"{download_lora(name)}\\n")
    except KinoraError as exc:
        sys.stdout.write(f"{exc}\\n")
"""


def fetch_loras(hub: Hub, home: Path, *names: str, offline: bool = False) -> list[str]:
    more = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "1" if offline else "0"}
    fetched = run("-c", FETCH_LORAS, *names, home=home, **more)
    assert fetched.returncode == 0, fetched.stderr
    return fetched.stdout.splitlines()


def test_a_lora_is_fetched_by_its_place_on_the_hub_and_once(hub: Hub, tmp_path: Path) -> None:
    home = tmp_path / "home"
    names = "tiny/loras/one.safetensors", "tiny/loras/more/two.safetensors@main", "tiny/lora"
    paths = fetch_loras(hub, home, *names)
    assert [Path(path).name for path in paths] == [
        *("one.safetensors", "two.safetensors", "two.safetensors"),
    ]
    assert hub.downloads == [
        *("tiny/loras/one.safetensors", "tiny/loras/more/two.safetensors"),
        "tiny/lora/two.safetensors",
    ]
    hub.downloads.clear()
    assert fetch_loras(hub, home, *names, offline=True) == paths
    again = run_fetch(hub, home, "--lora", names[0])
    assert again.returncode == 0, again.stderr
    assert f"{names[0]} is in {home}" in again.stdout
    assert hub.downloads == []


def test_a_models_own_loras_are_downloaded_with_it(hub: Hub, tmp_path: Path) -> None:
    code = """
from dataclasses import replace
from pipeline.models.download import bytes_to_download, download_model, is_downloaded
from pipeline.models.lora import Lora
from pipeline.models.registry import MODELS
names = "tiny/loras/one.safetensors", "tiny/loras/more/two.safetensors"
bare = replace(MODELS["ltx-video-13b"], repository="tiny/ltx", own_loras=())
spec = replace(bare, own_loras=tuple(map(Lora, names)))
print(bytes_to_download(spec) - bytes_to_download(bare))
download_model(bare)
print(is_downloaded(bare), is_downloaded(spec))
download_model(spec)
print(is_downloaded(spec), bytes_to_download(spec))
"""
    asked = run("-c", code, home=tmp_path / "home", HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="0")
    assert asked.returncode == 0, asked.stderr
    num_bytes = len("one.safetensors") + len("more/two.safetensors")  # what the files contain
    assert asked.stdout.split() == [str(num_bytes), "True", "False", "True", "0"]
    assert hub.downloads[-2:] == ["tiny/loras/one.safetensors", "tiny/loras/more/two.safetensors"]


def test_a_lora_that_cannot_be_had_is_one_sentence(hub: Hub, tmp_path: Path) -> None:
    hub.claimed_bytes["one.safetensors"] = 10**15
    sentences = {
        "tiny/loras": "A LoRA is one .safetensors file, but 'tiny/loras' has several: more",
        "tiny/loras/three.bin": "'tiny/loras/three.bin' is not a .safetensors file, and other",
        "tiny/loras/four.safetensors": "The LoRA 'tiny/loras/four.safetensors' is not on this",
        "nobody/nothing": "The LoRA 'nobody/nothing' is not on this computer and could not be",
        "tiny/loras/one.safetensors": "The LoRA 'tiny/loras/one.safetensors' needs 1000000.00 GB",
        "nothing": "'nothing' is neither a file nor a place on the Hub",
        str(tmp_path): f"A LoRA is one .safetensors file, but {str(tmp_path)!r} has none",
        str(tmp_path / "x.pt"): f"{str(tmp_path / 'x.pt')!r} is not a .safetensors file",
    }
    said = fetch_loras(hub, tmp_path / "home", *sentences)
    for line, sentence in zip(said, sentences.values(), strict=True):
        assert line.startswith(sentence)
    assert hub.downloads == []


LOAD = """
import dataclasses, sys
from pathlib import Path
from pipeline.runtime.model_cache import ModelCache
from tests.tiny import CPU, LTX, tiny_models

row = dataclasses.replace(tiny_models(Path())[LTX], repository="tiny/ltx", revision="main")
told = []
model = ModelCache(CPU, {LTX: row}).load(LTX, lambda *news: told.append(news))
done, total = zip(*told)
assert done[-1] == total[-1] == max(total) and list(done) == sorted(done), told
assert model.revision in model.weights
sys.stdout.write(f"{model.pipe.transformer.config._class_name} {model.revision}")
"""


def test_the_first_use_downloads_a_model_and_says_how_far_it_is(hub: Hub, tmp_path: Path) -> None:
    more = {"HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
    loaded = run("-c", LOAD, home=tmp_path / "home", **more)
    # What "main" was then: another commit is another model.
    assert loaded.stdout == f"LTXVideoTransformer3DModel {COMMIT}", loaded.stderr
    assert "tiny/ltx/transformer/diffusion_pytorch_model.safetensors" in hub.downloads


def test_a_folder_and_the_embedded_model_are_where_they_are() -> None:
    assert download_model(MODELS[MINI]) == LocalFiles(MODELS[MINI].repository)


def test_what_a_repository_has_and_kinora_does_not_use_is_not_fetched() -> None:
    """LTX-2.3's has a processor, which rewrites prompts and has the tokenizer once more."""
    index = {"vae": ["diffusers", "AutoencoderKLLTX2Video"], "processor": ["transformers", "X"]}
    patterns = _patterns(MODELS["ltx-2.3"], index)
    assert "vae/*.safetensors" in patterns
    assert not any(pattern.startswith("processor") for pattern in patterns)
