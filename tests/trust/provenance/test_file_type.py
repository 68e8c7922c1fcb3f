"""What a file is follows from its content, not from its name or its brand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.trust.provenance.file_type import mime_type
from tests.credentials import replace_once
from tests.sources import make_clip


@pytest.mark.parametrize("brand", [b"avif", b"avis", b"heic", b"mif1", b"junk", b"isom"])
def test_a_film_stays_one_whatever_its_brand_says(tmp_path: Path, brand: bytes) -> None:
    """A film with the brand of a picture was looked at as a picture."""
    path = replace_once(make_clip(tmp_path / "clip.mp4"), b"ftypisom", b"ftyp" + brand)
    assert mime_type(path) == "video/mp4"


@pytest.mark.parametrize("brand", [b"avif", b"isom"])
def test_a_picture_stays_one_whatever_its_brand_says(tmp_path: Path, brand: bytes) -> None:
    path = tmp_path / "picture.avif"
    Image.fromarray(np.full((64, 96, 3), 90, np.uint8)).save(path)
    assert mime_type(replace_once(path, b"ftypavif", b"ftyp" + brand)).startswith("image/")


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\0\x18ftyp", b"\0\0\0\x08ftypisom" * 2, b"\0\0\0\x10ftypisom" + bytes(40)],
)
def test_a_file_that_is_cut_off_is_told_without_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert mime_type(path)


def test_a_file_of_nothing_but_empty_boxes_is_told_in_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\0\0\0\x10ftypisom" + b"\0\0\0\x08free" * 1_000_000)
    assert mime_type(path) == "video/mp4"


def test_a_box_that_claims_more_than_any_file_holds_ends_the_search(tmp_path: Path) -> None:
    """Beyond 2^63 the file could not be positioned, and Verify failed."""
    path = tmp_path / "huge.avif"
    begin = (16).to_bytes(4, "big") + b"ftypavif" + bytes(4)
    path.write_bytes(begin + (1).to_bytes(4, "big") + b"meta" + b"\xff" * 8 + bytes(64))
    assert mime_type(path) == "image/avif"
