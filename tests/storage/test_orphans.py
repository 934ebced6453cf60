"""Files without a record are found and removed, and no other: on the local file system and any store of fsspec."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from milepost import v1 as pb
from milepost_server.services.artifact_files import folder_of
from milepost_server.services.artifacts import ArtifactService
from milepost_server.storage.artifacts import ArtifactPath, ArtifactStore
from milepost_server.storage.base import RunKey, Storage, StoredUpload, Transaction
from support.databases import opened, sqlite_url
from support.values import unique

DAY_US = 24 * 3600 * 1_000_000


@dataclass
class Clock:
    """A clock that goes ahead of the real one as much as it is told."""

    ahead_us: int = 0

    def __call__(self) -> int:
        return time.time_ns() // 1000 + self.ahead_us


@dataclass
class World:
    """A service with all it stands on, and one run."""

    storage: Storage
    store: ArtifactStore
    clock: Clock
    service: ArtifactService
    run: RunKey

    async def stage(self, name: str, folder: tuple[str, ...] | None = None) -> None:
        file = await self.store.open_staged(folder or folder_of(self.run), name)
        await file.write(b"12345")
        await file.commit()
        await file.close()

    async def put(self, path: str, folder: tuple[str, ...] | None = None) -> None:
        """Puts a file in place, without a record."""
        await self.stage("next", folder)
        await self.store.publish(folder or folder_of(self.run), "next", ArtifactPath.parse(path))

    async def purge(self, *, dry_run: bool = False) -> list[str]:
        """Removes orphans, and returns their paths below the folder of the run's experiment."""
        request = pb.PurgeOrphanedArtifactsRequest(dry_run=dry_run)
        found = await self.service.purge_orphans(request)
        assert (found.files, found.bytes) == (len(found.paths), 5 * len(found.paths))
        return sorted(path.partition("/")[2].replace(self.run.run_id, "run") for path in found.paths)


@pytest.fixture(params=["local", "memory"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    root = str(tmp_path / "artifacts") if request.param == "local" else f"memory://{unique()}"
    store, clock = ArtifactStore(root, threads=2), Clock()

    async def create(tx: Transaction) -> RunKey:
        number = await tx.experiments.create(pb.Experiment(name="e"), 1)
        key = await tx.runs.create(pb.Run(run_id=unique(), experiment_id=str(number)), 1)
        assert key is not None
        return key

    async with opened(sqlite_url(tmp_path)) as storage:
        service = ArtifactService(storage, store, clock)
        yield World(storage, store, clock, service, await storage.write(create))
        await service.close()
        await store.close()


async def test_files_of_no_artifact_go_once_they_are_a_day_old(world: World) -> None:
    await world.put("a/lost.bin")
    await world.put("lost.bin", (str(world.run.experiment_id), "purged", "artifacts"))
    assert await world.purge() == []
    world.clock.ahead_us = DAY_US + 1
    lost = ["purged/artifacts/lost.bin", "run/artifacts/a/lost.bin"]
    assert await world.purge(dry_run=True) == lost
    assert await world.purge() == lost
    assert await world.purge() == []


async def test_recorded_files_stay_in_place_or_staged(world: World) -> None:
    artifact = pb.Artifact(path="a.bin", size=5, sha256="0" * 64, update_time=Timestamp(seconds=1))
    pending = pb.Artifact(path="b.bin", size=5, sha256="0" * 64, update_time=Timestamp(seconds=1))
    upload = StoredUpload(world.run, "id", "c.bin", 5, "", "staged-upload", 1)
    await world.put("a.bin")
    await world.put("odd\u200bname.bin")
    for name in ("staged-artifact", "staged-upload", "staged-orphan"):
        await world.stage(name)

    async def record(tx: Transaction) -> None:
        await tx.artifacts.put(world.run, artifact, "")
        await tx.artifacts.put(world.run, pb.Artifact(path="odd\u200bname.bin", sha256="0" * 64), "")
        await tx.artifacts.put(world.run, pending, "staged-artifact")
        await tx.artifacts.put_upload(upload)

    await world.storage.write(record)
    world.clock.ahead_us = 2 * DAY_US
    assert await world.purge() == ["run/artifacts/staged-orphan"]


async def test_a_record_of_another_experiment_keeps_nothing(world: World) -> None:
    await world.put("a.bin", ("77", world.run.run_id, "artifacts"))
    artifact = pb.Artifact(path="a.bin", size=5, sha256="0" * 64, update_time=Timestamp(seconds=1))
    await world.storage.write(lambda tx: tx.artifacts.put(world.run, artifact, ""))
    world.clock.ahead_us = 2 * DAY_US
    assert await world.purge() == ["run/artifacts/a.bin"]


async def test_what_lies_elsewhere_in_the_store_is_not_touched(tmp_path: Path, world: World) -> None:
    if world.store.scheme != "file":
        pytest.skip("the test puts files into the store by its path")
    root = tmp_path / "artifacts"
    elsewhere = [
        "note.txt",
        "12/note.txt",
        "12/run/note.txt",
        "models/run/artifacts/a.bin",
        f"{'9' * 30}/r/artifacts/a",
    ]
    for path in elsewhere:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")
    (root / "12/run/artifacts").mkdir()
    (root / "12/run/artifacts/link").symlink_to(root / "note.txt")
    world.clock.ahead_us = 2 * DAY_US
    assert await world.purge() == []
    assert all((root / path).exists() for path in elsewhere)


async def test_a_name_that_is_no_text_is_an_orphan_too(tmp_path: Path, world: World) -> None:
    if world.store.scheme != "file":
        pytest.skip("only a file system has such names")
    path = tmp_path / "artifacts/12/run/artifacts" / b"bad-\xff".decode(errors="surrogateescape")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"12345")
    world.clock.ahead_us = 2 * DAY_US
    assert await world.purge() == ["run/artifacts/bad-\ufffd"]
    assert not (tmp_path / "artifacts/12").exists()
