"""What both clients know of transfers: which files, which messages, when to go on, and whether the bytes are right."""

from __future__ import annotations

import hashlib
import io
import math
import mimetypes
import os
import secrets
import threading
import time
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from google.api.httpbody_pb2 import HttpBody

from milepost import v1 as pb
from milepost._channel import MAX_ATTEMPTS, TRANSFER_ATTEMPT_S, backoff_s
from milepost.errors import DataLossError, EtagMismatch, MilepostError, OffsetMismatch

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all; after a broken stream the first may fall. Called from any thread."""

CHUNK_BYTES = 512 * 1024
RESUMABLE_BYTES = 8 * 1024 * 1024
"""Files from this size on get an upload id; smaller ones are sent again as a whole."""
PARALLEL_FILES = 4
_LONGEST_DELAY_S = 10.0


@dataclass(frozen=True)
class LocalFile:
    """A file to upload, or an artifact to download, and its path on the server."""

    file: Path
    path: str
    size: int


def files_below(source: str | os.PathLike[str], path: str | None) -> list[LocalFile]:
    """What an upload of `source` to `path` sends: the file, or all files below the directory in order of their paths.

    Raises:
        FileNotFoundError: There is no `source`.
    """
    root = Path(source)
    target = artifact_path(root.resolve().name if path is None else path)
    if not root.is_dir():
        return [LocalFile(root, target, root.stat().st_size)]
    files = sorted(file for file in root.rglob("*") if file.is_file())
    prefix = f"{target}/" if target else ""
    return [
        LocalFile(file, prefix + artifact_path(file.relative_to(root).as_posix()), file.stat().st_size)
        for file in files
    ]


def artifact_path(text: str | os.PathLike[str]) -> str:
    """A path in the form that the server keeps: normal form C, without a slash at the end."""
    return unicodedata.normalize("NFC", os.fspath(text)).rstrip("/")


def local_target(path: str, destination: str | os.PathLike[str]) -> Path:
    """Where a downloaded file goes: into `destination` if that is a directory or ends in a slash, else to it."""
    text = os.fspath(destination)
    target = Path(text)
    if target.is_dir() or text.endswith(("/", os.sep)):
        return below(target, PurePosixPath(path).name)
    return target


def below(root: Path, path: str) -> Path:
    """`path` of an artifact below a local directory. Raises `ValueError` when it would leave it."""
    parts = path.split("/")
    unsafe = {"", ".", ".."}
    if any(part in unsafe or "\\" in part or "\0" in part or (os.name == "nt" and ":" in part) for part in parts):
        raise ValueError(
            f"artifact path {path!r} cannot be a path below {str(root)!r}. Download it by itself to a name."
        )
    return root.joinpath(*parts)


@contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `target` when the block ends well, and is removed when it does not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        with partial.open("wb") as file:
            yield file
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


class Meter:
    """Adds up the progress of several files for one callback."""

    def __init__(self, progress: Progress | None, sizes: Iterable[int]) -> None:
        self._progress = progress
        self._total = sum(sizes)
        self._done: dict[str, int] = {}
        self._lock = threading.Lock()

    def at(self, path: str, done: int) -> None:
        """The file of `path` stands at `done` bytes."""
        if self._progress is None:
            return
        with self._lock:
            self._done[path] = done
            self._progress(sum(self._done.values()), self._total)


class Deadline:
    """When a whole transfer must be done.

    Args:
        timeout_s: Seconds from now. None for never.
    """

    def __init__(self, timeout_s: float | None) -> None:
        self._at = None if timeout_s is None else time.monotonic() + timeout_s

    def attempt_s(self) -> float:
        """Seconds that the next attempt may take."""
        return max(min(self.left_s(), TRANSFER_ATTEMPT_S), 0.001)

    def left_s(self) -> float:
        """Seconds left."""
        return math.inf if self._at is None else self._at - time.monotonic()


class Attempts:
    """Attempts at one transfer: gives up at the deadline, or after several failures without progress in between."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._failures = 0
        self._furthest = 0

    def delay_s(self, error: MilepostError, position: int) -> float:
        """How long to wait before going on from `position`, where the transfer stands. Raises a final `error`."""
        if position > self._furthest:
            self._furthest, self._failures = position, 0
        self._failures += 1
        if not (error.retriable or isinstance(error, OffsetMismatch)) or self._failures >= MAX_ATTEMPTS:
            raise error
        delay = backoff_s(self._failures, error, _LONGEST_DELAY_S)
        if delay >= self._deadline.left_s():
            raise error
        return delay


