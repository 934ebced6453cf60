"""Artifacts for the synchronous client."""

from __future__ import annotations

import builtins
import io
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

from milepost import _methods as rpc
from milepost import _requests as req
from milepost import v1 as pb
from milepost._channel import Transport
from milepost._pages import Pages
from milepost.artifacts._transfer import (
    PARALLEL_FILES,
    Attempts,
    Deadline,
    Download,
    LocalFile,
    Meter,
    Progress,
    Upload,
    UploadMessages,
    artifact_path,
    below,
    files_below,
    local_target,
    replacing,
)
from milepost.errors import MilepostError, UploadNotFound

Item = TypeVar("Item")
Done = TypeVar("Done")

READ_AHEAD_BYTES = 1024 * 1024


class Artifacts:
    """Verbs on the files of runs.

    `timeout` of a transfer is the seconds for all of it, None for as long as it makes progress: a broken stream is
    resumed, and given up after several failures in a row without a further byte. Progress callbacks run in any thread.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def upload(
        self,
        run_id: str,
        source: str | PathLike[str],
        path: str | None = None,
        *,
        content_type: str | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> builtins.list[pb.Artifact]:
        """Uploads a file, or all files below a directory. Each appears, or replaces another, when it is complete.

        Args:
            run_id: The run.
            source: The file or directory.
            path: Path of the artifact; for a directory, of the artifact directory that gets its contents ("" for the
                run's own). None: the name of `source`.
            content_type: Media type. None: by the suffix.
            progress: Called with the bytes done and in all.
            timeout: Seconds for all of it.

        Returns:
            The artifacts as stored, in order of their paths.

        Raises:
            FileNotFoundError: There is no `source`.
            MilepostError: The server refused a file or did not answer. Files that were complete stay.
        """
        files = files_below(source, path)
        meter = Meter(progress, [file.size for file in files])
        deadline = Deadline(timeout)
        return _in_parallel(lambda file: self._send(Upload.of(run_id, file, content_type), meter, deadline), files)

    def upload_bytes(
        self,
        run_id: str,
        data: bytes,
        path: str,
        *,
        content_type: str | None = None,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> pb.Artifact:
        """Uploads `data` as the artifact `path`; the rest as of `upload`."""
        upload = Upload.of_bytes(run_id, data, path, content_type)
        return self._send(upload, Meter(progress, [len(data)]), Deadline(timeout))

    def get_upload(self, run_id: str, upload_id: str, *, timeout: float | None = None) -> pb.ArtifactUpload:
        """Says how much the server holds of an upload. Raises `UploadNotFound` when it is complete or has expired."""
        return self._transport.call(req.get_artifact_upload(run_id, upload_id), timeout)

    def download(
        self,
        run_id: str,
        path: str = "",
        destination: str | PathLike[str] = ".",
        *,
        progress: Progress | None = None,
        timeout: float | None = None,
    ) -> Path:
        """Downloads a file, or all files of a directory. Each appears when it is complete and its SHA-256 is right.

        Args:
            run_id: The run.
            path: The artifact or artifact directory. Empty for all artifacts of the run.
            destination: For a file: the directory that gets it, when it exists or ends in a slash, else the file to
                write. For a directory: the directory that gets its contents.
            progress: Called with the bytes done and in all.
            timeout: Seconds for all of it.

        Returns:
            The file or directory written.

        Raises:
            ArtifactNotFound: There is nothing at `path`.
            DataLossError: The bytes are not those that were recorded. Nothing was written.
        """
        path = artifact_path(path)
        found = list(self.list(run_id, path, recursive=True))
        meter = Meter(progress, [artifact.size for artifact in found])
        deadline = Deadline(timeout)
        if path and (not found or found[0].path == path):  # without an entry the server's error says what is missing
            target = local_target(path, destination)
            self._fetch(Download(run_id, path, 0, 0), target, meter, deadline)
            return target
        root = Path(destination)
        root.mkdir(parents=True, exist_ok=True)
        prefix = len(path) + 1 if path else 0
        files = [LocalFile(below(root, artifact.path[prefix:]), artifact.path, artifact.size) for artifact in found]
        _in_parallel(lambda file: self._fetch(Download(run_id, file.path, 0, 0), file.file, meter, deadline), files)
        return root

    def read(self, run_id: str, path: str, *, offset: int = 0, length: int = 0, timeout: float | None = None) -> bytes:
        """The bytes of a file, or `length` of them (0 for all that follow) from `offset` on.

        Raises:
            ArtifactNotFound: There is no such file.
            OutOfRangeError: `offset` is past the end.
            DataLossError: The whole was read and is not what was recorded.
        """
        return b"".join(self.stream(run_id, path, offset=offset, length=length, timeout=timeout))

    def stream(
        self, run_id: str, path: str, *, offset: int = 0, length: int = 0, timeout: float | None = None
    ) -> Iterator[bytes]:
        """`read` in pieces as they arrive. The digest of the whole is checked after the last piece."""
        return self._receive(Download(run_id, artifact_path(path), offset, length), Deadline(timeout))

    def open(self, run_id: str, path: str) -> io.BufferedReader:
        """A binary file object, seekable, that fetches what is read, at least 1 MiB at a time. No digest is checked."""
        return io.BufferedReader(ArtifactReader(self, run_id, path), READ_AHEAD_BYTES)

    def list(
        self,
        run_id: str,
        path: str = "",
        *,
        recursive: bool = False,
        page_size: int = 0,
        limit: int | None = None,
        timeout: float | None = None,
    ) -> Pages[pb.Artifact]:
        """Lists a directory: its files and directories, or with `recursive` all files below it. A file lists itself.

        `page_size`, `limit` and `timeout` as of `Client.runs.list`.
        """
        op = req.list_artifacts(run_id, artifact_path(path), recursive)
        return Pages(
            lambda token, size: self._transport.call(op.page(token, size), timeout), page_size=page_size, limit=limit
        )

    def delete(self, run_id: str, path: str, *, timeout: float | None = None) -> int:
        """Deletes a file or a directory for good. Never repeated by itself. Returns the number of files deleted."""
        return self._transport.call(req.delete_artifacts(run_id, artifact_path(path)), timeout)

    def purge_orphans(
        self, *, dry_run: bool = False, timeout: float | None = None
    ) -> pb.PurgeOrphanedArtifactsResponse:
        """Removes files older than a day from the artifact store that belong to no artifact of any run.

        Never repeated by itself. On a large store it takes minutes.
        """
        return self._transport.call(req.purge_orphaned_artifacts(dry_run), timeout)

    def _send(self, upload: Upload, meter: Meter, deadline: Deadline) -> pb.Artifact:
        attempts = Attempts(deadline)
        offset = 0
        while True:
            feed = _Feed(upload, offset, meter)
            try:
                answer = self._transport.upload(rpc.UPLOAD_ARTIFACT, feed, deadline.attempt_s())
            except MilepostError as error:
                if feed.failure is not None:
                    raise feed.failure from None
                time.sleep(attempts.delay_s(error, offset))
                offset = self._committed(upload)
            else:
                artifact: pb.Artifact = answer.artifact
                return artifact

    def _committed(self, upload: Upload) -> int:
        if not upload.upload_id:
            return 0
        try:
            return self.get_upload(upload.run_id, upload.upload_id).committed_size
        except UploadNotFound:  # nothing arrived, or all did and only the answer was lost: sending again does no harm
            return 0

    def _receive(self, download: Download, deadline: Deadline) -> Iterator[bytes]:
        attempts = Attempts(deadline)
        while not download.complete:
            messages = self._transport.download(rpc.DOWNLOAD_ARTIFACT, download.request(), deadline.attempt_s())
            try:
                for message in messages:
                    yield download.take(message)
            except MilepostError as error:
                time.sleep(attempts.delay_s(error, download.position))
            else:
                break
        download.verify()

    def _fetch(self, download: Download, target: Path, meter: Meter, deadline: Deadline) -> None:
        with replacing(target) as file:
            for data in self._receive(download, deadline):
                file.write(data)
                meter.at(download.path, download.position)


class _Feed:
    """The request stream of one attempt at an upload; grpc iterates it in a thread of its own."""

    def __init__(self, upload: Upload, offset: int, meter: Meter) -> None:
        self._upload = upload
        self._offset = offset
        self._meter = meter
        self.failure: Exception | None = None

    def __iter__(self) -> Iterator[pb.UploadArtifactRequest]:
        # An exception that left this iterator would only be logged by grpc. So the stream just ends, the server refuses
        # what is cut short, and the caller raises `failure`.
        try:
            yield from self._messages()
        except Exception as error:
            self.failure = error

    def _messages(self) -> Iterator[pb.UploadArtifactRequest]:
        messages = UploadMessages(self._upload, self._offset)
        with self._upload.open() as source:
            while not messages.complete:
                message = messages.read(source)
                if message is not None:
                    yield message
                    self._meter.at(self._upload.path, messages.position)


class ArtifactReader(io.RawIOBase):
    """A file of a run as an unbuffered binary file: each read is one call."""

    def __init__(self, artifacts: Artifacts, run_id: str, path: str) -> None:
        super().__init__()
        self._artifacts = artifacts
        self._run_id = run_id
        self._path = artifact_path(path)
        self._position = 0
        self._size = self._measure()

    def _measure(self) -> int:
        download = Download(self._run_id, self._path, 0, 1)
        for _ in self._artifacts._receive(download, Deadline(None)):
            pass
        return download.size

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a position; one past the end reads nothing."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise ValueError(f"cannot seek to {origin + offset}: a position is 0 or more.")
        self._position = origin + offset
        return self._position

    def tell(self) -> int:
        """The position."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Reads into `buffer`; 0 at the end."""
        wanted = min(len(buffer), max(self._size - self._position, 0))
        if wanted == 0:
            return 0
        data = self._artifacts.read(self._run_id, self._path, offset=self._position, length=wanted)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _in_parallel(work: Callable[[Item], Done], items: Sequence[Item]) -> list[Done]:
    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(PARALLEL_FILES, thread_name_prefix="milepost-transfer") as pool:
        futures = [pool.submit(work, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise
