"""Train the transformer with rectified flow, per-token timesteps and conditioning frames.

Run: torchrun --nproc-per-node 2 -m training.train --model assets/kinora-mini --data DIR --folder DIR
Two processes of one thread each, one exchange of gradients a step: beside other work this loses far
less than two threads that wait for each other at every operation. Resumes from FOLDER/state.pt.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import distributed

from pipeline.mini import PlacedLTXTransformer3DModel, SlotTextEncoder
from training.batches import (
    MAX_CONTEXT_NOISE, Batch, ShardStore, draw_clips, draw_images, drop_labels,
)  # fmt: skip
from training.data import FPS
from training.muon import Muon

logger = logging.getLogger(__name__)
CONFIG = {
    "in_channels": 96, "out_channels": 96, "num_attention_heads": 4, "attention_head_dim": 64,
    "cross_attention_dim": 256, "num_layers": 6, "caption_channels": 128,
}  # fmt: skip
TIME_SHIFT = 2.0
MAX_WORDS = 60
WARMUP_STEPS = 60
# Muon's update has a fifth of its rate as typical size; at AdamW's own rate it is too timid for short runs.
MUON_RATE_FACTOR = 3.0
EMA_DECAY = 0.998
SAVE_MINUTES = 5.0


def build_transformer() -> PlacedLTXTransformer3DModel:
    """Build the transformer with gates, modulation and output at zero: every block starts as identity."""
    torch.manual_seed(0)
    model = PlacedLTXTransformer3DModel(**CONFIG)
    for block in model.transformer_blocks:
        torch.nn.init.zeros_(block.scale_shift_table)
        block.scale_shift_table.data[[2, 5]] = 0.1
        torch.nn.init.zeros_(block.attn2.to_out[0].weight)
        torch.nn.init.zeros_(block.attn2.to_out[0].bias)
    torch.nn.init.zeros_(model.time_embed.linear.weight)
    torch.nn.init.zeros_(model.time_embed.linear.bias)
    torch.nn.init.zeros_(model.proj_out.weight)
    torch.nn.init.zeros_(model.proj_out.bias)
    return model


def video_coords(is_start: torch.Tensor, num_frames: int, height: int, width: int) -> torch.Tensor:
    """Return token coordinates (B, 3, T h w): seconds and pixels, as `LTXConditionPipeline` counts.

    A clip's first latent frame is one frame long. A window from the middle has latent frames 1 to T:
    all eight frames long, which the even spacing in time tells the model.
    """
    axes = (torch.arange(n).float() for n in (num_frames, height, width))
    f, h, w = (x.expand(len(is_start), -1, -1, -1) for x in torch.meshgrid(*axes, indexing="ij"))
    f = f + (~is_start).float()[:, None, None, None]
    seconds = (f * 8 - 7).clamp(min=0) / FPS
    return torch.stack([seconds, h * 32, w * 32], dim=1).flatten(2)


def draw_times(rng: np.random.Generator, size: int) -> torch.Tensor:
    """Draw logit-normal times (B,), shifted towards noise."""
    t = 1 / (1 + np.exp(-rng.normal(size=size)))
    return torch.from_numpy(TIME_SHIFT * t / (1 + (TIME_SHIFT - 1) * t)).float()


def flow_loss(
    model: PlacedLTXTransformer3DModel,
    text: SlotTextEncoder,
    batch: Batch,
    rng: np.random.Generator,
) -> torch.Tensor:
    """Weighted squared error of the predicted velocity (noise - latents) on the tokens to denoise."""
    size, _, frames, height, width = batch.latents.shape
    labels = drop_labels(batch.labels, rng)
    with torch.no_grad():
        probabilities = [
            torch.nn.functional.one_hot(labels[:, i], head.out_features).float()
            for i, head in enumerate(text.heads)
        ]
        slots = text.embed_slots(probabilities)  # (B, S, D)
    # The words behind the slots are n equal zero vectors at run time; one of them with log n added to
    # its attention score is the same.
    embeds = torch.cat([slots, torch.zeros_like(slots[:, :1])], dim=1)
    bias = torch.zeros(size, 1, embeds.shape[1])
    bias[:, 0, -1] = torch.from_numpy(np.log(rng.integers(1, MAX_WORDS, size)))

    # Context tokens are given nearly clean, at their own time; half of them exactly clean.
    noisy = rng.random(size) < 0.5
    context_times = torch.from_numpy(np.where(noisy, rng.uniform(0, MAX_CONTEXT_NOISE, size), 0.0))
    times = torch.where(batch.context, context_times[:, None].float(), draw_times(rng, size)[:, None])
    sigma = times[:, None, :, None, None]  # (B, 1, T, 1, 1)
    noise = torch.from_numpy(rng.standard_normal(batch.latents.shape, np.float32))
    noised = (1 - sigma) * batch.latents + sigma * noise

    def pack(x: torch.Tensor) -> torch.Tensor:
        return x.flatten(2).transpose(1, 2)  # (B, C, T, h, w) -> (B, T h w, C)

    if batch.context.any():
        timestep = times[:, :, None].expand(-1, -1, height * width).flatten(1)
    else:
        timestep = times[:, :1]
    velocity = model(
        hidden_states=pack(noised),
        encoder_hidden_states=embeds,
        timestep=timestep * 1000,
        encoder_attention_mask=bias,
        video_coords=video_coords(batch.is_start, frames, height, width),
        return_dict=False,
    )[0]
    error = (velocity - pack(noise - batch.latents)).square().mean(-1)  # (B, T h w)
    weights = (batch.weights * ~batch.context[:, :, None, None]).flatten(1)
    return (error * weights).sum() / weights.sum()


def split_parameters(
    model: PlacedLTXTransformer3DModel,
) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    """Split into the blocks' matrices (Muon) and all else (AdamW)."""
    matrices = [
        p for n, p in model.named_parameters()
        if n.startswith("transformer_blocks") and n.endswith("weight") and p.ndim == 2
    ]  # fmt: skip
    chosen = {id(p) for p in matrices}
    return matrices, [p for p in model.parameters() if id(p) not in chosen]


