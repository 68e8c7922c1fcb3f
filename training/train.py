"""Train the transformer with rectified flow, per-token timesteps and conditioning frames.

It learns what comes after, and before, pictures and clips of which nothing but the camera is known:
scenes that are staged are all in the guide's and the portraits' hands.

Run: torchrun --nproc-per-node 2 -m training.train --model DIR --init DIR --data DIR --folder DIR
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

from pipeline.mini import AutoencoderKinora, GuidedLTXTransformer3DModel, SlotTextEncoder
from pipeline.mini.recall import recall
from training.batches import MAX_CONTEXT_NOISE, Batch, ShardStore, draw_clips, forget_scene
from training.data import FPS
from training.muon import Muon
from training.process import average_gradients, minutes_since, save_state, start_process

logger = logging.getLogger(__name__)
CONFIG = {
    "num_attention_heads": 4, "attention_head_dim": 64, "cross_attention_dim": 256,
    "num_layers": 6, "caption_channels": 128,
}  # fmt: skip
PORTRAITS = {"width": 320, "depth": 3, "num_layers": 10}
TIME_SHIFT = 8.0
ALL_NOISE_SHARE = 0.5
MAX_WORDS = 60
WARMUP_STEPS = 60
# Muon's update has a fifth of its rate as typical size: at AdamW's own rate it is timid.
MUON_RATE_FACTOR = 3.0
EMA_DECAY = 0.995
SAVE_MINUTES = 5.0
LOG_STEPS = 20
# Latent frames of a training window, and how often each length is drawn.
WINDOW_SHARES = {2: 0.2, 3: 0.4, 4: 0.2, 7: 0.2}


def build_transformer(deviations: list[float]) -> GuidedLTXTransformer3DModel:
    """Build the transformer with modulation and output at zero: blocks start near identity.

    `deviations` are those of normalized latents, one for each channel.
    """
    torch.manual_seed(0)
    channels = {"in_channels": len(deviations), "out_channels": len(deviations)}
    model = GuidedLTXTransformer3DModel(**CONFIG, **channels, latent_deviations=deviations)
    for block in model.transformer_blocks:
        torch.nn.init.zeros_(block.scale_shift_table)
        block.scale_shift_table.data[[2, 5]] = 0.4
        torch.nn.init.zeros_(block.attn2.to_out[0].weight)
        torch.nn.init.zeros_(block.attn2.to_out[0].bias)
    torch.nn.init.zeros_(model.time_embed.linear.weight)
    torch.nn.init.zeros_(model.time_embed.linear.bias)
    # The guide comes in with unit variance: what it says is what most of a picture follows from.
    for layer, gain in ((model.guide.read_place, 1.5), (model.guide.read_words, 1.0)):
        torch.nn.init.normal_(layer.weight, std=gain * layer.in_features**-0.5)
    torch.nn.init.zeros_(model.guide.guess.weight)
    torch.nn.init.zeros_(model.proj_out.weight)
    torch.nn.init.zeros_(model.proj_out.bias)
    return model


def video_coords(is_start: torch.Tensor, num_frames: int, height: int, width: int) -> torch.Tensor:
    """Return token coordinates (B, 3, T h w): seconds and pixels, as `LTXConditionPipeline` counts.

    A clip's first latent frame is one frame long. A window from the middle has latent frames 1 to
    T: all eight frames long, which the even spacing in time tells the model.
    """
    axes = (torch.arange(n).float() for n in (num_frames, height, width))
    f, h, w = (x.expand(len(is_start), -1, -1, -1) for x in torch.meshgrid(*axes, indexing="ij"))
    f = f + (~is_start).float()[:, None, None, None]
    seconds = (f * 8 - 7).clamp(min=0) / FPS
    return torch.stack([seconds, h * 32, w * 32], dim=1).flatten(2)


def draw_times(rng: np.random.Generator, size: int) -> torch.Tensor:
    """Draw logit-normal times (B,), shifted towards noise; some are all noise."""
    t = 1 / (1 + np.exp(-rng.normal(size=size)))
    t = TIME_SHIFT * t / (1 + (TIME_SHIFT - 1) * t)
    return torch.from_numpy(np.where(rng.random(size) < ALL_NOISE_SHARE, 1.0, t)).float()


@torch.no_grad()
def embed_labels(text: SlotTextEncoder, labels: torch.Tensor) -> torch.Tensor:
    """Embed labels (B, S) as a sure reader of the words would: (B, S, D)."""
    return text.embed_slots(
        [
            torch.nn.functional.one_hot(labels[:, i], head.out_features).float()
            for i, head in enumerate(text.heads)
        ]
    )


def recall_batch(vae: AutoencoderKinora, batch: Batch, tracks: torch.Tensor) -> torch.Tensor:
    """Move what each sample is given along its camera's path: (B, C, T, h, w)."""
    parts = []
    for index, context in enumerate(batch.context):
        at_end = not context[0]
        known = int(context.nonzero()[0 if at_end else -1])
        one = slice(index, index + 1)
        parts.append(recall(vae, batch.latents[one], tracks[one], known, at_end=at_end))
    return torch.cat(parts)


