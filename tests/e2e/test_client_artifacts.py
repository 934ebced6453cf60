"""Artifacts of both clients against a real server."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

import milepost
from milepost import errors
from milepost._channel import Transport
from milepost.artifacts import Artifacts
from milepost.artifacts._transfer import CHUNK_BYTES, RESUMABLE_BYTES
from support.servers import RunningServer


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[milepost.Client]:
    with milepost.Client(server.grpc_address) as connected:
        yield connected


@pytest.fixture
async def aio(server: RunningServer) -> AsyncIterator[milepost.AsyncClient]:
    async with milepost.AsyncClient(server.grpc_address) as connected:
        yield connected


@pytest.fixture
def run_id(client: milepost.Client) -> str:
    return client.runs.create().run_id


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, data in {"a.txt": b"a", "sub/b.bin": bytes(2 * CHUNK_BYTES + 1), "sub/deep/empty": b""}.items():
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes(data)
    return tmp_path / "tree"


def contents(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 5])
def test_bytes_come_back_as_they_went(client: milepost.Client, run_id: str, size: int) -> None:
    data = os.urandom(size)
    artifact = client.artifacts.upload_bytes(run_id, data, "a/b.bin")
    assert (artifact.size, artifact.sha256) == (size, hashlib.sha256(data).hexdigest())
    assert client.artifacts.read(run_id, "a/b.bin") == data


def test_a_range_is_read(client: milepost.Client, run_id: str) -> None:
    client.artifacts.upload_bytes(run_id, b"0123456789", "x")
    assert client.artifacts.read(run_id, "x", offset=3, length=4) == b"3456"
    assert client.artifacts.read(run_id, "x", offset=7) == b"789"
    with pytest.raises(errors.OutOfRangeError):
        client.artifacts.read(run_id, "x", offset=11)


def test_a_file_is_uploaded_under_its_name_and_downloaded(
    client: milepost.Client, run_id: str, tree: Path, tmp_path: Path
) -> None:
    (artifact,) = client.artifacts.upload(run_id, tree / "a.txt")
    assert (artifact.path, artifact.content_type) == ("a.txt", "text/plain")
    assert client.artifacts.download(run_id, "a.txt", tmp_path) == tmp_path / "a.txt"
    assert client.artifacts.download(run_id, "a.txt", tmp_path / "new/other").read_bytes() == b"a"


def test_a_directory_goes_up_and_comes_down_whole(
    client: milepost.Client, run_id: str, tree: Path, tmp_path: Path
) -> None:
    uploaded = client.artifacts.upload(run_id, tree, "model")
    assert [artifact.path for artifact in uploaded] == ["model/a.txt", "model/sub/b.bin", "model/sub/deep/empty"]
    target = client.artifacts.download(run_id, "model", tmp_path / "down")
    assert contents(target) == contents(tree)
    assert contents(client.artifacts.download(run_id, "", tmp_path / "all") / "model") == contents(tree)


def test_progress_ends_with_all_bytes(client: milepost.Client, run_id: str, tree: Path, tmp_path: Path) -> None:
    total = sum(len(data) for data in contents(tree).values())
    seen: list[tuple[int, int]] = []
    client.artifacts.upload(run_id, tree, "m", progress=lambda done, whole: seen.append((done, whole)))
    assert seen[-1] == (total, total)
    seen.clear()
    client.artifacts.download(run_id, "m", tmp_path / "d", progress=lambda done, whole: seen.append((done, whole)))
    assert seen[-1] == (total, total)


def test_listing_shows_one_level_or_all_files(client: milepost.Client, run_id: str, tree: Path) -> None:
    client.artifacts.upload(run_id, tree, "m")
    assert [(a.path, a.directory) for a in client.artifacts.list(run_id, "m")] == [("m/a.txt", False), ("m/sub", True)]
    recursive = client.artifacts.list(run_id, recursive=True, page_size=1)
    assert [a.path for a in recursive] == ["m/a.txt", "m/sub/b.bin", "m/sub/deep/empty"]


def test_a_file_object_reads_seeks_and_ends(client: milepost.Client, run_id: str) -> None:
    data = os.urandom(3 * CHUNK_BYTES)
    client.artifacts.upload_bytes(run_id, data, "x")
    with client.artifacts.open(run_id, "x") as file:
        assert file.read(10) == data[:10]
        file.seek(-7, os.SEEK_END)
        assert file.read() == data[-7:]
        assert file.read(1) == b""
        file.seek(0)
        assert file.read() == data


def test_a_file_object_of_an_empty_file_is_at_its_end(client: milepost.Client, run_id: str) -> None:
    client.artifacts.upload_bytes(run_id, b"", "x")
    with client.artifacts.open(run_id, "x") as file:
        assert file.read() == b""


def test_what_is_not_there_is_not_found(client: milepost.Client, run_id: str, tmp_path: Path) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: client.artifacts.read(run_id, "no"),
        lambda: client.artifacts.open(run_id, "no"),
        lambda: client.artifacts.download(run_id, "no", tmp_path / "no"),
        lambda: client.artifacts.delete(run_id, "no"),
    ]
    for call in calls:
        with pytest.raises(errors.ArtifactNotFound):
            call()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_is_deleted_with_its_files(client: milepost.Client, run_id: str, tree: Path) -> None:
    client.artifacts.upload(run_id, tree, "m")
    assert client.artifacts.delete(run_id, "m") == 3
    assert list(client.artifacts.list(run_id)) == []


def test_a_bad_path_is_refused_by_the_server(client: milepost.Client, run_id: str) -> None:
    with pytest.raises(errors.BadPath):
        client.artifacts.upload_bytes(run_id, b"x", "../x")


def test_an_upload_to_a_run_that_is_not_there_is_refused(client: milepost.Client) -> None:
    with pytest.raises(errors.RunNotFound):
        client.artifacts.upload_bytes("nothing", bytes(20 * CHUNK_BYTES), "x")


def test_a_missing_local_file_is_a_local_error(client: milepost.Client, run_id: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        client.artifacts.upload(run_id, tmp_path / "no")


class BreakingTransport(Transport):
    """A real connection whose streams break after some messages, as if the network did."""

    def __init__(self, transport: Transport, messages: int) -> None:
        super().__init__(transport.config)
        self.messages = messages
        self.breaks = 0

    def upload(self, method: Any, requests: Iterable[Any], timeout_s: float) -> Any:
        if self.breaks:
            return super().upload(method, requests, timeout_s)
        self.breaks += 1

        def first() -> Iterator[Any]:
            for number, request in enumerate(requests):
                if number == self.messages:
                    return
                yield request

        with pytest.raises(errors.InvalidArgumentError, match="bytes"):
            super().upload(method, first(), timeout_s)
        raise errors.UnavailableError("the connection broke")

    def download(self, method: Any, request: Any, timeout_s: float) -> Iterator[Any]:
        for number, message in enumerate(super().download(method, request, timeout_s)):
            if self.breaks < 2 and number == self.messages:
                self.breaks += 1
                raise errors.UnavailableError("the connection broke")
            yield message


def test_a_broken_upload_goes_on_where_the_server_stands(client: milepost.Client, run_id: str) -> None:
    transport = BreakingTransport(client._transport, messages=5)
    data = os.urandom(RESUMABLE_BYTES + 3)
    seen: list[int] = []
    artifact = Artifacts(transport).upload_bytes(run_id, data, "big", progress=lambda done, _: seen.append(done))
    transport.close()
    assert artifact.sha256 == hashlib.sha256(data).hexdigest()
    # Five chunks went up before the break; without a resume the second stream would begin with the first chunk again.
    assert seen.count(CHUNK_BYTES) == 1
    assert client.artifacts.read(run_id, "big") == data


def test_a_small_broken_upload_is_sent_again(client: milepost.Client, run_id: str) -> None:
    transport = BreakingTransport(client._transport, messages=1)
    data = os.urandom(3 * CHUNK_BYTES)
    Artifacts(transport).upload_bytes(run_id, data, "small")
    transport.close()
    assert client.artifacts.read(run_id, "small") == data


def test_a_broken_download_goes_on_and_is_checked_as_a_whole(
    client: milepost.Client, run_id: str, tmp_path: Path
) -> None:
    data = os.urandom(5 * 1024 * 1024)
    client.artifacts.upload_bytes(run_id, data, "x")
    transport = BreakingTransport(client._transport, messages=2)
    path = Artifacts(transport).download(run_id, "x", tmp_path / "x")
    transport.close()
    assert transport.breaks == 2
    assert path.read_bytes() == data


async def test_the_asynchronous_client_moves_directories(
    aio: milepost.AsyncClient, run_id: str, tree: Path, tmp_path: Path
) -> None:
    await aio.artifacts.upload(run_id, tree, "m")
    target = await aio.artifacts.download(run_id, "m", tmp_path / "down")
    assert contents(target) == contents(tree)
    one = await aio.artifacts.download(run_id, "m/a.txt", tmp_path / "one")
    assert one.read_bytes() == b"a"


async def test_the_asynchronous_client_reads_and_deletes(aio: milepost.AsyncClient, run_id: str) -> None:
    await aio.artifacts.upload_bytes(run_id, b"0123456789", "x")
    assert await aio.artifacts.read(run_id, "x", offset=2, length=3) == b"234"
    async with await aio.artifacts.open(run_id, "x") as file:
        assert await file.read(4) == b"0123"
        file.seek(8)
        assert await file.read() == b"89"
        assert await file.read() == b""
    assert [a.path async for a in aio.artifacts.list(run_id)] == ["x"]
    assert await aio.artifacts.delete(run_id, "x") == 1


async def test_the_asynchronous_client_raises_what_the_server_says(aio: milepost.AsyncClient, run_id: str) -> None:
    with pytest.raises(errors.ArtifactNotFound):
        await aio.artifacts.read(run_id, "no")
    with pytest.raises(errors.UploadNotFound):
        await aio.artifacts.get_upload(run_id, "no-such-upload")
