"""How artifacts look to HTTP: ranges, validators, safe headers, and connections that break."""

from __future__ import annotations

import asyncio
import hashlib

import httpx
import pytest

from milepost import v1 as pb
from support.errors import ApiError, refused
from support.rest_api import RestApi, artifact_target
from support.values import SOME_BYTES, unique

CONTENT = b"0123456789"


@pytest.fixture
async def stored(rest_api: RestApi) -> pb.Run:
    """A run with `CONTENT` at `dir/a.bin`."""
    run = await rest_api.create_run()
    await rest_api.upload_artifact(run.run_id, "dir/a.bin", CONTENT, "application/x-test")
    return run


async def _get(rest: RestApi, run: pb.Run, path: str = "dir/a.bin", **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await rest.send("GET", artifact_target(run.run_id, path), None, sent)


async def test_whole_file_has_its_length_digest_and_type(rest_api: RestApi, stored: pb.Run) -> None:
    response = await _get(rest_api, stored)
    assert (response.status_code, response.content) == (200, CONTENT)
    assert response.headers["content-length"] == "10"
    assert response.headers["content-type"] == "application/x-test"
    assert response.headers["etag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert response.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("wanted", "content", "span"),
    [
        ("bytes=0-0", b"0", "0-0"),
        ("bytes=2-4", b"234", "2-4"),
        ("bytes=7-", b"789", "7-9"),
        ("bytes=-3", b"789", "7-9"),
        ("bytes=-99", CONTENT, "0-9"),
        ("bytes=5-99", b"56789", "5-9"),
        ("BYTES=2-4", b"234", "2-4"),
    ],
)
async def test_range_is_answered_in_part(
    rest_api: RestApi, stored: pb.Run, wanted: str, content: bytes, span: str
) -> None:
    response = await _get(rest_api, stored, range=wanted)
    assert (response.status_code, response.content) == (206, content)
    assert response.headers["content-range"] == f"bytes {span}/10"
    assert response.headers["content-length"] == str(len(content))


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=99-100", "bytes=-0"])
async def test_range_past_the_end_says_how_long_the_file_is(rest_api: RestApi, stored: pb.Run, wanted: str) -> None:
    with refused("OUT_OF_RANGE", "BAD_RANGE"):
        await _get(rest_api, stored, range=wanted)


@pytest.mark.parametrize("wanted", ["bytes=4-2", "bytes=x-y", "lines=1-2", "bytes=", "bytes=1-2,4-5"])
async def test_range_that_is_not_understood_is_ignored(rest_api: RestApi, stored: pb.Run, wanted: str) -> None:
    response = await _get(rest_api, stored, range=wanted)
    assert (response.status_code, response.content) == (200, CONTENT)


async def test_known_etag_saves_the_bytes(rest_api: RestApi, stored: pb.Run) -> None:
    etag = (await _get(rest_api, stored)).headers["etag"]
    async with httpx.AsyncClient(base_url=rest_api.url, trust_env=False) as client:
        response = await client.get(artifact_target(stored.run_id, "dir/a.bin"), headers={"if-none-match": etag})
    assert (response.status_code, response.content) == (304, b"")


async def test_range_of_another_version_is_the_whole_file(rest_api: RestApi, stored: pb.Run) -> None:
    etag = (await _get(rest_api, stored)).headers["etag"]
    assert (await _get(rest_api, stored, range="bytes=0-1", if_range=etag)).status_code == 206
    await rest_api.upload_artifact(stored.run_id, "dir/a.bin", b"other")
    response = await _get(rest_api, stored, range="bytes=0-1", if_range=etag)
    assert (response.status_code, response.content) == (200, b"other")


async def test_head_answers_without_bytes(rest_api: RestApi, stored: pb.Run) -> None:
    response = await rest_api.send("HEAD", artifact_target(stored.run_id, "dir/a.bin"), None)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == "10"


@pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript", ""])
async def test_active_content_is_not_run_by_a_browser(rest_api: RestApi, stored: pb.Run, content_type: str) -> None:
    await rest_api.upload_artifact(stored.run_id, "page.html", b"<script>alert(1)</script>", content_type)
    response = await _get(rest_api, stored, "page.html")
    assert response.headers["content-disposition"].startswith("attachment")
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in response.headers["content-security-policy"]


@pytest.mark.parametrize("name", ['a"b.txt', "a;b.txt", "ü.txt", "a b.txt", "a'b.txt", "a,b.txt"])
async def test_odd_file_names_do_not_break_the_header(rest_api: RestApi, stored: pb.Run, name: str) -> None:
    await rest_api.upload_artifact(stored.run_id, name, b"x")
    assert (await rest_api.download_artifact(stored.run_id, name)).filename == name


async def _broken_upload(rest: RestApi, target: str, headers: dict[str, str], sent: bytes) -> None:
    """Begins a PUT, sends `sent` of its body and cuts the connection."""
    host, _, port = rest.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    lines = [f"PUT {target} HTTP/1.1", f"host: {host}:{port}", *(f"{name}: {value}" for name, value in headers.items())]
    writer.write("\r\n".join((*lines, "", "")).encode() + sent)
    await writer.drain()
    writer.close()
    await writer.wait_closed()


async def _resume(rest: RestApi, run_id: str, upload_id: str, content: bytes) -> int:
    """Resumes from what the server holds, again while it still works off the cut connection; returns that size."""
    for _ in range(500):
        try:
            held = (await rest.get_artifact_upload(run_id, upload_id)).committed_size
            await rest.upload_artifact(
                run_id, "a.bin", content[held:], size=len(content), upload_id=upload_id, offset=held
            )
        except ApiError as error:
            if error.reason not in ("UPLOAD_NOT_FOUND", "OFFSET_MISMATCH", "CONFLICT"):
                raise
            await asyncio.sleep(0.01)
        else:
            return held
    raise AssertionError("the upload could not be resumed")


@pytest.mark.parametrize("framing", ["content-length", "chunked"])
async def test_cut_connection_stores_nothing_and_can_be_resumed(rest_api: RestApi, framing: str) -> None:
    run, upload_id = await rest_api.create_run(), unique("upload")
    half = SOME_BYTES[: len(SOME_BYTES) // 2]
    target = f"{artifact_target(run.run_id, 'a.bin')}?size={len(SOME_BYTES)}&uploadId={upload_id}"
    if framing == "chunked":
        body, headers = b"%x\r\n%b\r\n" % (len(half), half), {"transfer-encoding": "chunked"}
    else:
        body, headers = half, {"content-length": str(len(SOME_BYTES))}
    await _broken_upload(rest_api, target, headers, body)
    assert await rest_api.artifact_paths(run.run_id) == []
    assert await _resume(rest_api, run.run_id, upload_id, SOME_BYTES) <= len(half)
    assert (await rest_api.download_artifact(run.run_id, "a.bin")).content == SOME_BYTES


async def test_cut_connection_without_upload_id_leaves_the_old_file(rest_api: RestApi, stored: pb.Run) -> None:
    target = artifact_target(stored.run_id, "dir/a.bin")
    await _broken_upload(rest_api, target, {"content-length": "1000"}, b"new")
    assert (await rest_api.download_artifact(stored.run_id, "dir/a.bin")).content == CONTENT
    assert await rest_api.artifact_paths(stored.run_id, recursive=True) == ["dir/a.bin"]


async def test_content_length_of_another_size_is_refused(rest_api: RestApi, stored: pb.Run) -> None:
    target = f"{artifact_target(stored.run_id, 'b.bin')}?size=5"
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", "TRUNCATED_UPLOAD"):
        await rest_api.send("PUT", target, b"1234")
    assert await rest_api.artifact_paths(stored.run_id) == ["dir"]