def flow_loss(
    model: GuidedLTXTransformer3DModel,
    text: SlotTextEncoder,
    vae: AutoencoderKinora,
    batch: Batch,
    rng: np.random.Generator,
) -> torch.Tensor:
    """Return the weighted squared error of the velocity (noise - latents) on the fresh tokens."""
    size, _, frames, height, width = batch.latents.shape
    labels, tracks = forget_scene(batch.labels, batch.tracks, rng)
    recalled = recall_batch(vae, batch, tracks)
    slots = embed_labels(text, labels)  # (B, S, D)
    # The words behind the slots are n equal zero vectors at run time; one of them with log n added
    # to its attention score is the same.
    embeds = torch.cat([slots, torch.zeros_like(slots[:, :1])], dim=1)
    bias = torch.zeros(size, 1, embeds.shape[1])
    bias[:, 0, -1] = torch.from_numpy(np.log(rng.integers(1, MAX_WORDS, size)))

    # Context tokens are given nearly clean, at their own time; half of them exactly clean.
    noisy = rng.random(size) < 0.5
    context_times = torch.from_numpy(np.where(noisy, rng.uniform(0, MAX_CONTEXT_NOISE, size), 0.0))
    times = torch.where(
        batch.context, context_times[:, None].float(), draw_times(rng, size)[:, None]
    )
    sigma = times[:, None, :, None, None]  # (B, 1, T, 1, 1)
    noise = torch.from_numpy(rng.standard_normal(batch.latents.shape, np.float32))
    noised = (1 - sigma) * batch.latents + sigma * noise

    def pack(x: torch.Tensor) -> torch.Tensor:
        return x.flatten(2).transpose(1, 2)  # (B, C, T, h, w) -> (B, T h w, C)

    velocity = model(
        hidden_states=pack(noised),
        encoder_hidden_states=embeds,
        timestep=1000 * times[:, :, None].expand(-1, -1, height * width).flatten(1),
        encoder_attention_mask=bias,
        video_coords=video_coords(batch.is_start, frames, height, width),
        tracks=tracks,
        recalled=pack(recalled),
        return_dict=False,
    )[0]
    error = (velocity - pack(noise - batch.latents)).square().mean(-1)  # (B, T h w)
    weights = (batch.weights * ~batch.context[:, :, None, None]).flatten(1)
    return (error * weights).sum() / weights.sum()


def split_parameters(
    model: GuidedLTXTransformer3DModel,
) -> tuple[list[torch.nn.Parameter], list[torch.nn.Parameter]]:
    """Split into the blocks' matrices (Muon) and all else (AdamW)."""
    matrices = [
        p for n, p in model.named_parameters()
        if n.startswith("transformer_blocks") and n.endswith("weight") and p.ndim == 2
    ]  # fmt: skip
    chosen = {id(p) for p in matrices}
    return matrices, [p for p in model.parameters() if id(p) not in chosen]


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="has vae, text_encoder")
    parser.add_argument("--init", type=Path, help="transformer folder to start from, at first")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=120, help="length of this run")
    parser.add_argument("--decay-minutes", type=float, default=20, help="linear decay at its end")
    parser.add_argument("--lr", type=float, default=1.5e-3)
    return parser.parse_args()