def average_gradients(model: torch.nn.Module) -> None:
    """Average all gradients over the processes in one exchange."""
    grads = [p.grad for p in model.parameters()]
    flat = torch.cat([g.flatten() for g in grads])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    norm = flat.norm()
    if norm > 1.0:
        flat /= norm
    for grad, part in zip(grads, flat.split([g.numel() for g in grads]), strict=True):
        grad.copy_(part.view_as(grad))


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder with text_encoder/")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=120, help="length of this run")
    parser.add_argument("--decay-minutes", type=float, default=20, help="linear decay at its end")
    parser.add_argument("--image-minutes", type=float, default=30, help="stills only, at first")
    parser.add_argument("--image-share", type=float, default=0.35, help="share of stills later on")
    parser.add_argument("--lr", type=float, default=1.5e-3)
    return parser.parse_args()


def main() -> None:
    """Train until the time is up; save state and the averaged weights every few minutes."""
    args = parse_args()
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    logging.basicConfig(level=logging.INFO if rank == 0 else logging.WARNING, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    args.folder.mkdir(parents=True, exist_ok=True)
    text = SlotTextEncoder.from_pretrained(args.model / "text_encoder", dtype=torch.float32)
    model = build_transformer()
    matrices, rest = split_parameters(model)
    optimizers = [Muon(matrices, lr=args.lr), torch.optim.AdamW(rest, lr=args.lr, betas=(0.9, 0.95), weight_decay=0.01)]
    average = [p.detach().clone() for p in model.parameters()]
    step, minutes = 0, 0.0
    state_path = args.folder / "state.pt"
    if state_path.exists():
        state = torch.load(state_path, weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        average, step, minutes = state["average"], state["step"], state["minutes"]
        logger.info("resumed at step %d after %.1f minutes", step, minutes)

    store = ShardStore(args.data)
    begin, saved_at, shown, losses = time.monotonic(), time.monotonic(), time.monotonic(), []
    while True:
        # One clock decides for all processes.
        elapsed = torch.tensor((time.monotonic() - begin) / 60)
        distributed.broadcast(elapsed, 0)
        if elapsed >= args.minutes:
            break
        if step % 50 == 0 or not store.seen:
            store.refresh()
        rng = np.random.default_rng((step, rank, 77))
        is_early = minutes + elapsed < args.image_minutes
        if is_early or rng.random() < args.image_share or not store.count("clips"):
            kind, batch = "image", draw_images(store, rng)
        else:
            kind, batch = "clip", draw_clips(store, rng, int(rng.choice([2, 3, 4, 7], p=[0.2, 0.4, 0.2, 0.2])))
        loss = flow_loss(model, text, batch, rng)
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=False)
        for p in model.parameters():
            p.grad = torch.zeros_like(p) if p.grad is None else p.grad
        loss.backward()
        average_gradients(model)
        rate = args.lr * min(1.0, (step + 1) / WARMUP_STEPS)
        if args.decay_minutes:
            rate *= min(1.0, max(0.02, (args.minutes - elapsed.item()) / args.decay_minutes))
        for optimizer, factor in zip(optimizers, (MUON_RATE_FACTOR, 1.0), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            optimizer.step()
        decay = min(EMA_DECAY, (1 + step) / (10 + step))
        torch._foreach_lerp_(average, [p.detach() for p in model.parameters()], 1 - decay)
        step += 1
        losses.append((kind, loss.item()))
        if step % 20 == 0 and rank == 0:
            now = time.monotonic()
            row = {k: round(float(np.mean(v)), 4) for k in ("image", "clip") if (v := [x for n, x in losses if n == k])}
            row |= {"step": step, "minutes": round(minutes + elapsed.item(), 2), "seconds": round((now - shown) / 20, 2), "rate": rate}
            row |= {"images": store.count("images"), "clips": store.count("clips")}
            logger.info("%s", json.dumps(row))
            losses, shown = [], now
            if not math.isfinite(loss.item()):
                raise FloatingPointError(f"loss {loss.item()} at step {step}")
        if rank == 0 and (time.monotonic() - saved_at) / 60 > SAVE_MINUTES:
            save(args.folder, model, optimizers, average, step, minutes + elapsed.item())
            saved_at = time.monotonic()
    if rank == 0:
        save(args.folder, model, optimizers, average, step, minutes + (time.monotonic() - begin) / 60)
    distributed.destroy_process_group()


def save(
    run: Path,
    model: PlacedLTXTransformer3DModel,
    optimizers: list[torch.optim.Optimizer],
    average: list[torch.Tensor],
    step: int,
    minutes: float,
) -> None:
    """Write the state to resume from, then the averaged weights as a model folder."""
    state = {
        "model": model.state_dict(), "optimizers": [o.state_dict() for o in optimizers],
        "average": average, "step": step, "minutes": minutes,
    }  # fmt: skip
    partial = run / "state.part"
    torch.save(state, partial)
    partial.replace(run / "state.pt")
    shipped = PlacedLTXTransformer3DModel(**CONFIG)
    for p, mean in zip(shipped.parameters(), average, strict=True):
        p.data.copy_(mean)
    shipped.half().save_pretrained(run / "transformer")


if __name__ == "__main__":
    main()
