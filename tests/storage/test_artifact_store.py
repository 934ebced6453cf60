"""What every kind of artifact store does with bytes."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from milepost import v1 as pb
from milepost_server.errors import DataLoss, DomainError, NotFound, ResourceExhausted, Unavailable
from milepost_server.storage.artifacts import ArtifactPath, ArtifactStore
from milepost_server.storage.artifacts.failures import translated

FOLDER = ("1", "run", "artifacts")
MIB = 1024 * 1024


@pytest.fixture(params=["local", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ArtifactStore]:
    root = str(tmp_path / "artifacts") if request.param == "local" else f"memory://{uuid.uuid4().hex}"
    store = ArtifactStore(root, threads=2)
    yield store
    await store.close()


async def put(store: ArtifactStore, path: str, *parts: bytes) -> str:
    """Stores an artifact and returns its digest."""
    name = uuid.uuid4().hex
    staged = await store.open_staged(FOLDER, name)
    for part in parts:
        await staged.write(part)
    await staged.commit()
    await staged.close()
    await store.publish(FOLDER, name, ArtifactPath.parse(path))
    return staged.sha256


async def get(store: ArtifactStore, path: str, offset: int = 0, length: int | None = None) -> bytes:
    async with await store.open(FOLDER, ArtifactPath.parse(path)) as file:
        return b"".join([chunk async for chunk in file.read(offset, length)])


async def test_published_bytes_are_read_back(store: ArtifactStore) -> None:
    await put(store, "a/b/c.bin", b"one", b"", b"two")
    assert await get(store, "a/b/c.bin") == b"onetwo"


async def test_empty_file_is_stored(store: ArtifactStore) -> None:
    digest = await put(store, "empty")
    async with await store.open(FOLDER, ArtifactPath.parse("empty")) as file:
        assert [chunk async for chunk in file.read_verified(digest)] == []
        assert file.size == 0


async def test_digest_is_of_all_bytes_in_order(store: ArtifactStore) -> None:
    parts = [bytes([n]) * (300_000 + n) for n in range(20)]
    assert await put(store, "big.bin", *parts) == hashlib.sha256(b"".join(parts)).hexdigest()
    assert await get(store, "big.bin") == b"".join(parts)


async def test_staged_file_cannot_be_read_before_it_is_published(store: ArtifactStore) -> None:
    staged = await store.open_staged(FOLDER, "s1")
    await staged.write(b"x")
    await staged.commit()
    await staged.close()
    with pytest.raises(NotFound):
        await store.open(FOLDER, ArtifactPath.parse("x"))


async def test_publishing_replaces_the_file(store: ArtifactStore) -> None:
    await put(store, "x", b"old content")
    await put(store, "x", b"new")
    assert await get(store, "x") == b"new"


async def test_publishing_twice_does_nothing_the_second_time(store: ArtifactStore) -> None:
    staged = await store.open_staged(FOLDER, "s1")
    await staged.write(b"x")
    await staged.commit()
    await staged.close()
    for _ in range(2):
        await store.publish(FOLDER, "s1", ArtifactPath.parse("d/x"))
    assert await get(store, "d/x") == b"x"


async def test_publishing_what_was_never_staged_is_not_found(store: ArtifactStore) -> None:
    with pytest.raises(NotFound) as caught:
        await store.publish(FOLDER, "none", ArtifactPath.parse("x"))
    assert caught.value.reason == pb.ERROR_REASON_ARTIFACT_NOT_FOUND


async def test_discarded_file_is_gone(store: ArtifactStore) -> None:
    staged = await store.open_staged(FOLDER, "s1")
    await staged.commit()
    await staged.close()
    await store.discard_staged(FOLDER, "s1")
    await store.discard_staged(FOLDER, "s1")
    with pytest.raises(NotFound):
        await store.publish(FOLDER, "s1", ArtifactPath.parse("x"))


@pytest.mark.parametrize(
    ("offset", "length"), [(0, 3), (2, None), (1_500_000, 1_200_000), (2_999_999, 1), (3_000_000, 0)]
)
async def test_range_is_read(store: ArtifactStore, offset: int, length: int | None) -> None:
    content = bytes(range(250)) * 12_000
    await put(store, "r", content)
    end = len(content) if length is None else offset + length
    assert await get(store, "r", offset, length) == content[offset:end]


async def test_chunks_are_at_most_one_mebibyte(store: ArtifactStore) -> None:
    await put(store, "r", bytes(3 * MIB + 5))
    async with await store.open(FOLDER, ArtifactPath.parse("r")) as file:
        assert [len(chunk) async for chunk in file.read()] == [MIB, MIB, MIB, 5]


async def test_reading_past_the_end_is_data_loss(store: ArtifactStore) -> None:
    await put(store, "r", b"12345")
    with pytest.raises(DataLoss):
        await get(store, "r", 3, 10)


async def test_last_chunk_of_a_damaged_file_is_not_handed_out(store: ArtifactStore) -> None:
    await put(store, "r", bytes(2 * MIB + 1))
    async with await store.open(FOLDER, ArtifactPath.parse("r")) as file:
        chunks = file.read_verified("0" * 64)
        assert [len(await anext(chunks)), len(await anext(chunks))] == [MIB, MIB]
        with pytest.raises(DataLoss) as caught:
            await anext(chunks)
    assert caught.value.reason == pb.ERROR_REASON_ARTIFACT_CORRUPT


async def test_empty_file_with_another_digest_is_data_loss(store: ArtifactStore) -> None:
    await put(store, "empty")
    async with await store.open(FOLDER, ArtifactPath.parse("empty")) as file:
        with pytest.raises(DataLoss):
            [chunk async for chunk in file.read_verified("0" * 64)]


@pytest.mark.parametrize("path", ["none", "d", "d/x/below"])
async def test_what_is_no_file_is_not_found(store: ArtifactStore, path: str) -> None:
    await put(store, "d/x", b"x")
    with pytest.raises(NotFound) as caught:
        await store.open(FOLDER, ArtifactPath.parse(path))
    assert caught.value.reason == pb.ERROR_REASON_ARTIFACT_NOT_FOUND
    assert caught.value.metadata == {"path": path}


async def test_deleted_file_is_gone_and_its_neighbour_stays(store: ArtifactStore) -> None:
    await put(store, "d/x", b"x")
    await put(store, "d/y", b"y")
    for _ in range(2):
        await store.delete(FOLDER, ArtifactPath.parse("d/x"))
    with pytest.raises(NotFound):
        await get(store, "d/x")
    assert await get(store, "d/y") == b"y"


async def test_deleted_directory_is_gone_with_all_below(store: ArtifactStore) -> None:
    await put(store, "d/e/x", b"x")
    await put(store, "d/y", b"y")
    await put(store, "de", b"z")
    await store.delete(FOLDER, ArtifactPath.parse("d"))
    for path in ("d/e/x", "d/y"):
        with pytest.raises(NotFound):
            await get(store, path)
    assert await get(store, "de") == b"z"


async def test_purged_folder_is_gone(store: ArtifactStore) -> None:
    await put(store, "d/x", b"x")
    for _ in range(2):
        await store.delete_tree(FOLDER)
    with pytest.raises(NotFound):
        await get(store, "d/x")


async def test_sweep_removes_staged_files_past_their_time_only(store: ArtifactStore) -> None:
    await put(store, "kept", b"x")
    staged = await store.open_staged(FOLDER, "s1")
    await staged.commit()
    await staged.close()
    assert await store.sweep_staged(older_than_s=3600) == 0
    assert await store.sweep_staged(older_than_s=-3600) == 1
    with pytest.raises(NotFound):
        await store.publish(FOLDER, "s1", ArtifactPath.parse("x"))
    assert await get(store, "kept") == b"x"


async def test_many_files_at_once_do_not_mix(store: ArtifactStore) -> None:
    contents = {f"f{n}": bytes([n]) * (MIB + n) for n in range(12)}
    await asyncio.gather(*(put(store, name, content, content) for name, content in contents.items()))
    for name, content in contents.items():
        assert await get(store, name) == content * 2


async def test_names_that_are_no_plain_names_are_refused(store: ArtifactStore) -> None:
    for name in ("", ".", "..", "a/b", "a\0"):
        with pytest.raises(ValueError, match="plain file name"):
            await store.open_staged(FOLDER, name)
        with pytest.raises(ValueError, match="plain file name"):
            store.url("1", name)


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (OSError(errno.ENOSPC, "full", "/srv/secret"), ResourceExhausted, pb.ERROR_REASON_STORAGE_FULL),
        (OSError(errno.EDQUOT, "quota", "/srv/secret"), ResourceExhausted, pb.ERROR_REASON_STORAGE_FULL),
        (
            PermissionError(errno.EACCES, "denied", "/srv/secret"),
            Unavailable,
            pb.ERROR_REASON_ARTIFACT_STORE_UNAVAILABLE,
        ),
        (RuntimeError("s3 driver: /srv/secret"), Unavailable, pb.ERROR_REASON_ARTIFACT_STORE_UNAVAILABLE),
    ],
)
def test_failures_are_told_without_details(
    error: Exception, kind: type[DomainError], reason: pb.ErrorReason.ValueType
) -> None:
    with pytest.raises(kind) as caught, translated("test"):
        raise error
    assert caught.value.reason == reason
    assert "secret" not in str(caught.value)
