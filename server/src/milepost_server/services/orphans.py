"""Files of the artifact store that no record names."""

from __future__ import annotations

from collections.abc import Sequence

from milepost import v1 as pb
from milepost_server.services.artifact_files import ArtifactFiles
from milepost_server.services.clock import Clock
from milepost_server.storage.artifacts import ArtifactStore, StoredFile
from milepost_server.storage.base import Storage

# Younger files may be uploads at work, whose records come last.
_KEPT_S = 24 * 3600
_MOST_PATHS = 100


class Orphans:
    """Finds and removes files without a record.

    A record is written before its file takes its place and removed before it: so a file in place without one is an
    orphan, but for one that is being deleted.

    Args:
        storage: Holds the records.
        store: Holds the files.
        files: Keeps uploads of a run away while its files are looked at.
        clock: Says how old files are.
    """

    def __init__(self, storage: Storage, store: ArtifactStore, files: ArtifactFiles, clock: Clock) -> None:
        self._storage = storage
        self._store = store
        self._files = files
        self._clock = clock

    async def purge(self, *, dry_run: bool) -> pb.PurgeOrphanedArtifactsResponse:
        """Removes orphans older than a day, or with `dry_run` only counts them."""
        before = self._clock() / 1_000_000 - _KEPT_S
        found = pb.PurgeOrphanedArtifactsResponse()
        async for files in self._store.walk():
            async with self._files.alone_with(files[0].folder[1]):
                for file in await self._without_record(files):
                    if await (self._is_old(file, before) if dry_run else self._store.remove(file, before)):
                        _add(found, file)
        return found

    async def _is_old(self, file: StoredFile, before: float) -> bool:
        modified = await self._store.modified(file)
        return modified is not None and modified < before

    async def _without_record(self, files: Sequence[StoredFile]) -> list[StoredFile]:
        """Those files of one run that no record names."""
        experiment, run_id, _ = files[0].folder
        # A name that is no text is none of ours, and nothing that a database can be asked for.
        known = [file for file in files if _is_text("/".join((run_id, *file.names)))]
        paths = {"/".join(file.names) for file in known if not file.staged}
        staged = {file.names[0] for file in known if file.staged}
        number = int(experiment)
        recorded = await self._storage.scan(lambda tx: tx.artifacts.recorded(number, run_id, paths, staged))
        return [file for file in files if "/".join(file.names) not in recorded[file.staged]]


def _is_text(path: str) -> bool:
    try:
        return b"\0" not in path.encode()
    except UnicodeEncodeError:
        return False


def _add(found: pb.PurgeOrphanedArtifactsResponse, file: StoredFile) -> None:
    found.files += 1
    found.bytes += file.size
    if len(found.paths) < _MOST_PATHS:
        path = "/".join((*file.folder, *file.names))
        found.paths.append(path.encode(errors="surrogateescape").decode(errors="replace"))
