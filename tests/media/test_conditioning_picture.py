"""A given picture as a model is shown it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers.pipelines.ltx2.utils import apply_image_conditioning_crf

from pipeline.media.conditioning_picture import compress, soften
from tests.tiny import picture


def test_a_blur_is_a_gaussian_of_three_pixels_with_mirrored_edges() -> None:
    frame = picture()
    weights = torch.exp(-0.5 * torch.tensor([-1.0, 0.0, 1.0]) ** 2)
    kernel = torch.outer(weights, weights) / weights.sum() ** 2
    x = torch.from_numpy(frame).permute(2, 0, 1)[:, None].float()  # (3, 1, H, W)
    x = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="reflect")
    expected = torch.nn.functional.conv2d(x, kernel[None, None])[:, 0].permute(1, 2, 0).numpy()
    assert np.abs(soften(frame, 1.0) - expected).max() <= 0.51
    flat = np.full((8, 12, 3), 77, np.uint8)
    np.testing.assert_array_equal(soften(flat, 1.0), flat)


@pytest.mark.parametrize("crf", [29, 33])
def test_compression_is_that_of_the_authors_as_diffusers_has_it(crf: int) -> None:
    frame = picture(96, 64)
    compressed = compress(frame, crf)
    np.testing.assert_array_equal(compressed, apply_image_conditioning_crf(frame, crf))
    np.testing.assert_array_equal(compressed, compress(frame, crf))
    assert compressed.shape == frame.shape
    assert compressed.dtype == np.uint8


def test_a_stronger_compression_is_farther_from_the_picture() -> None:
    frame = picture(96, 64)
    errors = [np.abs(compress(frame, crf).astype(int) - frame).mean() for crf in (10, 29, 45)]
    assert errors == sorted(errors)
    assert errors[-1] > 2 * errors[0]
