"""Make a contact sheet of clips of unselected prompts: three frames of each under its words.

Run: python -m training.contact_sheet --model DIR --output sheet.jpg --latents 7
Half of the prompts are captions of random scenes, the other half as people write them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from training.captions import draw_caption
from training.evaluation.read_prompts import written_prompts
from training.grammar import draw_scene
from training.sampling import add_arguments, load_engine, make_clip

NUM_FRAMES, PER_ROW = 3, 3  # frames of a prompt, prompts in a row
THUMB = (192, 108)
TITLE_PIXELS, TITLE_LETTERS = 16, 92


def draw_prompts(count: int, seed: int) -> list[str]:
    """Draw complete captions of held-in scenes, and as many prompts that people write."""
    rng = np.random.default_rng(seed)
    half = count // 2
    captions = [draw_caption(draw_scene(rng), rng, complete=True)[0] for _ in range(half)]
    written = [prompt for prompt, *_ in written_prompts()]
    return [*captions, *rng.choice(written, count - half, replace=False).tolist()]


def main() -> None:
    """Generate, and paste every prompt's frames under its words."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--prompts", type=int, default=96)
    parser.add_argument("--seed", type=int, default=10_000)
    args = parser.parse_args()
    engine = load_engine(args.model)
    prompts = draw_prompts(args.prompts, args.seed)
    width, height = THUMB[0] * NUM_FRAMES, THUMB[1] + TITLE_PIXELS
    sheet = Image.new("RGB", (width * PER_ROW, height * -(-len(prompts) // PER_ROW)), "white")
    draw = ImageDraw.Draw(sheet)
    for index, prompt in enumerate(prompts):
        frames = make_clip(engine, prompt, args.latents, index)
        x, y = index % PER_ROW * width, index // PER_ROW * height
        draw.text((x + 4, y + 2), prompt[:TITLE_LETTERS], fill="black")
        for column, frame in enumerate(np.linspace(0, len(frames) - 1, NUM_FRAMES).astype(int)):
            thumb = Image.fromarray(frames[frame]).resize(THUMB)
            sheet.paste(thumb, (x + column * THUMB[0], y + TITLE_PIXELS))
    sheet.save(args.output, quality=82)


if __name__ == "__main__":
    main()
