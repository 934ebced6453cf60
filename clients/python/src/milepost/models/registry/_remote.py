"""The files of a model that lies elsewhere: which there are, and how they come."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from milepost._digests import sha256_of
from milepost.artifacts._transfer import PARALLEL_FILES, below
from milepost.errors import CancelledError, ModelCorrupt, ModelFormatError
from milepost.models.format.manifest import FILE_NAME as MANIFEST
from milepost.models.format.manifest import manifest_digest

_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True)
class RemoteFile:
    """A file of a model.

    Args:
        path: Below the model's folder.
        size: Bytes. None when nobody says.
        sha256: Hexadecimal digits. Empty when nobody says.
    """

    path: str
    size: int | None
    sha256: str = ""

    def is_whole(self, size: int, digest: str) -> bool:
        """Whether so many bytes with this digest can be the file."""
        return size == (size if self.size is None else self.size) and digest == (self.sha256 or digest)


@dataclass(frozen=True)
class RemoteFolder:
    """A model's folder that lies elsewhere.

    Args:
        name: For messages.
        files: All files of it.
        read: The bytes of a file, by its path, from an offset on. Called from several threads.
        sha256: What the digest of the files must be. Empty when nobody says.
    """

    name: str
    files: list[RemoteFile]
    read: Callable[[str, int], Iterator[bytes]]
    sha256: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files, as far as they are known."""
        return sum(file.size or 0 for file in self.files)

    def digest(self) -> str:
        """The digest of the files, as far as it is known before they are read; else empty.

        Raises:
            ModelCorrupt: It is not that of the model's manifest, or not the one that the files must have.
        """
        digests = {file.path: file.sha256 for file in self.files}
        if not all(digests.values()):
            return self.sha256
        return self._checked(digests)

    def download(self, folder: Path) -> dict[str, str]:
        """Puts all files into a folder, several at once, and checks them. Goes on where an earlier attempt stopped.

        Returns:
            The SHA-256 of each by its path, without the manifest.

        Raises:
            ModelCorrupt: Other bytes came than were recorded.
            MilepostError: The server refused or did not answer.
        """
        largest_first = sorted(self.files, key=lambda file: -(file.size or 0))
        stopped = threading.Event()
        with ThreadPoolExecutor(PARALLEL_FILES, thread_name_prefix="milepost-fetch") as pool:
            futures = [pool.submit(self._download, file, folder, stopped) for file in largest_first]
            try:
                digests = [future.result() for future in futures]
            finally:
                stopped.set()
                pool.shutdown(cancel_futures=True)
        found = {file.path: digest for file, digest in zip(largest_first, digests, strict=True)}
        self._checked(found)
        found.pop(MANIFEST, None)
        return found

    def _checked(self, digests: Mapping[str, str]) -> str:
        digest = manifest_digest({path: sha256 for path, sha256 in digests.items() if path != MANIFEST})
        if self.sha256 not in ("", digest):
            raise ModelCorrupt(f"{self.name} has the digest {digest} instead of {self.sha256}: its files were changed.")
        if digests.get(MANIFEST, digest) != digest:
            raise ModelCorrupt(f"{self.name}: its manifest is not that of its files. Log the model again.", [MANIFEST])
        return digest

    def _download(self, file: RemoteFile, folder: Path, stopped: threading.Event) -> str:
        try:
            target = below(folder, file.path)
        except ValueError as error:
            raise ModelFormatError(f"{self.name}: {error}") from None
        if target.is_file() and file.is_whole(target.stat().st_size, digest := sha256_of(target)):
            return digest
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{hashlib.sha256(file.path.encode()).hexdigest()[:32]}.part")
        resumed = partial.is_file()
        digest = self._receive(file, partial, stopped)
        if resumed and not file.is_whole(partial.stat().st_size, digest):  # what was there is of another file
            partial.unlink()
            digest = self._receive(file, partial, stopped)
        if not file.is_whole(partial.stat().st_size, digest):
            partial.unlink()
            raise ModelCorrupt(
                f"{self.name}: {file.path!r} arrived with other bytes than were recorded (SHA-256 {digest}). Try "
                "again; if that fails, log the model again.",
                [file.path],
            )
        partial.replace(target)
        return digest

    def _receive(self, file: RemoteFile, partial: Path, stopped: threading.Event) -> str:
        """Goes on with a partial file to the end. Returns the digest of all of it."""
        digest = hashlib.sha256()
        with partial.open("a+b" if file.size is not None else "w+b") as output:
            output.seek(0)
            while piece := output.read(_PIECE_BYTES):
                digest.update(piece)
            if not file.size or output.tell() < file.size:
                for piece in self.read(file.path, output.tell()):
                    if stopped.is_set():
                        raise CancelledError(f"{self.name}: another file failed.")
                    digest.update(piece)
                    output.write(piece)
        return digest.hexdigest()
