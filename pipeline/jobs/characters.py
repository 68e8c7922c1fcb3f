"""The characters of each owner on disk: a name, a picture, the scene it is from, and the consent.

A character's folder is <root>/<owner>/<id>, with character.json and picture.png.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import InvalidRequestError, MediaError, cannot_write
from pipeline.generation.sources import open_clip
from pipeline.jobs.files import folder_size, read_json, write_json
from pipeline.media.images import open_picture, write_picture
from pipeline.media.stills import frame_at
from pipeline.planning.characters import Character, check_name, handle_of, list_handles
from pipeline.planning.request import DEFAULT_SHOT_SECONDS, GenerationRequest, Shot

MAX_KEPT = 50  # characters of one owner
_MAX_SIDE = 1024  # pixels of a picture: models make it smaller still
_FACTS, _PICTURE = "character.json", "picture.png"
_ID = re.compile(r"char_[0-9a-f]{24}")


@dataclass(frozen=True)
class KeptCharacter:
    """A character of an owner, and when it was made (epoch)."""

    character_id: str
    created_at: float
    character: Character


class CharacterStore:
    """The folders of all characters; owners see only their own."""

    def __init__(self, root: Path, max_age: float = float("inf")) -> None:
        """Use a folder, which need not exist yet.

        Characters that were not used for `max_age` seconds are deleted.
        """
        self._root, self._max_age = root, max_age

    def add(self, owner: str, name: object, source: Path, *, has_consent: bool) -> KeptCharacter:
        """Keep what a picture or the middle of a clip shows.

        Raises InvalidRequestError for a wrong or a known name, or if there are too many, MediaError
        for a file that cannot be used, and StorageError.
        """
        name = check_name(name)
        known = self.list_all(owner)
        if any(x.character.handle == handle_of(name) for x in known):
            raise InvalidRequestError(
                f"There is a character called {name} already; delete it first, or choose another "
                "name."
            )
        if len(known) >= MAX_KEPT:
            raise InvalidRequestError(
                f"There are {len(known)} characters, the most that are kept; delete some first."
            )
        frame, scene = _look_at(source)
        folder = self._root / owner / f"char_{secrets.token_hex(12)}"
        facts = {"name": name, "created_at": time.time(), "scene": scene}
        try:
            folder.mkdir(parents=True)
            write_picture(frame, folder / _PICTURE)
            write_json(folder / _FACTS, facts | {"has_consent": has_consent})
        except OSError as exc:
            shutil.rmtree(folder, ignore_errors=True)
            raise cannot_write(exc) from exc
        return self.find(owner, folder.name)

    def find(self, owner: str, character_id: object) -> KeptCharacter:
        """Return an owner's character. Raises InvalidRequestError if there is none of that id."""
        if owner and isinstance(character_id, str) and _ID.fullmatch(character_id):
            folder = self._root / owner / character_id
            if kept := _read(folder):
                return kept
        raise InvalidRequestError(
            f"There is no character {str(character_id)[:40]!r}; check the id, or make it again."
        )

    def list_all(self, owner: str) -> list[KeptCharacter]:
        """List an owner's characters, the oldest first; those that are too old go."""
        folder = self._root / owner
        if not owner or not folder.is_dir():
            return []
        found = []
        for path in folder.iterdir():
            kept = _read(path)
            if kept is not None and time.time() - path.stat().st_mtime > self._max_age:
                shutil.rmtree(path, ignore_errors=True)
            elif kept is not None:
                found.append(kept)
        return sorted(found, key=lambda kept: kept.created_at)

    def delete(self, owner: str, character_id: object) -> None:
        """Delete an owner's character; clips that show it stay. Raises as `find` does."""
        shutil.rmtree(self.find(owner, character_id).character.image.parent, ignore_errors=True)

    def called_in(self, owner: str, prompts: Iterable[str]) -> list[Character]:
        """Return the owner's characters that prompts call; all are in use from now on."""
        handles = list_handles(prompts)
        kept = [x.character for x in (self.list_all(owner) if handles else ())]
        called = [character for character in kept if character.handle in handles]
        for character in called:
            with contextlib.suppress(OSError):  # it was deleted meanwhile
                os.utime(character.image.parent)
        return called

    def add_called(self, owner: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a request with the owner's characters that its prompts call.

        Those that the fields have already come first.
        """
        shots, given = fields.get("shots"), [*fields.get("characters", ())]
        prompts = [fields.get("prompt", "")] if shots is None else [x.prompt for x in shots]
        known = {character.handle for character in given}
        called = self.called_in(owner, (x for x in prompts if isinstance(x, str)))
        given += [x for x in called if x.handle not in known]
        return fields | {"characters": given} if given else fields

    def num_bytes(self) -> int:
        """Return the size of all characters in bytes."""
        return folder_size(self._root)

    def shrink(self, num_bytes: int, kept: Collection[Path]) -> int:
        """Delete nothing: they are small, and nobody can make them again."""
        del num_bytes, kept
        return 0


def _look_at(source: Path) -> tuple[np.ndarray, Mapping[str, Any] | None]:
    """Return a picture, or the middle frame of a clip with its scene. Raises MediaError."""
    try:
        picture = open_picture(source)
    except MediaError:
        clip = open_clip(source)
        middle = clip.info.num_frames // 2
        scene = clip.scene_at(middle) or clip.memories.get("first")
        return frame_at(clip.path, clip.info, float(middle / clip.info.fps)), scene
    picture.thumbnail((_MAX_SIDE, _MAX_SIDE))
    return np.asarray(picture), None


def _read(folder: Path) -> KeptCharacter | None:
    values = read_json(folder / _FACTS)
    if values is None:
        return None
    try:
        has_consent, scene = values["has_consent"] is True, values["scene"]
        character = Character(str(values["name"]), folder / _PICTURE, scene, has_consent)
        return KeptCharacter(folder.name, float(values["created_at"]), character)
    except (KeyError, TypeError, ValueError):  # damaged
        return None


def request_showing(character: Character, model: str) -> GenerationRequest:
    """Return a request that shows a character, to review its name and its picture."""
    shot = Shot(character.name, DEFAULT_SHOT_SECONDS)
    return GenerationRequest("text_to_video", (shot,), model, characters=(character,))
