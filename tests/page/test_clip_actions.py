"""What a copied link contains."""

from __future__ import annotations

from pathlib import Path

from page.clip_actions import _shareable
from page.form_values import form_of_request
from pipeline.models.lora import Lora
from pipeline.planning.request import GenerationRequest, Shot

SECRET = Path("/home/ada/secret.png")


def test_a_link_has_the_words_and_the_settings_but_no_file_and_no_place_of_one() -> None:
    loras = (Lora("owner/name", 0.5), Lora("/home/ada/secret.safetensors", 1.0, "low"))
    shots = (Shot("one", 1.0, image=SECRET), Shot("two", 2.0))
    for request in (
        GenerationRequest("text_to_video", shots, "C:\\ada\\secret", loras=loras),
        GenerationRequest(
            "image_to_video", shots[1:], "/ada/secret", image=SECRET, has_consent=True
        ),
    ):
        shared = _shareable(form_of_request(request))
        assert "secret" not in str(shared)
        assert not {"model", "image", "video", "has_consent", "visitor", "job_id"} & shared.keys()
    pieces = tuple(Shot("", 1.0, video=SECRET) for _ in range(2))
    assert "secret" not in str(
        _shareable(form_of_request(GenerationRequest("cut_video", pieces, "")))
    )
    film = _shareable(form_of_request(GenerationRequest("text_to_video", shots, "kinora-mini")))
    assert [shot["prompt"] for shot in film["shots"]] == ["one", "two"]
    assert film["model"] == "kinora-mini"
    assert _shareable(form_of_request(request))["prompt"] == "two"
