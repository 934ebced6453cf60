"""Artifacts of a source to a server: each file that is not there yet, with its digest checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from milepost._digests import sha256_of
from milepost.artifacts._transfer import PARALLEL_FILES, artifact_path
from milepost.client import Client
from milepost.errors import MilepostError
from milepost.migration.files import FileTree, SourceFile
from milepost.migration.report import Problems

_CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class _Stored:
    """A file that the server has."""

    size: int
    sha256: str


class Copier:
    """Copies folders of artifacts. Use it in a `with` block.

    Args:
        client: Of the server. None in a dry run: files are only counted.
        problems: Where files go that the server refuses.
        copied: Called with each file's bytes once it is there.
    """

    def __init__(self, client: Client | None, problems: Problems, copied: Callable[[int], None]) -> None:
        self._client = client
        self._problems = problems
        self._copied = copied
        self._pool = ThreadPoolExecutor(PARALLEL_FILES, thread_name_prefix="milepost-import")

    def __enter__(self) -> Copier:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def copy(self, tree: FileTree, run_id: str, folder: str) -> Counter[str]:
        """Copies a folder below a run's artifact folder.

        Returns:
            `artifacts` and `artifact_bytes`: how many files the source has, and their size, without those refused.
        """
        counts: Counter[str] = Counter()
        files = list(self._files(tree, run_id))
        if not files:
            return counts
        stored = self._stored(run_id, folder)
        waiting = [(file, self._pool.submit(self._one, tree, file, run_id, folder, stored)) for file in files]
        for file, future in waiting:
            if future.result():
                counts["artifacts"] += 1
                counts["artifact_bytes"] += file.size
                self._copied(file.size)
        return counts

    def _files(self, tree: FileTree, run_id: str) -> Iterator[SourceFile]:
        try:
            yield from tree.files(f"run {run_id}", self._problems)
        except (OSError, ValueError) as error:
            self._problems.add(f"run {run_id}", "artifacts", f"{tree.location} cannot be read: {error}; left out.")

    def _stored(self, run_id: str, folder: str) -> dict[str, _Stored]:
        if self._client is None:
            return {}
        found = self._client.artifacts.list(run_id, folder, recursive=True)
        return {one.path: _Stored(one.size, one.sha256) for one in found}

    def _one(self, tree: FileTree, file: SourceFile, run_id: str, folder: str, stored: dict[str, _Stored]) -> bool:
        """Whether the file is on the server now."""
        if self._client is None:
            return True
        path = artifact_path(f"{folder}/{file.path}" if folder else file.path)
        try:
            with tree.local(file) as local:
                if not _is_stored(local, stored.get(path)):
                    self._client.artifacts.upload(run_id, local, path)
        except MilepostError as error:
            if error.retriable:
                raise
            self._problems.add(f"run {run_id}", f"artifacts {file.path}", f"refused: {error}; left out.")
            return False
        except (OSError, ValueError) as error:
            self._problems.add(f"run {run_id}", f"artifacts {file.path}", f"cannot be read: {error}; left out.")
            return False
        return True


def _is_stored(local: Path, stored: _Stored | None) -> bool:
    return stored is not None and local.stat().st_size == stored.size and sha256_of(local) == stored.sha256
