"""Records and files of artifacts stay in step, whatever is interrupted. On real databases and a real file system."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.api import httpbody_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from milepost_server.errors import AlreadyExists, DataLoss, DomainError, FailedPrecondition, InvalidArgument, NotFound
from milepost_server.services.artifact_files import folder_of
from milepost_server.services.artifacts import ArtifactService
from milepost_server.services.logged_models import LoggedModelService
from milepost_server.storage.artifacts import ArtifactPath, ArtifactStore
from milepost_server.storage.base import RunKey, Storage, StoredUpload, Transaction
from milepost_server.storage.sql.open import open_storage
from milepost_server.storage.sql.revision import ensure_schema

MIB = 1024 * 1024
HOUR_US = 3600 * 1_000_000


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    now_us: int = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now_us


@dataclass
class World:
    """A service with all it stands on, and one run."""

    storage: Storage
    store: ArtifactStore
    root: Path
    clock: Clock
    service: ArtifactService
    run: RunKey

    @property
    def folder(self) -> Path:
        """The run's folder on disk."""
        return self.root.joinpath(*folder_of(self.run))

    async def upload(self, path: str, *parts: bytes, **first: Any) -> pb.Artifact:
        return await self.service.upload(messages(self.run.run_id, path, parts, **first))

    async def download(self, path: str, offset: int = 0, length: int = 0) -> bytes:
        request = pb.DownloadArtifactRequest(run_id=self.run.run_id, path=path, offset=offset, length=length)
        return b"".join([response.body.data async for response in self.service.download(request)])

    async def paths(self, path: str = "", **options: Any) -> list[str]:
        request = pb.ListArtifactsRequest(run_id=self.run.run_id, path=path, **options)
        return [artifact.path for artifact in (await self.service.list(request)).artifacts]

    async def record(self, path: str, content: bytes, staged: str) -> None:
        """Leaves a committed upload as a process does that dies before it moves the file into place."""
        file = await self.store.open_staged(folder_of(self.run), staged)
        await file.write(content)
        await file.commit()
        await file.close()
        artifact = pb.Artifact(
            path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest(), update_time=Timestamp(seconds=1)
        )
        await self.storage.write(lambda tx: tx.artifacts.put(self.run, artifact, staged))

    async def pending(self) -> list[str]:
        return [one.staged for one in await self.storage.scan(lambda tx: tx.artifacts.pending(10))]

    def staged_files(self) -> list[str]:
        folder = self.folder / ".milepost-staged"
        return [file.name for file in folder.iterdir()] if folder.exists() else []

    async def delete_run(self) -> None:
        await self.storage.write(lambda tx: tx.runs.set_deleted(self.run, True, self.clock()))


async def messages(
    run_id: str, path: str, parts: Sequence[bytes], *, sha256_last: str = "", content_type: str = "", **first: Any
) -> AsyncIterator[pb.UploadArtifactRequest]:
    body = httpbody_pb2.HttpBody(content_type=content_type)
    yield pb.UploadArtifactRequest(run_id=run_id, path=path, body=body, **first)
    for part in parts:
        yield pb.UploadArtifactRequest(body=httpbody_pb2.HttpBody(data=part))
    if sha256_last:
        yield pb.UploadArtifactRequest(sha256=sha256_last)


def reason(error: pytest.ExceptionInfo[DomainError]) -> str:
    return pb.ErrorReason.Name(error.value.reason).removeprefix("ERROR_REASON_")


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    await ensure_schema(database_url, upgrade=False)
    root, clock = tmp_path / "artifacts", Clock()
    store = ArtifactStore(str(root), threads=2)
    storage = await open_storage(database_url, store.url(), synchronous="FULL", pool_size=4)
    run_id = uuid.uuid4().hex

    async def create(tx: Transaction) -> RunKey:
        number = await tx.experiments.create(pb.Experiment(name=run_id), clock())
        key = await tx.runs.create(pb.Run(run_id=run_id, experiment_id=str(number)), clock())
        assert key is not None
        return key

    run = await storage.write(create)
    service = ArtifactService(storage, store, clock)
    yield World(storage, store, root, clock, service, run)
    await service.close()
    await storage.close()
    await store.close()


