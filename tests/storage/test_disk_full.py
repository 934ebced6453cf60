"""A disk that fills up under SQLite: writes are refused and say why, reads go on, and writing does once there is room.

The database lies on a file system of a few megabytes, which only root can make.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from milepost import v1 as pb
from support.crash_writers import BROKEN, StreamWriter, UnaryWriter, Writer
from support.grpc_api import read_error
from support.history_checker import FLAWLESS, Track, judge
from support.server_process import call
from support.servers import RunningServer

DISK_BYTES = 24 * 1024 * 1024
# Left beside the ballast.
ROOM_BYTES = 2 * 1024 * 1024
CREATE_RUN = "milepost.v1.TrackingService/CreateRun"
GET_RUN = "milepost.v1.TrackingService/GetRun"


@dataclass
class Disk:
    """A small file system that can be filled up."""

    path: Path

    def fill(self) -> None:
        """Leaves only a little room."""
        room = os.statvfs(self.path)
        (self.path / "ballast").write_bytes(bytes(room.f_bavail * room.f_frsize - ROOM_BYTES))

    def free(self) -> None:
        """Gives the room back."""
        (self.path / "ballast").unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ("-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder))
    try:
        mounted = subprocess.run(("mount", *options), capture_output=True, text=True)
    except FileNotFoundError as error:
        pytest.skip(f"a small file system cannot be made: {error}")
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be made: {mounted.stderr.strip()}")
    yield Disk(folder)
    subprocess.run(("umount", str(folder)), check=True)


@pytest.fixture
def server(disk: Disk, tmp_path: Path) -> Iterator[RunningServer]:
    """A server whose database is on the small disk."""
    running = RunningServer(disk.path / "data", artifact_root=str(tmp_path / "artifacts"))
    yield running
    running.stop()


def nothing() -> None:
    """Nobody counts answers here."""


async def write_until_full(writer: Writer, channel: grpc.aio.Channel) -> None:
    """Lets a writer write until it is refused, which must be for the full disk."""
    error = BROKEN
    while error == BROKEN:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await writer.write(channel, nothing)
        error = caught.value.details() or ""
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert read_error(caught.value).reason == "STORAGE_FULL"


@pytest.mark.parametrize("kind", [StreamWriter, UnaryWriter])
async def test_writing_stops_while_the_disk_is_full_and_loses_nothing(
    disk: Disk, server: RunningServer, kind: type[StreamWriter] | type[UnaryWriter]
) -> None:
    async with grpc.aio.insecure_channel(server.grpc_address) as channel:
        run_id = (await call(channel, CREATE_RUN, pb.CreateRunRequest(run=pb.Run()))).run.run_id
        tracks = [Track(run_id, f"metric-{key}", 2) for key in range(3)]
        keys = {track.key for track in tracks}
        writer = kind(tracks, most=2000)
        for _ in range(3):
            disk.fill()
            await write_until_full(writer, channel)
            verdict = await judge(channel, tracks, summaries=False)
            assert verdict.flaws() == FLAWLESS
            assert (await call(channel, GET_RUN, pb.GetRunRequest(run_id=run_id))).run.metrics.keys() == keys
            disk.free()
            await writer.finish(channel)
        verdict = await judge(channel, tracks)
        assert verdict.flaws() == FLAWLESS
        assert verdict.stored == verdict.acknowledged
