"""Who may come in, by the environment; and who somebody is."""

from __future__ import annotations

import logging
import math

import pytest

from http_api.access import ApiAccess
from page.auth import AccessPolicy, client_id_of, read_access, read_allowance
from pipeline.errors import KinoraError
from pipeline.rate_limits import PUBLIC, Allowance

VARIABLES = ("KINORA_PASSWORD", "KINORA_HOSTS", "KINORA_MAX_JOBS_AT_ONCE")
VARIABLES += ("KINORA_MAX_JOBS_AN_HOUR", "GRADIO_SHARE", "GRADIO_SERVER_NAME", "SYSTEM", "SPACE_ID")


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("SPACE_ID", "somebody/kinora")


def test_ones_own_computer_is_open_to_itself_and_without_limits() -> None:
    own = ApiAccess(trusts_this_computer=True)
    assert read_access() == AccessPolicy(hosts=("localhost",), api=own)
    assert read_allowance() == Allowance()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GRADIO_SHARE", "True"),
        ("GRADIO_SERVER_NAME", "0.0.0.0"),
        ("KINORA_HOSTS", "kinora.example.org"),
    ],
)
def test_where_others_come_there_are_limits(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert read_allowance() == PUBLIC


@pytest.mark.usefixtures("space")
def test_a_space_has_limits_and_may_be_called_by_any_name() -> None:
    assert read_allowance() == PUBLIC
    assert read_access() == AccessPolicy()


def test_a_limit_can_be_chosen_or_lifted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KINORA_MAX_JOBS_AT_ONCE", "7")
    assert read_allowance().jobs_at_once == 7
    monkeypatch.setenv("GRADIO_SHARE", "true")
    monkeypatch.setenv("KINORA_MAX_JOBS_AT_ONCE", "inf")
    assert read_allowance().jobs_at_once == math.inf
    for wrong in ("0", "-1", "2.5", "many", "nan"):
        monkeypatch.setenv("KINORA_MAX_JOBS_AT_ONCE", wrong)
        with pytest.raises(KinoraError, match="must be a whole number above 0, or inf"):
            read_allowance()


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("", None),
        ("secret", ("kinora", "secret")),
        ("ann:secret", ("ann", "secret")),
    ],
)
def test_a_password_comes_with_or_without_a_name(
    monkeypatch: pytest.MonkeyPatch, text: str, login: tuple[str, str] | None
) -> None:
    monkeypatch.setenv("KINORA_PASSWORD", text)
    assert read_access().login == login


@pytest.mark.parametrize("text", [":secret", "ann:"])
def test_half_a_password_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("KINORA_PASSWORD", text)
    with pytest.raises(KinoraError, match="a name and a password as in name:password"):
        read_access()


def test_a_share_link_without_a_password_is_told_of_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    read_access().warn()
    assert caplog.records == []
    assert read_access().warning == ""
    assert "everyone who has it can make clips" in read_access(share=True).warning
    read_access(share=True).warn()
    monkeypatch.setenv("GRADIO_SHARE", "True")
    read_access().warn()
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert all("set KINORA_PASSWORD" in record.getMessage() for record in caplog.records)
    caplog.clear()
    monkeypatch.setenv("KINORA_PASSWORD", "secret")
    read_access().warn()
    assert caplog.records == []


def test_a_share_link_and_chosen_names_lead_here_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ".gradio.live" in read_access(share=True).hosts
    monkeypatch.setenv("KINORA_HOSTS", "Kinora.example.org, other.example.org")
    assert read_access().hosts == ("kinora.example.org", "other.example.org", "localhost")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:bbbb::2", "2001:db8:1:2::/64"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_who_asks_is_an_address_or_a_household(address: str, name: str) -> None:
    assert client_id_of({}, address) == name


def test_a_header_that_anybody_can_write_names_nobody_but_on_a_space(
    request: pytest.FixtureRequest,
) -> None:
    forged = {"x-forwarded-for": "203.0.113.7, 10.0.0.1"}
    assert client_id_of(forged, "192.0.2.1") == "192.0.2.1"
    request.getfixturevalue("space")
    assert client_id_of(forged, "10.0.0.2") == "203.0.113.7"
    assert client_id_of({}, "10.0.0.2") == "10.0.0.2"