async def test_stored_file_is_in_its_place_with_nothing_left_behind(world: World) -> None:
    artifact = await world.upload("a/b.bin", b"one", b"two", content_type="text/plain")
    assert (artifact.size, artifact.sha256) == (6, hashlib.sha256(b"onetwo").hexdigest())
    assert (world.folder / "a/b.bin").read_bytes() == b"onetwo"
    assert (world.staged_files(), await world.pending()) == ([], [])


async def test_recorded_file_is_read_although_it_was_not_moved_yet(world: World) -> None:
    await world.upload("x", b"old")
    await world.record("x", b"new", "s1")
    assert await world.download("x") == b"new"
    assert (world.staged_files(), await world.pending()) == ([], [])


async def test_moved_file_is_read_although_its_record_does_not_say_so_yet(world: World) -> None:
    await world.record("x", b"new", "s1")
    await world.store.publish(folder_of(world.run), "s1", ArtifactPath.parse("x"))
    assert await world.download("x") == b"new"
    assert await world.pending() == []


async def test_new_upload_settles_the_one_before_and_replaces_it(world: World) -> None:
    await world.record("x", b"first", "s1")
    await world.upload("x", b"second")
    assert await world.download("x") == b"second"
    assert (world.staged_files(), await world.pending()) == ([], [])


async def test_sweep_settles_what_a_dead_process_left(world: World) -> None:
    await world.record("d/x", b"new", "s1")
    await world.service.sweep()
    assert (world.folder / "d/x").read_bytes() == b"new"
    assert await world.pending() == []


async def test_deleting_an_unsettled_file_leaves_nothing(world: World) -> None:
    await world.record("d/x", b"new", "s1")
    assert await world.service.delete(pb.DeleteArtifactsRequest(run_id=world.run.run_id, path="d")) == 1
    assert world.staged_files() == []
    assert not (world.folder / "d").exists()
    with pytest.raises(NotFound):
        await world.download("d/x")


async def test_file_that_cannot_be_moved_is_withdrawn(world: World) -> None:
    (world.folder / "x" / "not an artifact").mkdir(parents=True)
    with pytest.raises(AlreadyExists) as caught:
        await world.upload("x", b"new")
    assert reason(caught) == "ARTIFACT_CONFLICT"
    assert (await world.paths(), world.staged_files()) == ([], [])


async def test_file_of_a_ready_model_waits_until_it_can_be_moved(world: World) -> None:
    models = LoggedModelService(world.storage, world.clock)
    new = pb.LoggedModel(run_id=world.run.run_id, name="model")
    model = await models.create(pb.CreateLoggedModelRequest(logged_model=new))
    await world.record(f"{model.path}/x", b"new", "s1")
    obstacle = world.folder / model.path / "x" / "not an artifact"
    obstacle.mkdir(parents=True)
    files = [pb.ModelFile(path="x", size=3, sha256=hashlib.sha256(b"new").hexdigest())]
    request = pb.FinalizeLoggedModelRequest(model_id=model.model_id, status=pb.LoggedModel.STATUS_READY, files=files)
    assert (await models.finalize(request)).status == pb.LoggedModel.STATUS_READY
    with pytest.raises(AlreadyExists):
        await world.download(f"{model.path}/x")
    shutil.rmtree(obstacle.parent)
    assert await world.download(f"{model.path}/x") == b"new"


async def test_file_in_the_way_of_a_directory_is_refused_by_the_records(world: World) -> None:
    await world.upload("a/b", b"x")
    for path in ("a", "a/b/c", "a/b/c/d"):
        with pytest.raises(AlreadyExists) as caught:
            await world.upload(path, b"y")
        assert reason(caught) == "ARTIFACT_CONFLICT"
    assert (await world.paths(recursive=True), world.staged_files()) == (["a/b"], [])


async def test_wrong_digest_leaves_the_old_file_and_nothing_else(world: World) -> None:
    await world.upload("x", b"old")
    with pytest.raises(InvalidArgument) as caught:
        await world.upload("x", b"new", sha256_last="0" * 64)
    assert reason(caught) == "CHECKSUM_MISMATCH"
    assert (await world.download("x"), world.staged_files()) == (b"old", [])


async def test_broken_stream_without_id_leaves_nothing(world: World) -> None:
    async def broken() -> AsyncIterator[pb.UploadArtifactRequest]:
        async for message in messages(world.run.run_id, "x", [bytes(MIB)]):
            yield message
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await world.service.upload(broken())
    assert (await world.paths(), world.staged_files()) == ([], [])


