"""Makes the example clips of the page, their pictures, and the picture that links show.

Run it after the weights have changed: python -m training.showcase
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image

from pipeline import programs
from pipeline.generation.generate import generate
from pipeline.media import ffmpeg
from pipeline.media.stills import read_first_picture
from pipeline.models.registry import EMBEDDED
from pipeline.planning.request import GenerationRequest
from pipeline.planning.storyboard import parse_storyboard
from pipeline.planning.validation import build_request
from pipeline.runtime.model_cache import ModelCache

ASSETS = Path(__file__).resolve().parent.parent / "assets"
EXAMPLES, PAGE = ASSETS / "examples", ASSETS / "page"
SECONDS = 3.0
WIDTH = 384  # pixels; a card of the page is 180 to 300 wide
_FILES = ("image", "video")
_PREVIEW_COLUMNS, _PREVIEW_TILE = 3, (400, 315)  # 1200 x 630 together, as sites want it


def main() -> None:
    """Make all clips and pictures."""
    folder = PAGE / "showcase"
    folder.mkdir(parents=True, exist_ok=True)
    model_cache = ModelCache()
    examples = json.loads((EXAMPLES / "examples.json").read_text(encoding="utf-8"))
    for tab, rows in examples.items():
        for row in rows:
            if source := row.get("source"):
                request = build("text_to_video", {"form": source, "seed": source["seed"]})
                _generate(request, model_cache, EXAMPLES / row["form"]["video"])
            _make(build(tab, row), model_cache, folder / row["clip"])
    clips = [folder / f"{row['clip']}.jpg" for row in examples["text_to_video"]]
    _compose(clips).save(PAGE / "preview.jpg", quality=85)


def build(tab: str, row: dict[str, Any]) -> GenerationRequest:
    """Return the request of an example; a card is wide, whatever the form says."""
    form = {name: EXAMPLES / x if name in _FILES else x for name, x in row["form"].items()}
    form |= {"model": EMBEDDED, "seed": row["seed"], "has_consent": True}
    if tab == "film":
        shots = parse_storyboard("\n".join(form.pop("text")))
        return build_request("text_to_video", shots=shots, aspect_ratio="16:9", **form)
    if tab == "remix":
        return build_request("remix_video", **form)
    if tab == "text_to_video":
        form["aspect_ratio"] = "16:9"
    return build_request(tab, duration=SECONDS, **form)


def _make(request: GenerationRequest, model_cache: ModelCache, target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        _generate(request, model_cache, clip)
        small = target.with_suffix(".mp4")
        # Beginning with an index, so that browsers play it while it comes.
        encode = ["-an", "-c:v", "libx264", "-crf", "30", "-preset", "veryslow"]
        arguments = ffmpeg.command(
            *ffmpeg.source(clip),
            *("-vf", f"scale={WIDTH}:-2:{ffmpeg.SCALE_FLAGS}", *encode),
            *("-map_metadata", "-1", "-movflags", "+faststart", "-y", str(small)),
        )
        programs.run(arguments, ffmpeg.DECODE_TIMEOUT_SECONDS).check_returncode()
    read_first_picture(small).save(target.with_suffix(".jpg"), quality=75, optimize=True)


def _generate(request: GenerationRequest, model_cache: ModelCache, output: Path) -> None:
    generate(
        request,
        model_cache=model_cache,
        output=output,
        on_progress=lambda _: None,
        is_cancelled=lambda: False,
    )


def _compose(paths: list[Path]) -> Image.Image:
    """Return the pictures side by side, cropped to tiles."""
    width, height = _PREVIEW_TILE
    rows = -(-len(paths) // _PREVIEW_COLUMNS)
    whole = Image.new("RGB", (width * _PREVIEW_COLUMNS, height * rows))
    for index, path in enumerate(paths):
        with Image.open(path) as picture:
            scale = height / picture.height
            tile = picture.resize((round(picture.width * scale), height), Image.Resampling.LANCZOS)
        left = (tile.width - width) // 2
        place = (index % _PREVIEW_COLUMNS * width, index // _PREVIEW_COLUMNS * height)
        whole.paste(tile.crop((left, 0, left + width, height)), place)
    return whole


if __name__ == "__main__":
    main()