class Run:
    """What a training run is made of: weights, optimizers, averaged weights, and how far it is."""

    def __init__(
        self,
        folder: Path,
        lr: float,
        deviations: list[float],
        *,
        init: Path | None = None,
    ) -> None:
        """Take up the run in `folder`, or begin one from `init` or new weights."""
        self.folder = folder
        self.lr = lr
        self.step = 0
        self.minutes = 0.0
        self.model = build_transformer(deviations)
        if init:
            shipped = GuidedLTXTransformer3DModel.from_pretrained(init)
            self.model.load_state_dict(shipped.state_dict())
        # They are trained by themselves, and silent where nothing is staged.
        self.model.guide.requires_grad_(False)
        self.model.guide.tell.requires_grad_(True)
        self.model.portraits.requires_grad_(False)
        matrices, rest = split_parameters(self.model)
        self.optimizers = {
            "muon": Muon(matrices, lr=lr),
            "adamw": torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.95), weight_decay=0.01),
        }
        self.average = [p.detach().clone() for p in self.model.parameters()]
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / "state.pt").exists():
            self._load()

    def _load(self) -> None:
        state = torch.load(self.folder / "state.pt", weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers.values(), state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.average, self.step, self.minutes = state["average"], state["step"], state["minutes"]
        logger.info("resumed at step %d after %.1f minutes", self.step, self.minutes)

    def update(self, loss: torch.Tensor, decay: float) -> float:
        """Take one step down the loss, at the rate times `decay`; return the rate."""
        self.model.zero_grad()
        loss.backward()
        average_gradients(self.model)
        rate = self.lr * min(1.0, (self.step + 1) / WARMUP_STEPS) * decay
        for name, optimizer in self.optimizers.items():
            for group in optimizer.param_groups:
                group["lr"] = rate * (MUON_RATE_FACTOR if name == "muon" else 1.0)
            optimizer.step()
        weight = 1 - min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.model.parameters()], weight)
        self.step += 1
        return rate

    def save(self, minutes: float) -> None:
        """Write the state to resume from, then the averaged weights as a model folder."""
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers.values()],
            "average": self.average,
            "step": self.step,
            "minutes": minutes,
        }
        save_state(state, self.folder / "state.pt")
        shipped = GuidedLTXTransformer3DModel.from_config(self.model.config)
        shipped.load_state_dict(self.model.state_dict())
        for p, mean in zip(shipped.parameters(), self.average, strict=True):
            p.data.copy_(mean)
        shipped.half().save_pretrained(self.folder / "transformer")


def draw_batch(store: ShardStore, step: int, rng: np.random.Generator) -> Batch:
    """Draw a batch of windows of some length.

    The length is the same for all processes, so that none waits for a longer one.
    """
    lengths, shares = zip(*WINDOW_SHARES.items(), strict=True)
    num_frames = int(np.random.default_rng((step, 78)).choice(lengths, p=shares))
    return draw_clips(store, rng, num_frames)


class Log:
    """Collects losses and writes a line of figures every `LOG_STEPS` steps."""

    def __init__(self) -> None:
        self._losses: list[float] = []
        self._begin = time.monotonic()

    def add(self, loss: float, run: Run, **figures: float) -> None:
        """Note a step; raise FloatingPointError if it has gone wrong."""
        if not math.isfinite(loss):
            raise FloatingPointError(f"loss {loss} at step {run.step}")
        self._losses.append(loss)
        if run.step % LOG_STEPS:
            return
        row = {"loss": round(float(np.mean(self._losses)), 4)}
        seconds = (time.monotonic() - self._begin) / LOG_STEPS
        logger.info(
            "%s", json.dumps({"step": run.step} | row | {"seconds": round(seconds, 2)} | figures)
        )
        self.__init__()


def main() -> None:
    """Train until the time is up; save state and the averaged weights every few minutes."""
    args = parse_args()
    rank = start_process()
    text = SlotTextEncoder.from_pretrained(args.model / "text_encoder", dtype=torch.float32)
    vae = AutoencoderKinora.from_pretrained(args.model / "vae", torch_dtype=torch.float32)
    deviations = vae.normalized_deviations.tolist()
    run = Run(args.folder, args.lr, deviations, init=args.init)
    store, log = ShardStore(args.data), Log()
    begin = saved_at = time.monotonic()
    while True:
        elapsed = minutes_since(begin)
        minutes = run.minutes + elapsed
        if elapsed >= args.minutes:
            break
        if run.step % 50 == 0 or not store.seen:
            store.refresh()
        rng = np.random.default_rng((run.step, rank, 77))
        batch = draw_batch(store, run.step, rng)
        loss = flow_loss(run.model, text, vae, batch, rng)
        left = (args.minutes - elapsed) / max(args.decay_minutes, 1e-6)
        rate = run.update(loss, decay=min(1.0, max(0.02, left)))
        log.add(loss.item(), run, minutes=round(minutes, 2), rate=rate, clips=store.count("clips"))
        if rank == 0 and (time.monotonic() - saved_at) / 60 > SAVE_MINUTES:
            run.save(minutes)
            saved_at = time.monotonic()
    if rank == 0:
        run.save(minutes)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
