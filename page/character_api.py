"""The endpoints for characters, which belong to whoever knows their owner's secret."""

# No `from __future__ import annotations` here: gr.api needs return types, not their names.
from typing import Any

import gradio as gr

from page.auth import client_id
from page.errors import plain_errors
from page.parameters import Fields
from page.uploads import uploaded
from pipeline.errors import InvalidRequestError
from pipeline.jobs.characters import KeptCharacter
from pipeline.jobs.history import visitor_key
from pipeline.planning.characters import mark_names, mark_shots
from pipeline.planning.field_checks import check_flag
from pipeline.studio import Studio

MIN_OWNER, MAX_OWNER = 16, 200  # letters and signs of a secret; shorter ones can be guessed


class CharacterEndpoints:
    """Makes, lists and deletes characters, as the page does for its visitors."""

    def __init__(self, studio: Studio) -> None:
        """Serve the characters of a studio."""
        self._studio = studio

    async def create_character(
        self, video: gr.FileData, name: str, owner: str, has_consent: bool = False
    ) -> dict[str, Any]:
        """Keep what the middle of a clip, or a picture, shows, to be called by @name in prompts.

        name: letters, digits, spaces and hyphens; "Mia Lu" is called by @mia-lu. owner: a secret
        of 16 characters or more that you choose; whoever sends it can use, list and delete the
        character. has_consent: everyone shown has agreed. Returns "id", "name" and "handle".
        """
        with plain_errors():
            path = uploaded("clip", video)
            who = _needed(owner), client_id()
            consent = check_flag("consent", has_consent)
            kept = await self._studio.keep_character(*who, name, path, has_consent=consent)
            return _describe(kept)

    def characters(self, owner: str) -> list[dict[str, Any]]:
        """List the characters of an owner, the oldest first, as /create_character returns them."""
        with plain_errors():
            return [_describe(x) for x in self._studio.characters.list_all(_needed(owner))]

    def delete_character(self, character_id: str, owner: str) -> dict[str, Any]:
        """Delete a character of an owner; clips that show it stay."""
        with plain_errors():
            self._studio.characters.delete(_needed(owner), character_id)
            return {"id": character_id, "deleted": True}


def read_owner(secret: object) -> str:
    """Return the key of an owner, empty without one. Raises InvalidRequestError for a short one.

    The message does not show it.
    """
    if secret in (None, ""):
        return ""
    if not isinstance(secret, str) or not MIN_OWNER <= len(secret) <= MAX_OWNER:
        raise InvalidRequestError(
            f"The owner must be a secret text of {MIN_OWNER} to {MAX_OWNER} characters; make one "
            "with python -c 'import secrets; print(secrets.token_urlsafe(16))'."
        )
    return visitor_key(secret)


def name_characters(studio: Studio, fields: Fields) -> str:
    """Put characters in the place of their ids in an endpoint's fields; return the owner's key.

    Raises InvalidRequestError for a wrong owner, or an id that is not of one of theirs.
    """
    owner, ids = read_owner(fields.pop("owner", "")), fields.pop("characters", None) or ()
    if not ids:
        return owner
    if not owner:
        raise InvalidRequestError(
            "Characters are named, but not whose they are; send the owner they were made with."
        )
    if not isinstance(ids, list):
        raise InvalidRequestError("The characters must be a list of ids from /create_character.")
    given = [studio.characters.find(owner, x).character for x in ids]
    if "shots" in fields:
        fields["shots"] = mark_shots(fields["shots"], given)
    elif isinstance(fields["prompt"], str):
        fields["prompt"] = mark_names(fields["prompt"], given)
    fields["characters"] = given
    return owner


def _needed(secret: object) -> str:
    if owner := read_owner(secret):
        return owner
    raise InvalidRequestError("There is no owner; choose a secret text, and send it each time.")


def _describe(kept: KeptCharacter) -> dict[str, Any]:
    character = kept.character
    return {"id": kept.character_id, "name": character.name, "handle": f"@{character.handle}"}
