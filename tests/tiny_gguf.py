"""Single files of tiny models' transformers, as others publish those of the real ones."""

from __future__ import annotations

from pathlib import Path

import gguf
import torch
from safetensors.torch import save_file

_BLOCK = 32  # weights that share a scale in Q4_0 and Q8_0


def save_gguf(
    transformer: torch.nn.Module, path: Path, kind: str = "Q8_0", prefix: str = ""
) -> Path:
    """Save a transformer with its matrices in GGUF's blocks, and all the rest in float32."""
    quantization = gguf.GGMLQuantizationType[kind]
    writer = gguf.GGUFWriter(path, "ltxv")
    for name, tensor in transformer.state_dict().items():
        values = tensor.float().numpy()
        if values.ndim == 2 and values.shape[1] % _BLOCK == 0 and name.endswith(".weight"):
            blocks = gguf.quants.quantize(values, quantization)
            writer.add_tensor(prefix + name, blocks, raw_dtype=quantization)
        else:
            writer.add_tensor(prefix + name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def save_fp8(transformer: torch.nn.Module, path: Path, *, is_scaled: bool = False) -> Path:
    """Save a transformer with the matrices of its blocks in fp8, plain or with scales."""
    weights = {name: tensor.clone() for name, tensor in transformer.state_dict().items()}
    for name, tensor in list(weights.items()):
        if tensor.ndim == 2 and "blocks." in name and "table" not in name:
            weights[name] = tensor.to(torch.float8_e4m3fn)
            if is_scaled:
                weights[name.replace(".weight", ".scale_weight")] = torch.ones(1)
    save_file(weights, path)
    return path
