"""Rules of uploads: what may be sent, what is kept of a broken one, and when a file counts as complete."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace

from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from milepost_server.errors import DomainError, InvalidArgument, NotFound, invalid_field, quote
from milepost_server.services.artifact_files import (
    UPLOAD_KEPT_S,
    ArtifactFiles,
    check_free,
    folder_of,
)
from milepost_server.services.clock import Clock
from milepost_server.services.refusals import run_deleted
from milepost_server.services.run_keys import existing_run, writable_run
from milepost_server.storage.artifacts import ArtifactPath, ArtifactStore, StagedFile
from milepost_server.storage.artifacts.failures import offset_mismatch
from milepost_server.storage.base import RunKey, Storage, StoredUpload, Transaction

_MAX_CONTENT_TYPE = 255
# After these, what came is of no use. After any other failure a resume may succeed.
_HOPELESS = frozenset(
    {
        pb.ERROR_REASON_CHECKSUM_MISMATCH,
        pb.ERROR_REASON_INVALID_FIELD,
        pb.ERROR_REASON_ARTIFACT_CONFLICT,
        pb.ERROR_REASON_BAD_PATH,
        pb.ERROR_REASON_LOGGED_MODEL_FINAL,
        pb.ERROR_REASON_MODEL_IN_USE,
        pb.ERROR_REASON_RUN_DELETED,
        pb.ERROR_REASON_RUN_NOT_FOUND,
    }
)


@dataclass(frozen=True)
class _Plan:
    """What the first message of an upload says, checked."""

    key: RunKey
    path: ArtifactPath
    size: int | None
    offset: int
    content_type: str
    staged: str
    upload: StoredUpload | None


class Uploads:
    """Takes files in.

    Args:
        storage: Holds the records.
        store: Holds the files.
        files: Keeps the two in step.
        clock: The time of artifacts and uploads.
    """

    def __init__(self, storage: Storage, store: ArtifactStore, files: ArtifactFiles, clock: Clock) -> None:
        self._storage = storage
        self._store = store
        self._files = files
        self._clock = clock

    async def upload(self, requests: AsyncIterator[pb.UploadArtifactRequest]) -> pb.Artifact:
        """See `ArtifactService.UploadArtifact`."""
        first = await anext(requests, None)
        if first is None or not first.run_id:
            raise invalid_field(
                "run_id", "is missing; the first message must name the run", reason=pb.ERROR_REASON_REQUIRED_FIELD
            )
        plan = await self._plan(first)
        try:
            artifact = await self._receive(plan, first, requests)
        except BaseException as error:
            hopeless = isinstance(error, DomainError) and error.reason in _HOPELESS
            await self._give_up(plan, keep=plan.upload is not None and not hopeless)
            raise
        try:
            await self._files.put(plan.key.run_id, artifact, plan.staged, first.upload_id)
        except DomainError as error:
            # Any other failure leaves open whether the file was recorded.
            if error.reason in _HOPELESS:
                await self._give_up(plan, keep=False)
            raise
        return artifact

    async def get(self, request: pb.GetArtifactUploadRequest) -> pb.ArtifactUpload:
        """See `ArtifactService.GetArtifactUpload`."""

        async def work(tx: Transaction) -> StoredUpload | None:
            return await tx.artifacts.get_upload(await existing_run(tx, request.run_id), request.upload_id)

        upload = await self._storage.read(work)
        if upload is None:
            raise NotFound(
                f"The run has no unfinished upload {quote(request.upload_id)}. It may have been completed or have "
                "expired: list the artifact, or begin again at offset 0.",
                reason=pb.ERROR_REASON_UPLOAD_NOT_FOUND,
                metadata={"uploadId": request.upload_id},
            )
        return pb.ArtifactUpload(
            upload_id=upload.upload_id,
            run_id=request.run_id,
            path=upload.path,
            committed_size=await self._committed_size(upload),
            expire_time=_timestamp(upload.update_us + UPLOAD_KEPT_S * 1_000_000),
        )

    async def _plan(self, first: pb.UploadArtifactRequest) -> _Plan:
        path = ArtifactPath.parse(first.path)
        size = first.size if first.HasField("size") else None
        content_type = _content_type(first.body.content_type)
        if not first.upload_id:
            if first.offset:
                raise invalid_field("offset", f"is {first.offset}, and only an upload with an upload_id can be resumed")
            key = await self._storage.read(lambda tx: _open_run(tx, first.run_id, path))
            return _Plan(key, path, size, 0, content_type, uuid.uuid4().hex, None)
        if size is None:
            raise invalid_field(
                "size", "is missing; an upload with an upload_id needs it", reason=pb.ERROR_REASON_REQUIRED_FIELD
            )
        upload = await self._begin(first, path, content_type)
        committed = await self._committed_size(upload)
        if first.offset != committed:
            raise offset_mismatch(first.offset, committed)
        return _Plan(upload.run, path, size, first.offset, upload.content_type, upload.staged, upload)

    async def _begin(self, first: pb.UploadArtifactRequest, path: ArtifactPath, content_type: str) -> StoredUpload:
        """The record of a resumable upload, new or from before."""

        async def work(tx: Transaction) -> StoredUpload:
            key = await writable_run(tx, first.run_id)
            await check_free(tx, key, path)
            now = self._clock()
            upload = await tx.artifacts.get_upload(key, first.upload_id)
            if upload is None:
                if first.offset:
                    raise offset_mismatch(first.offset, 0)
                staged = uuid.uuid4().hex
                upload = StoredUpload(key, first.upload_id, str(path), first.size, content_type, staged, now)
            elif (upload.path, upload.size) != (str(path), first.size):
                raise invalid_field(
                    "upload_id",
                    f"{first.upload_id!r} was begun for {upload.path!r} of {upload.size} bytes; "
                    "choose another id for another file",
                )
            await tx.artifacts.put_upload(replace(upload, update_us=now))
            return upload

        return await self._storage.write(work)

    async def _receive(
        self, plan: _Plan, first: pb.UploadArtifactRequest, requests: AsyncIterator[pb.UploadArtifactRequest]
    ) -> pb.Artifact:
        """Writes the stream to the staged file and checks it once it is durable."""
        staged = await self._store.open_staged(folder_of(plan.key), plan.staged, plan.offset)
        try:
            expected = await _write(plan, staged, first, requests)
            await staged.commit()
        finally:
            await staged.close()
        if plan.size is not None and staged.size < plan.size:
            raise _truncated(plan, staged.size)
        if expected not in ("", staged.sha256):
            raise _checksum_mismatch(expected, staged.sha256)
        return pb.Artifact(
            path=str(plan.path),
            size=staged.size,
            sha256=staged.sha256,
            content_type=plan.content_type,
            update_time=_timestamp(self._clock()),
        )

    async def _give_up(self, plan: _Plan, *, keep: bool) -> None:
        """Drops what came, or keeps it for a resume. A failure to do so is left to the sweep."""
        upload = plan.upload
        with suppress(DomainError):
            if upload is None:
                await self._store.discard_staged(folder_of(plan.key), plan.staged)
            elif keep:
                touched = replace(upload, update_us=self._clock())
                await self._storage.write(lambda tx: _touch(tx, touched))
            else:
                await self._files.discard(upload)

    async def _committed_size(self, upload: StoredUpload) -> int:
        return await self._store.staged_size(folder_of(upload.run), upload.staged) or 0


async def _write(
    plan: _Plan,
    staged: StagedFile,
    first: pb.UploadArtifactRequest,
    requests: AsyncIterator[pb.UploadArtifactRequest],
) -> str:
    """Writes the bytes of all messages and returns the digest that one of them gave, if any."""
    expected = ""
    message: pb.UploadArtifactRequest | None = first
    while message is not None:
        expected = message.sha256.lower() or expected
        # Each access to the field makes a copy.
        data = message.body.data
        if data:
            if plan.size is not None and staged.size + len(data) > plan.size:
                raise invalid_field("size", f"is {plan.size}, but more bytes came; send the size of the whole file")
            await staged.write(data)
        message = await anext(requests, None)
    return expected


async def _open_run(tx: Transaction, run_id: str, path: ArtifactPath) -> RunKey:
    """The run, which may get an artifact at `path`. Asked before the bytes come; what counts is asked after them."""
    key = await existing_run(tx, run_id)
    if key.deleted:
        raise run_deleted(run_id)
    await check_free(tx, key, path)
    return key


async def _touch(tx: Transaction, upload: StoredUpload) -> None:
    # Nobody must bring back what was completed or discarded meanwhile.
    if await tx.artifacts.get_upload(upload.run, upload.upload_id) is not None:
        await tx.artifacts.put_upload(upload)


def _content_type(text: str) -> str:
    if len(text) > _MAX_CONTENT_TYPE or not text.isprintable():
        raise invalid_field(
            "body.content_type", f"{quote(text)} is no media type of at most {_MAX_CONTENT_TYPE} printable characters"
        )
    return text


def _truncated(plan: _Plan, received: int) -> InvalidArgument:
    rest = "Resume it at that offset" if plan.upload is not None else "Nothing was kept; upload it again"
    return InvalidArgument(
        f"The upload of {str(plan.path)!r} ended after {received} of {plan.size} bytes. {rest}.",
        reason=pb.ERROR_REASON_TRUNCATED_UPLOAD,
        metadata={"size": str(plan.size), "received": str(received)},
    )


def _checksum_mismatch(expected: str, actual: str) -> InvalidArgument:
    return invalid_field(
        "sha256",
        f"the bytes that came have {actual}, not {expected}; they were damaged on the way or changed while being "
        "read. Nothing was stored; upload the file again",
        reason=pb.ERROR_REASON_CHECKSUM_MISMATCH,
        expected=expected,
        actual=actual,
    )


def _timestamp(us: int) -> Timestamp:
    time = Timestamp()
    time.FromMicroseconds(us)
    return time