async def test_broken_stream_with_id_is_resumed_by_another_process(world: World) -> None:
    content = os.urandom(3 * MIB)
    whole: dict[str, Any] = {"size": len(content), "upload_id": "upload-1"}

    async def broken() -> AsyncIterator[pb.UploadArtifactRequest]:
        async for message in messages(world.run.run_id, "x", [content[:MIB], content[MIB : MIB + 5]], **whole):
            yield message
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await world.service.upload(broken())
    restarted = ArtifactService(world.storage, world.store, world.clock)
    upload = await restarted.get_upload(pb.GetArtifactUploadRequest(run_id=world.run.run_id, upload_id="upload-1"))
    assert upload.committed_size >= MIB
    assert upload.expire_time.ToMicroseconds() == world.clock() + 24 * HOUR_US
    rest = messages(world.run.run_id, "x", [content[upload.committed_size :]], **whole, offset=upload.committed_size)
    artifact = await restarted.upload(rest)
    assert artifact.sha256 == hashlib.sha256(content).hexdigest()
    assert await world.download("x") == content


async def test_cancelled_upload_can_be_resumed(world: World) -> None:
    started = asyncio.Event()

    async def endless() -> AsyncIterator[pb.UploadArtifactRequest]:
        async for message in messages(world.run.run_id, "x", [bytes(2 * MIB)], size=3 * MIB, upload_id="upload-1"):
            yield message
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(world.service.upload(endless()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    artifact = await world.upload("x", bytes(MIB), size=3 * MIB, upload_id="upload-1", offset=2 * MIB)
    assert artifact.size == 3 * MIB


async def test_upload_id_of_another_file_is_refused(world: World) -> None:
    with pytest.raises(InvalidArgument):
        await world.upload("x", b"1", size=2, upload_id="upload-1")
    for path, size in (("y", 2), ("x", 3)):
        with pytest.raises(InvalidArgument) as caught:
            await world.upload(path, b"1", size=size, upload_id="upload-1", offset=1)
        assert caught.value.violations[0].field == "upload_id"
    await world.upload("x", b"2", size=2, upload_id="upload-1", offset=1)


async def test_resume_of_an_unknown_upload_is_a_mismatch_and_leaves_no_record(world: World) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        await world.upload("x", b"1", size=9, upload_id="upload-1", offset=5)
    assert (reason(caught), caught.value.metadata["committedSize"]) == ("OFFSET_MISMATCH", "0")
    with pytest.raises(NotFound):
        await world.service.get_upload(pb.GetArtifactUploadRequest(run_id=world.run.run_id, upload_id="upload-1"))


async def test_sweep_removes_expired_uploads_only(world: World) -> None:
    for name in ("upload-1", "upload-2"):
        with pytest.raises(InvalidArgument):
            await world.upload(name, b"1", size=2, upload_id=name)
        world.clock.now_us += 23 * HOUR_US
    world.clock.now_us -= 21 * HOUR_US
    await world.service.sweep()
    assert len(world.staged_files()) == 1
    with pytest.raises(FailedPrecondition):
        await world.upload("upload-1", b"2", size=2, upload_id="upload-1", offset=1)
    await world.upload("upload-2", b"2", size=2, upload_id="upload-2", offset=1)


async def test_run_deleted_while_a_file_arrives_gets_nothing(world: World) -> None:
    async def slow() -> AsyncIterator[pb.UploadArtifactRequest]:
        async for message in messages(world.run.run_id, "x", [b"1"]):
            yield message
        await world.delete_run()

    with pytest.raises(FailedPrecondition) as caught:
        await world.service.upload(slow())
    assert reason(caught) == "RUN_DELETED"
    assert (await world.paths(), world.staged_files()) == ([], [])


async def test_artifacts_of_a_deleted_run_can_be_read_and_not_changed(world: World) -> None:
    await world.upload("x", b"1")
    await world.delete_run()
    assert await world.download("x") == b"1"
    with pytest.raises(FailedPrecondition):
        await world.upload("y", b"1")
    with pytest.raises(FailedPrecondition):
        await world.service.delete(pb.DeleteArtifactsRequest(run_id=world.run.run_id, path="x"))


@pytest.mark.parametrize("damage", [b"flipped", b"cut", b"longer than it was"])
async def test_damaged_file_is_data_loss(world: World, damage: bytes) -> None:
    await world.upload("x", b"content")
    (world.folder / "x").write_bytes(damage)
    with pytest.raises(DataLoss) as caught:
        await world.download("x")
    assert reason(caught) == "ARTIFACT_CORRUPT"


async def test_missing_file_is_data_loss(world: World) -> None:
    await world.upload("x", b"content")
    (world.folder / "x").unlink()
    with pytest.raises(DataLoss):
        await world.download("x")


async def test_download_goes_on_with_the_file_that_it_began(world: World) -> None:
    old, new = os.urandom(3 * MIB), os.urandom(3 * MIB)
    await world.upload("x", old)
    responses = world.service.download(pb.DownloadArtifactRequest(run_id=world.run.run_id, path="x"))
    first = await anext(responses)
    await world.upload("x", new)
    await world.service.delete(pb.DeleteArtifactsRequest(run_id=world.run.run_id, path="x"))
    assert first.body.data + b"".join([response.body.data async for response in responses]) == old


async def test_empty_file_has_one_answer_with_its_description(world: World) -> None:
    await world.upload("d/x", content_type="text/plain")
    request = pb.DownloadArtifactRequest(run_id=world.run.run_id, path="d/x")
    (response,) = [response async for response in world.service.download(request)]
    assert (response.size, response.filename, response.body.content_type) == (0, "x", "text/plain")
    assert response.sha256 == hashlib.sha256(b"").hexdigest()


async def test_concurrent_uploads_reads_and_deletes_leave_records_and_files_in_step(world: World) -> None:
    async def write(number: int) -> None:
        await world.upload("d/x", bytes([number]) * 10_000)

    async def read() -> None:
        try:
            content = await world.download("d/x")
        except NotFound:
            return
        assert len(set(content)) == 1

    async def delete() -> None:
        try:
            await world.service.delete(pb.DeleteArtifactsRequest(run_id=world.run.run_id, path="d"))
        except NotFound:
            return

    for _ in range(5):
        await asyncio.gather(*(write(number) for number in range(8)), *(read() for _ in range(8)), delete(), delete())
        assert (world.staged_files(), await world.pending()) == ([], [])
        on_disk = [str(path.relative_to(world.folder)) for path in world.folder.rglob("x")]
        assert await world.paths(recursive=True) == on_disk
        await read()


async def test_bad_content_type_is_refused(world: World) -> None:
    for text in ("a" * 256, "text/plain\r\nx: y"):
        with pytest.raises(InvalidArgument) as caught:
            await world.upload("x", b"1", content_type=text)
        assert caught.value.violations[0].field == "body.content_type"


async def test_stale_uploads_of_the_database_come_with_their_run(world: World) -> None:
    upload = StoredUpload(world.run, "upload-1", "a/b", 7, "text/plain", "s1", update_us=5)
    await world.storage.write(lambda tx: tx.artifacts.put_upload(upload))
    assert upload in await world.storage.scan(lambda tx: tx.artifacts.stale_uploads(6, 100))
    assert upload not in await world.storage.scan(lambda tx: tx.artifacts.stale_uploads(5, 100))


async def test_pages_of_one_level_are_sorted_by_name_although_paths_sort_otherwise(world: World) -> None:
    names = ["a", "a-b", "a.c", "a0", "é", "\U0010ffff"]
    for path in ("a/x", "a/y/z", "a-b", "a.c/d", "a0", "é/é", "\U0010ffff/x"):
        await world.upload(f"top/{path}", b"123")
    for size in (1, 2, 6, 7):
        seen: list[pb.Artifact] = []
        request = pb.ListArtifactsRequest(run_id=world.run.run_id, path="top", page_size=size)
        while True:
            page = await world.service.list(request)
            seen += page.artifacts
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        assert [artifact.path for artifact in seen] == [f"top/{name}" for name in names]
        assert [artifact.directory for artifact in seen] == [True, False, True, False, True, True]
        assert seen[0].size == 6


async def test_last_character_there_is_shows_in_the_top_folder(world: World) -> None:
    last = "\U0010ffff" * 63
    await world.upload(f"{last}/{last}", b"1")
    assert await world.paths() == [last]
    assert await world.paths(recursive=True) == [f"{last}/{last}"]
