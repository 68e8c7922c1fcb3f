"""Make a contact sheet of clips: one row of frames for each prompt.

Run: python -m training.contact_sheet --model assets/kinora-mini --output sheet.png --latents 4
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from training.captions import draw_caption
from training.grammar import draw_scene
from training.sampling import add_arguments, load_engine, make_clip

NUM_COLUMNS = 4
THUMB = (256, 144)


def draw_prompts(count: int, seed: int) -> list[str]:
    """Draw complete captions of held-in scenes."""
    rng = np.random.default_rng(seed)
    return [draw_caption(draw_scene(rng), rng, complete=True)[0] for _ in range(count)]


def main() -> None:
    """Generate, and paste every prompt's frames under its words."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("--seed", type=int, default=10_000)
    args = parser.parse_args()
    engine = load_engine(args.model)
    columns = NUM_COLUMNS if args.latents > 1 else 1
    per_row = 2 if columns > 1 else 4
    width, height = THUMB[0] * columns, THUMB[1] + 16
    prompts = draw_prompts(args.prompts, args.seed)
    sheet = Image.new("RGB", (width * per_row, height * -(-len(prompts) // per_row)), "white")
    draw = ImageDraw.Draw(sheet)
    for index, prompt in enumerate(prompts):
        frames = make_clip(engine, prompt, args.latents)
        x, y = index % per_row * width, index // per_row * height
        draw.text((x + 4, y + 2), prompt, fill="black")
        for column, frame in enumerate(
            np.linspace(0, len(frames) - 1, columns).round().astype(int)
        ):
            thumb = Image.fromarray(frames[frame]).resize(THUMB)
            sheet.paste(thumb, (x + column * THUMB[0], y + 16))
    sheet.save(args.output)


if __name__ == "__main__":
    main()
