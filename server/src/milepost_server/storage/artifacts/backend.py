"""What the store asks of a kind of storage. Everything here blocks; the store calls it from its threads."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from milepost_server.storage.artifacts.path import ArtifactPath

# Names of folders below the root of the store, from the top.
Folder = tuple[str, ...]

STAGED_FOLDER = ".milepost-staged"
# The folder of a run that holds its artifacts.
RUN_FOLDER = "artifacts"


# Digits of an experiment's number.
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as it lies in the store, whether a record knows it or not.

    Args:
        folder: The folder of the run that it lies in.
        names: Where it lies below it. For a staged file, its name only.
        staged: Whether it is a staged file.
        size: Its bytes.
    """

    folder: Folder
    names: tuple[str, ...]
    staged: bool
    size: int


class BlockingWriter(Protocol):
    """A staged file that is being written, by one thread at a time."""

    def write(self, data: bytes) -> None:
        """Appends `data`."""

    def commit(self) -> None:
        """Makes all that was written, and the file's name, durable. No write may follow."""

    def close(self) -> None:
        """Frees what the writer holds. Without a commit before, the file may be kept in part or not at all."""


class BlockingReader(Protocol):
    """An open file, read by one thread at a time. It stays whole when the path is replaced or deleted meanwhile."""

    @property
    def size(self) -> int:
        """Bytes of the file."""

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`, fewer only at the end of the file."""

    def close(self) -> None:
        """Frees what the reader holds."""


class Backend(Protocol):
    """A kind of storage. Methods raise `DomainError` where they say so and whatever their driver raises else."""

    def url(self, segments: tuple[str, ...]) -> str:
        """URL of what lies at `segments` below the root."""

    def open_staged(self, folder: Folder, name: str, offset: int) -> BlockingWriter:
        """Opens a staged file for appending at `offset`, dropping what follows; creates it and its folders.

        Raises:
            FailedPrecondition: `OFFSET_MISMATCH`, the file has fewer bytes.
            Aborted: `CONFLICT`, another writer has it open.
        """

    def open_staged_reader(self, folder: Folder, name: str) -> BlockingReader:
        """Opens a staged file for reading. Raises `FileNotFoundError`."""

    def staged_size(self, folder: Folder, name: str) -> int | None:
        """Bytes of a staged file, durable when this returns. None when there is none or it cannot be resumed."""

    def publish(self, folder: Folder, name: str, path: ArtifactPath) -> Callable[[], None]:
        """Moves a staged file to `path`, replacing the file there. Nothing happens if that was done before.

        Returns:
            What frees the replaced file. It has to be called, and the caller need not wait for it.

        Raises:
            NotFound: `ARTIFACT_NOT_FOUND`, neither the staged file nor the target exists.
            AlreadyExists: `ARTIFACT_CONFLICT`, a directory is at `path`, or a file where it needs a folder.
            InvalidArgument: `BAD_PATH`, the way leads through a symbolic link.
        """

    def discard_staged(self, folder: Folder, name: str) -> None:
        """Removes a staged file if it exists."""

    def open_reader(self, folder: Folder, path: ArtifactPath) -> BlockingReader:
        """Opens a file. Raises `NotFound` (`ARTIFACT_NOT_FOUND`), also for directories and links."""

    def delete(self, folder: Folder, path: ArtifactPath) -> None:
        """Removes the file or directory at `path`, if any, and folders above it that become empty."""

    def delete_tree(self, folder: Folder) -> None:
        """Removes `folder` with all below it, if it exists, and folders above it that become empty."""

    def sweep_staged(self, before: float) -> int:
        """Removes staged files last written before the Unix time `before`. Returns their number."""

    def walk(self) -> Generator[StoredFile]:
        """All files in folders of runs, those of one run together. What lies elsewhere, and links, are left out."""

    def modified(self, file: StoredFile) -> float | None:
        """The Unix time at which a file was last written. None when it is gone."""

    def remove(self, file: StoredFile, before: float) -> bool:
        """Removes a file that is still there and was last written before the Unix time `before`, and says whether.

        Folders that become empty go with it.
        """

    def free_bytes(self) -> int | None:
        """Bytes that can still be stored. None when the storage does not say."""

    def close(self) -> None:
        """Frees what the backend holds."""


def is_experiment_folder(name: str) -> bool:
    """Whether a folder in the root can be that of an experiment."""
    return name.isascii() and name.isdecimal() and len(name) <= _MOST_DIGITS


def checked_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """`names`, each of which must be a plain file name: ids that the server made or checked before.

    Raises:
        ValueError: One is not, which is a defect of the caller.
    """
    for name in names:
        if name in {"", ".", ".."} or "/" in name or "\0" in name:
            raise ValueError(f"not a plain file name: {name!r}")
    return names
