"""Models that were fetched, kept for the next time and shared by the processes of a user.

A model is kept under the digest of its files (`manifest_digest`), so that it is there once however it is named. One
whose digest nobody knows before it is fetched is kept under a digest of its URL and what the store says of its files.

The folder has `models/KEY`, whole and read-only; `partial/KEY`, what has come of one so far; `digests/KEY`, for models
without a manifest of their own; and `locks/KEY.*`. A process that was given a model holds its lock as long as it lives,
or until it gave the model back by `release`, and the model stays. On Windows, where locks cannot be shared, only files
that are open right now keep a model.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from milepost.config import default_models_bytes, default_models_dir
from milepost.errors import ModelError
from milepost.models._locks import NotLocked, locked, share
from milepost.models.format.manifest import FILE_NAME as MANIFEST
from milepost.models.format.manifest import file_digests, verify_manifest

FETCH_TIMEOUT_S = 24 * 3600.0
"""How long to wait for another process that fetches the same model."""

Fill = Callable[[Path], Mapping[str, str]]
"""Puts the files of a model into a folder. Returns the SHA-256 of each in hexadecimal digits, by its path."""

_KEY = re.compile(r"[0-9a-f]{64}")
_READ_ONLY = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_SEARCHABLE = _READ_ONLY | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


@dataclass
class _Held:
    """The lock of a model that this process was given.

    Args:
        file: Holds it; it ends with the process.
        uses: How often the process was given the model, less how often it gave it back.
    """

    file: int
    uses: int = 1


_held: dict[tuple[int, Path], _Held] = {}
_guard = threading.Lock()


def _renew_guard() -> None:
    """A child may have been forked while a thread of its parent, which the child does not have, held the guard."""
    global _guard
    _guard = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_guard)


def release(folder: Path) -> None:
    """Gives back a model that `find` or `obtain` gave once. The last one to do so lets others remove it.

    Args:
        folder: As it was given. Nothing happens for one that is not of a cache, or was given back already.
    """
    place = (os.getpid(), folder.parent.parent / "locks" / f"{folder.name}.use")
    with _guard:
        held = _held.get(place)
        if held is None:
            return
        held.uses -= 1
        if not held.uses:
            os.close(_held.pop(place).file)


@dataclass(frozen=True)
class Entry:
    """A model in the cache.

    Args:
        key: Its name there, 64 hexadecimal digits.
        size: Bytes of its files.
        used: When it was last asked for.
        complete: Whether all of it has come.
        in_use: Whether a process has it, or fetches it.
    """

    key: str
    size: int
    used: datetime
    complete: bool
    in_use: bool


class Cache:
    """A folder of fetched models. Any number of processes and threads may use one at once.

    Args:
        root: The folder; it is made when the first model is fetched.
        max_bytes: Most bytes that models not in use take. One that is larger is kept while it is in use.
    """

    def __init__(self, root: Path, max_bytes: int) -> None:
        self.root = root
        self._max_bytes = max_bytes

    @classmethod
    def configured(cls) -> Cache:
        """The cache that the environment asks for, see `milepost.config`."""
        return cls(default_models_dir(), default_models_bytes())

    def find(self, key: str) -> Path | None:
        """The folder of a model, from now on in use by this process; None when it is not there, or not as it was.

        A manifest of the model's own is compared with the key, and vouches for the files: `load_model` checks them
        against it. Without one all files are read and compared here.
        """
        folder = self._complete(key)
        if not folder.is_dir():
            return None
        held = False
        with suppress(OSError):  # where nothing can be written, nothing is removed either
            self._hold(key)
            held = True
        with suppress(OSError):
            if self._sound(key, folder):
                return folder
        if held:
            release(folder)
        return None

    def obtain(self, key: str, size: int, fill: Fill, *, anew: bool = False) -> Path:
        """The folder of a model, from now on in use by this process. Of those who ask at once, one fetches it.

        Args:
            key: Digest of the model.
            size: Bytes to make room for.
            fill: Puts the files into a folder, where those of an attempt that broke off may lie, and checks them.
            anew: Whether to fetch it although it is there, since it turned out to be damaged.

        Raises:
            ModelError: The cache cannot be written, or another process has been fetching the model for a day.
        """
        if not anew and (found := self.find(key)) is not None:
            return found
        try:
            for name in ("models", "partial", "digests", "locks"):
                (self.root / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self._lock(key, "fetch"), timeout_s=FETCH_TIMEOUT_S):
                return self._fetched(key, size, fill, anew)
        except NotLocked as error:
            raise ModelError(f"Another process is still fetching the model: {error}") from error
        except OSError as error:
            raise ModelError(
                f"The model cannot be kept in {self.root}: {error}. MILEPOST_CACHE_DIR names another folder."
            ) from error

    def entries(self) -> list[Entry]:
        """All models, those used last first."""
        found = [self._entry(folder, complete=True) for folder in _children(self.root / "models")]
        found += [self._entry(folder, complete=False) for folder in _children(self.root / "partial")]
        return sorted(filter(None, found), key=lambda entry: entry.used, reverse=True)

    def remove(self, entry: Entry) -> bool:
        """Removes a model. Returns False, and leaves it, when it is in use."""
        kind, lock = ("models", "use") if entry.complete else ("partial", "fetch")
        try:
            with locked(self._lock(entry.key, lock), timeout_s=0):
                _discard(self.root / kind / entry.key)
        except (NotLocked, PermissionError):
            return False
        return True

    def _fetched(self, key: str, size: int, fill: Fill, anew: bool) -> Path:
        found = self.find(key)  # somebody may have fetched it meanwhile
        if found is not None:
            if not (anew and _damaged(found)):
                return found
            release(found)
        folder, partial = self._complete(key), self.root / "partial" / key
        _discard(folder)
        self._make_room(size, besides=key)
        partial.mkdir(mode=0o700, exist_ok=True)
        digests = fill(partial)
        if _manifest_digest(partial) != key:
            noted = self.root / "digests" / f".{key}.{secrets.token_hex(4)}"
            noted.write_text(json.dumps(dict(digests)))
            noted.replace(self._digests(key))
        # Held first: nobody removes it between the renaming and the first use.
        self._hold(key)
        _seal(partial)
        partial.replace(folder)
        folder.chmod(_SEARCHABLE)
        return folder

    def _sound(self, key: str, folder: Path) -> bool:
        if _manifest_digest(folder) == key:
            return True
        try:
            expected = json.loads(self._digests(key).read_bytes())
            sizes = {path: (folder / path).stat().st_size for path in expected}
        except (OSError, ValueError, TypeError):
            return False
        return bool(file_digests(folder, sizes) == expected)

    def _hold(self, key: str) -> None:
        path = self._lock(key, "use")
        path.touch(mode=0o600)
        place = (os.getpid(), path)
        with _guard:
            if place in _held:
                _held[place].uses += 1
            else:
                _held[place] = _Held(share(path))

    def _make_room(self, size: int, besides: str) -> None:
        for kind in ("models", "partial"):
            for leftover in (self.root / kind).glob(".*"):  # of a process that ended while it removed a model
                _remove_tree(leftover)
        entries = [entry for entry in self.entries() if entry.key != besides]
        excess = size + sum(entry.size for entry in entries) - self._max_bytes
        for entry in reversed(entries):
            if excess <= 0:
                return
            if self.remove(entry):
                excess -= entry.size

    def _entry(self, folder: Path, *, complete: bool) -> Entry | None:
        lock = self._lock(folder.name, "use" if complete else "fetch")
        try:
            used = (lock if complete and lock.exists() else folder).stat().st_mtime
            size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        except FileNotFoundError:  # removed meanwhile
            return None
        return Entry(folder.name, size, datetime.fromtimestamp(used, timezone.utc), complete, _taken(lock))

    def _complete(self, key: str) -> Path:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r:.100} is no SHA-256 in hexadecimal digits.")
        return self.root / "models" / key

    def _digests(self, key: str) -> Path:
        return self.root / "digests" / key

    def _lock(self, key: str, kind: str) -> Path:
        return self.root / "locks" / f"{key}.{kind}"


def _manifest_digest(folder: Path) -> str:
    try:
        return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def _damaged(folder: Path) -> bool:
    try:
        verify_manifest(folder)
    except ModelError:
        return True
    return False


def _seal(folder: Path) -> None:
    """Makes the content of a folder read-only; the folder itself could not be moved then."""
    for place, folders, files in os.walk(folder):
        for name in files:
            Path(place, name).chmod(_READ_ONLY)
        for name in folders:
            Path(place, name).chmod(_SEARCHABLE)


def _discard(folder: Path) -> None:
    """Removes a folder, at once for others. Whoever has files of it open goes on reading them."""
    if not folder.exists():
        return
    folder.chmod(0o700)
    trash = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    folder.replace(trash)
    _remove_tree(trash)


def _remove_tree(folder: Path) -> None:
    for place, folders, _ in os.walk(folder):
        for name in folders:
            Path(place, name).chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _children(folder: Path) -> list[Path]:
    try:
        return [child for child in folder.iterdir() if _KEY.fullmatch(child.name)]
    except FileNotFoundError:
        return []


def _taken(lock: Path) -> bool:
    try:
        with locked(lock, timeout_s=0):
            return False
    except NotLocked:
        return True
