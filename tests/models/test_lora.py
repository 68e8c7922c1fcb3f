"""LoRAs as they are asked for: text and JSON into names and weights, and what is refused."""

from __future__ import annotations

import json

import pytest

from pipeline.errors import InvalidRequestError
from pipeline.models.lora import MAX_LORAS, Lora, parse_loras

TWO = (Lora("owner/name", 0.8), Lora("owner/other/file.safetensors", -0.5))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", ()),
        (None, ()),
        ([], ()),
        ("\n  \n", ()),
        ("owner/name", (Lora("owner/name", 1.0),)),
        ("owner/name 0.8\n\nowner/other/file.safetensors   -0.5\n", TWO),
        ('[{"lora": "owner/name", "weight": 0.8}]', TWO[:1]),
        ([{"lora": "owner/name", "weight": 0.8}, TWO[1]], TWO),
        ([{"lora": " owner/name "}], (Lora("owner/name", 1.0),)),
        ("/my files/a lora.safetensors 1.5", (Lora("/my files/a lora.safetensors", 1.5),)),
        ("/my files/a lora.safetensors", (Lora("/my files/a lora.safetensors", 1.0),)),
        ([{"lora": "owner/name", "weight": 2}], (Lora("owner/name", 2.0),)),
        (
            "high: a/b/one.safetensors 0.8\nLow: a/b/two.safetensors",
            (Lora("a/b/one.safetensors", 0.8, "high"), Lora("a/b/two.safetensors", 1.0, "low")),
        ),
        ([{"lora": "a/b", "weight": 1, "expert": "low"}], (Lora("a/b", 1.0, "low"),)),
        ("high: a/b\nlow: a/b", (Lora("a/b", 1.0, "high"), Lora("a/b", 1.0, "low"))),
        ("C:/loras/style.safetensors 0.5", (Lora("C:/loras/style.safetensors", 0.5),)),
    ],
)
def test_text_and_json_say_the_same(given: object, expected: tuple[Lora, ...]) -> None:
    assert parse_loras(given) == expected


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("owner/name 2.5", "The weight of the LoRA 'owner/name' is 2.5, but it must be a number"),
        ("owner/name nan", "is nan, but it must be a number from -2 to 2"),
        ([{"lora": "a/b", "weight": True}], "is True, but it must be a number"),
        ([{"lora": "a/b", "weight": "1"}], "is '1', but it must be a number"),
        ("\n".join(f"a/{x}" for x in range(MAX_LORAS + 1)), "There are 5 LoRAs, but a clip can"),
        ("a/b 1\na/b 0.5", "The LoRA 'a/b' is listed twice; list it once"),
        ("[{", "The LoRAs are not valid JSON"),
        ("[1]", "A LoRA is 1, but LoRAs must be one line each"),
        ([{"name": "a/b"}], "A LoRA is {'name': 'a/b'}, but"),
        ([{"lora": ""}], "A LoRA is named '', but a name must have 1 to 500 characters"),
        ([{"lora": "x" * 501}], "but a name must have 1 to 500 characters"),
        ([{"lora": 3}], "A LoRA is named 3"),
        ([{"lora": "a/b", "expert": "all"}], "The expert of the LoRA 'a/b' is 'all', but it must"),
        (7, "The LoRAs are 7, but they must be one line each"),
    ],
)
def test_what_is_no_lora_is_refused_in_one_sentence(given: object, sentence: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_loras(given)
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_request_keeps_them_as_json() -> None:
    values = [{"lora": lora.lora, "weight": lora.weight} for lora in TWO]
    assert parse_loras(json.loads(json.dumps(values))) == TWO