@dataclass(frozen=True)
class Upload:
    """One file to upload.

    Args:
        run_id: The run.
        path: Path of the artifact.
        size: Bytes of the file.
        content_type: Media type, perhaps empty.
        open: Opens the bytes, anew for each attempt: grpc may still read for the one before.
        upload_id: Names the upload for a resume. Empty for a file that is rather sent again.
    """

    run_id: str
    path: str
    size: int
    content_type: str
    open: Callable[[], BinaryIO]
    upload_id: str

    @classmethod
    def of(cls, run_id: str, file: LocalFile, content_type: str | None) -> Upload:
        """The upload of a local file."""
        return cls._new(run_id, file.path, file.size, content_type, lambda: file.file.open("rb"))

    @classmethod
    def of_bytes(cls, run_id: str, data: bytes, path: str, content_type: str | None) -> Upload:
        """The upload of bytes in memory."""
        return cls._new(run_id, artifact_path(path), len(data), content_type, lambda: io.BytesIO(data))

    @classmethod
    def _new(cls, run_id: str, path: str, size: int, content_type: str | None, open: Callable[[], BinaryIO]) -> Upload:
        kind = (mimetypes.guess_type(path)[0] or "") if content_type is None else content_type
        return cls(run_id, path, size, kind, open, uuid.uuid4().hex if size >= RESUMABLE_BYTES else "")


class UploadMessages:
    """The messages of one attempt at an upload.

    Args:
        upload: What to upload.
        offset: Where the stream begins in the file. The bytes before it are read for the digest only.
    """

    def __init__(self, upload: Upload, offset: int) -> None:
        self.position = 0
        self.complete = False
        self._upload = upload
        self._offset = offset
        self._begun = False
        self._hash = hashlib.sha256()

    def read(self, source: BinaryIO) -> pb.UploadArtifactRequest | None:
        """Reads on in the file. Returns the message for what it read, None while that lies before the offset."""
        size = self._upload.size
        skipping = self.position < self._offset
        data = source.read(min(CHUNK_BYTES, (self._offset if skipping else size) - self.position))
        self._hash.update(data)
        self.position += len(data)
        self.complete = self.position >= size or not data  # a file that became shorter ends early, and is refused
        if skipping and not self.complete:
            return None
        message = pb.UploadArtifactRequest(body=HttpBody(data=b"" if skipping else data))
        if not self._begun:
            self._begin(message)
        if self.complete:
            message.sha256 = self._hash.hexdigest()
        return message

    def _begin(self, message: pb.UploadArtifactRequest) -> None:
        self._begun = True
        upload = self._upload
        message.run_id, message.path, message.size = upload.run_id, upload.path, upload.size
        message.upload_id, message.offset = upload.upload_id, self._offset
        message.body.content_type = upload.content_type


class Download:
    """Checks the messages of one download. One object serves all attempts at it."""

    def __init__(self, run_id: str, path: str, offset: int, length: int) -> None:
        self.run_id = run_id
        self.path = path
        self.position = offset
        self.size = 0
        self._end = offset + length if length else None
        self._sha256 = ""
        self._hash = hashlib.sha256() if offset == 0 and length == 0 else None
        self._first = True

    def request(self) -> pb.DownloadArtifactRequest:
        """The request of the next attempt: what has not come yet."""
        self._first = True
        length = 0 if self._end is None else self._end - self.position
        return pb.DownloadArtifactRequest(run_id=self.run_id, path=self.path, offset=self.position, length=length)

    @property
    def complete(self) -> bool:
        """Whether all bytes have come, as far as that is known."""
        return self.position >= (self.size if self._end is None else self._end) and not self._first

    def take(self, message: pb.DownloadArtifactResponse) -> bytes:
        """The bytes of a message. Raises `EtagMismatch` when the file was replaced since the last attempt."""
        if self._first:
            self._first = False
            if self._sha256 and self._sha256 != message.sha256:
                raise EtagMismatch(
                    f"Artifact {self.path!r} was replaced while it was downloaded. Download it again.",
                    reason="ETAG_MISMATCH",
                    metadata={"runId": self.run_id, "path": self.path},
                )
            self._sha256, self.size = message.sha256, message.size
        data: bytes = message.body.data
        self.position += len(data)
        if self._hash is not None:
            self._hash.update(data)
        return data

    def verify(self) -> None:
        """Checks the digest of a whole file. Raises `DataLossError` when other bytes came than were recorded."""
        if self._hash is None or self._hash.hexdigest() == self._sha256:
            return
        raise DataLossError(
            f"Artifact {self.path!r} arrived with SHA-256 {self._hash.hexdigest()} instead of {self._sha256}. Try "
            "again, and upload it again if that fails.",
            reason="ARTIFACT_CORRUPT",
            metadata={"runId": self.run_id, "path": self.path, "sha256": self._sha256},
        )
