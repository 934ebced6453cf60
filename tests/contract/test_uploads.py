"""Uploads that end early, are resumed, or come in unusual streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.grpc_api import GrpcApi
from support.values import MIB, SOME_BYTES, chunks, sha256, unique


async def test_truncated_upload_is_resumed_where_it_broke(api: Api, run: pb.Run) -> None:
    upload_id, half = unique("upload"), MIB + 5
    whole: dict[str, Any] = {"size": len(SOME_BYTES), "sha256": sha256(SOME_BYTES), "upload_id": upload_id}
    with refused("INVALID_ARGUMENT", "TRUNCATED_UPLOAD"):
        await api.upload_artifact(run.run_id, "a.bin", SOME_BYTES[:half], "text/x-first", **whole)
    upload = await api.get_artifact_upload(run.run_id, upload_id)
    assert (upload.upload_id, upload.run_id, upload.path) == (upload_id, run.run_id, "a.bin")
    assert upload.committed_size == half
    assert upload.expire_time.ToMicroseconds() > run.create_time.ToMicroseconds()
    assert await api.artifact_paths(run.run_id) == []
    artifact = await api.upload_artifact(run.run_id, "a.bin", SOME_BYTES[half:], "text/x-first", offset=half, **whole)
    assert (artifact.size, artifact.sha256) == (len(SOME_BYTES), sha256(SOME_BYTES))
    assert (await api.download_artifact(run.run_id, "a.bin")).content == SOME_BYTES
    with refused("NOT_FOUND", "UPLOAD_NOT_FOUND"):
        await api.get_artifact_upload(run.run_id, upload_id)


async def test_upload_may_be_resumed_several_times(api: Api, run: pb.Run) -> None:
    upload_id, content = unique("upload"), SOME_BYTES[:1000]
    for offset in range(0, 900, 100):
        with refused("INVALID_ARGUMENT", "TRUNCATED_UPLOAD"):
            await api.upload_artifact(
                run.run_id, "a", content[offset : offset + 100], size=1000, upload_id=upload_id, offset=offset
            )
    await api.upload_artifact(run.run_id, "a", content[900:], size=1000, upload_id=upload_id, offset=900)
    assert (await api.download_artifact(run.run_id, "a")).content == content


async def test_resume_at_another_offset_is_refused(api: Api, run: pb.Run) -> None:
    upload_id = unique("upload")
    with refused("INVALID_ARGUMENT", "TRUNCATED_UPLOAD"):
        await api.upload_artifact(run.run_id, "a", b"12345", size=10, upload_id=upload_id)
    for offset in (4, 6):
        with refused("FAILED_PRECONDITION", "OFFSET_MISMATCH", committedSize="5"):
            await api.upload_artifact(run.run_id, "a", b"6789", size=10, upload_id=upload_id, offset=offset)
    await api.upload_artifact(run.run_id, "a", b"67890", size=10, upload_id=upload_id, offset=5)
    assert (await api.download_artifact(run.run_id, "a")).content == b"1234567890"


async def test_resumed_upload_with_a_wrong_digest_stores_nothing(api: Api, run: pb.Run) -> None:
    whole: dict[str, Any] = {"size": 10, "sha256": sha256(b"other"), "upload_id": unique("upload")}
    with refused("INVALID_ARGUMENT", "TRUNCATED_UPLOAD"):
        await api.upload_artifact(run.run_id, "a", b"12345", **whole)
    with refused("INVALID_ARGUMENT", "CHECKSUM_MISMATCH"):
        await api.upload_artifact(run.run_id, "a", b"67890", offset=5, **whole)
    assert await api.artifact_paths(run.run_id) == []


async def test_unknown_upload_is_not_found(api: Api, run: pb.Run) -> None:
    with refused("NOT_FOUND", "UPLOAD_NOT_FOUND") as refusal:
        await api.get_artifact_upload(run.run_id, "unknown-upload")
    assert "unknown-upload" in refusal.error.metadata.values()


async def test_upload_id_without_size_is_refused(api: Api, run: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "REQUIRED_FIELD", "INVALID_FIELD") as refusal:
        await api.upload_artifact(run.run_id, "a", upload_id=unique("upload"))
    assert refusal.error.fields == ["size"]


@pytest.mark.parametrize("upload_id", ["short", "x" * 65, "with space", "../../../x"])
async def test_bad_upload_id_is_refused(api: Api, run: pb.Run, upload_id: str) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.upload_artifact(run.run_id, "a", b"x", size=1, upload_id=upload_id)
    assert refusal.error.fields == ["upload_id"]


async def test_offset_without_upload_id_is_refused(api: Api, run: pb.Run) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", "REQUIRED_FIELD"):
        await api.upload_artifact(run.run_id, "a", b"x", size=2, offset=1)
    assert await api.artifact_paths(run.run_id) == []


async def test_unfinished_upload_shows_in_no_list(api: Api, run: pb.Run) -> None:
    await api.upload_artifact(run.run_id, "dir/a", b"whole")
    with refused("INVALID_ARGUMENT", "TRUNCATED_UPLOAD"):
        await api.upload_artifact(run.run_id, "dir/b", b"half", size=10, upload_id=unique("upload"))
    assert await api.artifact_paths(run.run_id, recursive=True) == ["dir/a"]
    assert (await api.list_artifacts(run.run_id)).artifacts[0].size == 5


async def test_digest_may_follow_the_bytes(grpc_api: GrpcApi) -> None:
    run = await grpc_api.create_run()
    first = pb.UploadArtifactRequest(run_id=run.run_id, path="a")
    assert (await grpc_api.upload(first, [b"12", b"3"], sha256_last=sha256(b"123"))).size == 3
    with refused("INVALID_ARGUMENT", "CHECKSUM_MISMATCH"):
        await grpc_api.upload(first, [b"12", b"4"], sha256_last=sha256(b"123"))


async def test_first_message_may_carry_bytes(grpc_api: GrpcApi) -> None:
    run = await grpc_api.create_run()
    first = pb.UploadArtifactRequest(run_id=run.run_id, path="a")
    first.body.data = b"begin "
    await grpc_api.upload(first, [b"end"])
    assert (await grpc_api.download_artifact(run.run_id, "a")).content == b"begin end"


async def test_empty_upload_stream_is_refused(grpc_api: GrpcApi) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        for piece in chunks(b"", 1):
            yield piece

    with refused("INVALID_ARGUMENT", "REQUIRED_FIELD") as refusal:
        await grpc_api.upload_messages(nothing())
    assert refusal.error.fields == ["run_id"]
