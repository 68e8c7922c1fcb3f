"""Linear layers in eight bits: near the layer they replace, whatever the tokens' sizes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pipeline.runtime import int8_linear
from pipeline.runtime.int8_linear import Int8Linear, use_int8


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [True, False])
def test_the_product_differs_by_a_hundredth(dtype: torch.dtype, bias: bool) -> None:
    torch.manual_seed(0)
    layer, x = nn.Linear(64, 48, bias=bias), torch.randn(2, 30, 64)
    expected = layer(x)
    product = Int8Linear(layer)(x.to(dtype))
    assert product.dtype == dtype
    assert product.shape == (2, 30, 48)
    assert 0 < (product.float() - expected).norm() / expected.norm() < 0.02


def test_a_token_keeps_its_accuracy_beside_a_much_larger_one() -> None:
    """One scale for all tokens, as in torch's dynamic layers, would round the small one to 0."""
    torch.manual_seed(0)
    layer, x = nn.Linear(64, 48, bias=False), torch.randn(2, 64)
    x[0] *= 1000
    expected, product = layer(x), Int8Linear(layer)(x)
    assert (product[1] - expected[1]).norm() / expected[1].norm() < 0.02


def test_large_layers_are_replaced_and_small_ones_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(int8_linear, "_MIN_FEATURES", 32)
    module = nn.Sequential(nn.Linear(64, 32), nn.GELU(), nn.Sequential(nn.Linear(32, 8)))
    use_int8(module)
    assert isinstance(module[0], Int8Linear)
    assert type(module[2][0]) is nn.Linear
    assert module[0].weight.dtype == torch.int8
