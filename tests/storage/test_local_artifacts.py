"""What the artifact store promises on the local file system beyond other stores."""

from __future__ import annotations

import asyncio
import hashlib
import os
import resource
import stat
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from milepost import v1 as pb
from milepost_server.errors import Aborted, AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from milepost_server.storage.artifacts import ArtifactPath, ArtifactStore

FOLDER = ("1", "run", "artifacts")
MIB = 1024 * 1024


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
async def store(root: Path) -> AsyncIterator[ArtifactStore]:
    store = ArtifactStore(str(root), threads=2)
    yield store
    await store.close()


async def stage(store: ArtifactStore, name: str, content: bytes, offset: int = 0) -> str:
    staged = await store.open_staged(FOLDER, name, offset)
    await staged.write(content)
    await staged.commit()
    await staged.close()
    return staged.sha256


async def put(store: ArtifactStore, path: str, content: bytes) -> None:
    await stage(store, "put", content)
    await store.publish(FOLDER, "put", ArtifactPath.parse(path))


async def get(store: ArtifactStore, path: str) -> bytes:
    async with await store.open(FOLDER, ArtifactPath.parse(path)) as file:
        return b"".join([chunk async for chunk in file.read()])


def modes_below(folder: Path, *, folders: bool) -> set[int]:
    """Permissions of the folder's files, or of itself and its folders."""
    return {stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")] if path.is_dir() == folders}


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that is not below the root, with a file that nobody may read."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(b"secret")
    return folder


@pytest.fixture
def artifacts(root: Path) -> Path:
    """The run's artifact folder on disk."""
    folder = root.joinpath(*FOLDER)
    folder.mkdir(parents=True)
    return folder


async def test_file_lies_at_its_path_below_the_root(store: ArtifactStore, root: Path) -> None:
    await put(store, "a/b.txt", b"text")
    assert files_below(root) == {"1/run/artifacts/a/b.txt"}


async def test_files_and_folders_are_for_the_owner_only(store: ArtifactStore, root: Path) -> None:
    await put(store, "a/b.txt", b"text")
    await stage(store, "s1", b"begun")
    assert modes_below(root, folders=True) == {0o700}
    assert modes_below(root, folders=False) == {0o600}


async def test_upload_goes_on_where_it_stopped(store: ArtifactStore) -> None:
    content = os.urandom(3 * MIB + 17)
    await stage(store, "s1", content[: 2 * MIB])
    assert await store.staged_size(FOLDER, "s1") == 2 * MIB
    digest = await stage(store, "s1", content[2 * MIB :], offset=2 * MIB)
    assert digest == hashlib.sha256(content).hexdigest()
    await store.publish(FOLDER, "s1", ArtifactPath.parse("x"))
    assert await get(store, "x") == content


async def test_digest_of_a_long_beginning_is_continued(store: ArtifactStore) -> None:
    content = os.urandom(MIB) * 33
    await stage(store, "s1", content)
    digest = await stage(store, "s1", b"end", offset=len(content))
    assert digest == hashlib.sha256(content + b"end").hexdigest()


async def test_what_follows_the_offset_is_dropped(store: ArtifactStore) -> None:
    await stage(store, "s1", b"0123456789")
    await stage(store, "s1", b"AB", offset=4)
    await store.publish(FOLDER, "s1", ArtifactPath.parse("x"))
    assert await get(store, "x") == b"0123AB"


async def test_offset_past_the_end_is_a_mismatch(store: ArtifactStore) -> None:
    await stage(store, "s1", b"0123")
    with pytest.raises(FailedPrecondition) as caught:
        await store.open_staged(FOLDER, "s1", 5)
    assert caught.value.reason == pb.ERROR_REASON_OFFSET_MISMATCH
    assert caught.value.metadata == {"offset": "5", "committedSize": "4"}


async def test_uncommitted_bytes_are_kept_for_a_resume(store: ArtifactStore) -> None:
    staged = await store.open_staged(FOLDER, "s1")
    await staged.write(bytes(MIB))
    await staged.close()
    assert await store.staged_size(FOLDER, "s1") == MIB


async def test_size_of_what_was_never_staged_is_unknown(store: ArtifactStore) -> None:
    assert await store.staged_size(FOLDER, "none") is None


async def test_second_writer_of_a_staged_file_is_refused_until_the_first_closes(store: ArtifactStore) -> None:
    first = await store.open_staged(FOLDER, "s1")
    with pytest.raises(Aborted):
        await store.open_staged(FOLDER, "s1")
    await first.close()
    await (await store.open_staged(FOLDER, "s1")).close()


async def test_cancelled_writer_frees_the_file_after_its_last_write(store: ArtifactStore) -> None:
    started = asyncio.Event()

    async def upload() -> None:
        staged = await store.open_staged(FOLDER, "s1")
        try:
            while True:
                await staged.write(bytes(2 * MIB))
                started.set()
        finally:
            await staged.close()

    task = asyncio.create_task(upload())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    size = await store.staged_size(FOLDER, "s1")
    assert size is not None
    assert size % (2 * MIB) == 0
    await (await store.open_staged(FOLDER, "s1", size)).close()


@pytest.fixture
def largest_file() -> Iterator[int]:
    """Bytes that a file may have until the test ends; what is beyond fails to be written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 * MIB + 5, before[1]))
    yield 3 * MIB + 5
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_nothing_is_written_after_a_failure(store: ArtifactStore, largest_file: int) -> None:
    content = os.urandom(8 * MIB)
    staged = await store.open_staged(FOLDER, "s1")
    for start in range(0, 3 * MIB, MIB):
        await staged.write(content[start : start + MIB])
    await staged.write(content[3 * MIB : 5 * MIB])
    with pytest.raises(Unavailable):
        await staged.commit()
    await staged.close()
    assert await store.staged_size(FOLDER, "s1") == largest_file
    await store.publish(FOLDER, "s1", ArtifactPath.parse("x"))
    assert await get(store, "x") == content[:largest_file]


async def test_failure_is_raised_by_a_later_write(store: ArtifactStore, largest_file: int) -> None:
    staged = await store.open_staged(FOLDER, "s1")
    await staged.write(bytes(2 * largest_file))
    await staged.write(bytes(MIB))
    with pytest.raises(Unavailable):
        await staged.write(bytes(MIB))
    await staged.close()


async def test_reader_keeps_the_file_that_was_replaced_or_deleted(store: ArtifactStore) -> None:
    content = os.urandom(2 * MIB)
    await put(store, "x", content)
    async with await store.open(FOLDER, ArtifactPath.parse("x")) as file:
        await put(store, "x", b"new")
        await store.delete(FOLDER, ArtifactPath.parse("x"))
        assert b"".join([chunk async for chunk in file.read()]) == content


async def test_file_in_the_way_of_a_folder_is_a_conflict(store: ArtifactStore) -> None:
    await put(store, "x", b"file")
    with pytest.raises(AlreadyExists) as caught:
        await put(store, "x/y", b"below")
    assert caught.value.reason == pb.ERROR_REASON_ARTIFACT_CONFLICT
    assert await get(store, "x") == b"file"


async def test_folder_in_the_way_of_a_file_is_a_conflict(store: ArtifactStore) -> None:
    await put(store, "x/y", b"below")
    with pytest.raises(AlreadyExists) as caught:
        await put(store, "x", b"file")
    assert caught.value.reason == pb.ERROR_REASON_ARTIFACT_CONFLICT


async def test_folders_that_become_empty_are_removed(store: ArtifactStore, root: Path) -> None:
    await put(store, "a/b/c/x", b"x")
    await put(store, "a/y", b"y")
    await store.delete(FOLDER, ArtifactPath.parse("a/b/c/x"))
    assert not root.joinpath(*FOLDER, "a/b").exists()
    assert await get(store, "a/y") == b"y"


async def test_purge_removes_the_run_and_staged_files(store: ArtifactStore, root: Path) -> None:
    await put(store, "a/x", b"x")
    await stage(store, "s1", b"begun")
    await store.delete_tree(FOLDER)
    assert os.listdir(root) == []  # noqa: PTH208


async def test_link_to_a_file_outside_is_not_found(store: ArtifactStore, artifacts: Path, outside: Path) -> None:
    (artifacts / "link").symlink_to(outside / "secret")
    with pytest.raises(NotFound):
        await get(store, "link")


async def test_link_to_a_folder_outside_is_not_read_through(
    store: ArtifactStore, artifacts: Path, outside: Path
) -> None:
    (artifacts / "link").symlink_to(outside)
    with pytest.raises(NotFound):
        await get(store, "link/secret")


async def test_link_to_a_folder_outside_is_not_written_through(
    store: ArtifactStore, artifacts: Path, outside: Path
) -> None:
    (artifacts / "link").symlink_to(outside)
    for path in ("link/secret", "link/new/x"):
        with pytest.raises(InvalidArgument) as caught:
            await put(store, path, b"planted")
        assert caught.value.reason == pb.ERROR_REASON_BAD_PATH
    assert files_below(outside) == {"secret"}
    assert (outside / "secret").read_bytes() == b"secret"


async def test_link_at_the_path_itself_is_replaced_by_the_file(
    store: ArtifactStore, artifacts: Path, outside: Path
) -> None:
    (artifacts / "link").symlink_to(outside / "secret")
    await put(store, "link", b"mine")
    assert await get(store, "link") == b"mine"
    assert (outside / "secret").read_bytes() == b"secret"


async def test_deleting_never_reaches_through_a_link(store: ArtifactStore, artifacts: Path, outside: Path) -> None:
    (artifacts / "d").mkdir()
    (artifacts / "d" / "link").symlink_to(outside)
    (artifacts / "link").symlink_to(outside)
    for path in ("link/secret", "d", "link"):
        await store.delete(FOLDER, ArtifactPath.parse(path))
    assert files_below(artifacts) == set()
    assert files_below(outside) == {"secret"}


async def test_run_folder_that_is_a_link_is_not_followed(store: ArtifactStore, root: Path, outside: Path) -> None:
    (root / "1").mkdir(parents=True)
    (root / "1" / "run").symlink_to(outside)
    with pytest.raises(Unavailable):
        await store.open_staged(FOLDER, "s1")
    await store.delete_tree(FOLDER)
    assert files_below(outside) == {"secret"}


async def test_staged_folder_that_is_a_link_is_not_swept(store: ArtifactStore, artifacts: Path, outside: Path) -> None:
    (artifacts / ".milepost-staged").symlink_to(outside)
    assert await store.sweep_staged(older_than_s=-3600) == 0
    assert files_below(outside) == {"secret"}


async def test_pipe_in_the_folder_is_not_found(store: ArtifactStore, artifacts: Path) -> None:
    os.mkfifo(artifacts / "pipe")
    with pytest.raises(NotFound):
        await get(store, "pipe")


async def test_root_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    store = ArtifactStore(str(tmp_path / "link"))
    await put(store, "x", b"x")
    await store.close()
    assert files_below(tmp_path / "disk") == {"1/run/artifacts/x"}


async def test_file_url_is_the_path_that_it_encodes(tmp_path: Path) -> None:
    store = ArtifactStore((tmp_path / "with space").as_uri())
    assert store.scheme == "file"
    assert store.url("1", "run") == (tmp_path / "with space" / "1" / "run").as_uri()
    await store.close()


async def test_free_room_is_known(store: ArtifactStore) -> None:
    assert (await store.free_bytes() or 0) > 0


async def test_unwritable_store_is_unavailable(store: ArtifactStore, root: Path) -> None:
    os.rmdir(root)  # noqa: PTH106
    with pytest.raises(Unavailable) as caught:
        await store.open_staged(FOLDER, "s1")
    assert str(root) not in str(caught.value)
