"""Raw bytes up and down over a real HTTP listener."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument
from milepost_server.rest.ranges import Range, parse_range, same_content
from support.rest_servicers import CONTENT, ETAG, RestServer, running_rest_server

FILE = "/v1/runs/r/artifacts/a/b%20%C3%BC.txt"
SIZE = len(CONTENT)


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[RestServer]:
    async with running_rest_server() as running:
        yield running


# Down


async def test_download_has_all_bytes_and_what_describes_them(server: RestServer) -> None:
    response = await server.client.get(FILE)
    assert (response.status_code, response.content) == (200, CONTENT)
    expected = {
        "content-type": "text/html",
        "content-length": str(SIZE),
        "etag": f'"{ETAG}"',
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox; default-src 'none'",
        "content-disposition": "attachment; filename*=UTF-8''b%20%C3%BC.txt",
    }
    assert {name: response.headers.get(name) for name in expected} == expected


async def test_head_of_a_download_has_its_headers_and_no_bytes(server: RestServer) -> None:
    response = await server.client.head(FILE, headers={"range": "bytes=5-9"})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(SIZE)


async def test_content_type_cannot_add_headers(server: RestServer) -> None:
    response = await server.client.get("/v1/runs/r/artifacts/evil")
    assert response.headers["content-type"] == "application/octet-stream"
    assert "evil" not in response.headers


@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=5-250004", 5, 250_004),
        ("bytes=1000000-", 1_000_000, SIZE - 1),
        ("bytes=1023999-99999999999999999999", SIZE - 1, SIZE - 1),
        ("bytes=-3", SIZE - 3, SIZE - 1),
        ("bytes=-99999999", 0, SIZE - 1),
    ],
)
async def test_range_is_answered_with_that_part(server: RestServer, header: str, first: int, last: int) -> None:
    response = await server.client.get(FILE, headers={"range": header})
    assert (response.status_code, response.content) == (206, CONTENT[first : last + 1])
    assert response.headers["content-range"] == f"bytes {first}-{last}/{SIZE}"
    assert response.headers["content-length"] == str(last - first + 1)


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", f"bytes={SIZE + 5}-{SIZE + 9}", f"bytes={10**30}-", "bytes=-0"])
async def test_range_past_the_end_is_416_with_the_size(server: RestServer, header: str) -> None:
    response = await server.client.get(FILE, headers={"range": header})
    assert (response.status_code, response.headers["content-range"]) == (416, f"bytes */{SIZE}")
    assert response.json()["details"][0]["reason"] == "BAD_RANGE"


@pytest.mark.parametrize("header", ["bytes=0-1,3-4", "bytes=5-2", "lines=0-1", "bytes=x-", "bytes=-", "nonsense"])
async def test_range_that_is_not_understood_is_ignored(server: RestServer, header: str) -> None:
    response = await server.client.get(FILE, headers={"range": header})
    assert (response.status_code, len(response.content)) == (200, SIZE)


async def test_empty_file_is_served_and_has_no_ranges(server: RestServer) -> None:
    path = "/v1/runs/r/artifacts/empty"
    whole = await server.client.get(path)
    assert (whole.status_code, whole.headers["content-length"], whole.content) == (200, "0", b"")
    for header in ("bytes=0-", "bytes=-5"):
        assert (await server.client.get(path, headers={"range": header})).status_code == 416


async def test_known_content_is_304(server: RestServer) -> None:
    for known in (f'"{ETAG}"', f'"x", W/"{ETAG}"', "*"):
        response = await server.client.get(FILE, headers={"if-none-match": known})
        assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", f'"{ETAG}"')
    assert (await server.client.get(FILE, headers={"if-none-match": '"x"'})).status_code == 200


async def test_range_of_other_content_is_answered_with_the_whole(server: RestServer) -> None:
    for etag, status in ((f'"{ETAG}"', 206), ('"old"', 200)):
        response = await server.client.get(FILE, headers={"range": "bytes=0-9", "if-range": etag})
        assert response.status_code == status


async def test_query_may_not_set_the_range(server: RestServer) -> None:
    assert (await server.client.get(f"{FILE}?offset=5")).status_code == 400


async def test_download_that_fails_in_the_middle_is_cut_off(server: RestServer) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await server.client.get("/v1/runs/r/artifacts/corrupt")


async def test_bytes_without_ranges_are_sent_as_they_come(server: RestServer) -> None:
    response = await server.client.get("/test/fetch?count=3")
    assert (response.content, response.headers["content-type"]) == (b"0,1,2,", "text/csv")
    assert response.headers["content-disposition"] == "attachment"
    empty = await server.client.get("/test/fetch")
    assert (empty.content, empty.headers["content-type"]) == (b"", "application/octet-stream")


# Up


async def test_upload_carries_path_type_size_and_bytes(server: RestServer) -> None:
    response = await server.client.put(FILE, content=CONTENT, headers={"content-type": "text/csv"})
    assert response.json()["artifact"] == {
        "path": "a/b ü.txt",
        "size": str(SIZE),
        "sha256": str(SIZE),
        "contentType": "text/csv",
    }


async def test_small_chunks_of_an_upload_are_joined(server: RestServer) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(2000):
            yield b"x" * 500

    response = await server.client.put(FILE, content=pieces())
    assert response.json()["artifact"] == {"path": "a/b ü.txt", "size": "1000000", "sha256": "unset"}
    assert int(response.headers["x-messages"]) < 10


async def test_upload_may_be_empty(server: RestServer) -> None:
    response = await server.client.put(FILE, content=b"")
    assert response.json()["artifact"] == {"path": "a/b ü.txt", "sha256": "0"}
    assert response.headers["x-messages"] == "1"


async def test_size_of_a_resumed_upload_counts_what_is_there(server: RestServer) -> None:
    response = await server.client.put(f"{FILE}?offset=100&uploadId=abcdefgh", content=b"12345")
    assert response.json()["artifact"]["sha256"] == "105"


async def test_size_in_the_query_wins_over_the_length(server: RestServer) -> None:
    response = await server.client.put(f"{FILE}?size=7", content=b"12345")
    assert response.json()["artifact"]["sha256"] == "7"


async def test_upload_larger_than_a_json_body_may_be_is_taken(server: RestServer) -> None:
    response = await server.client.put(FILE, content=CONTENT * 5)
    assert response.json()["artifact"]["size"] == str(5 * SIZE)


async def test_body_field_of_an_upload_is_no_query_parameter(server: RestServer) -> None:
    response = await server.client.put(f"{FILE}?body.contentType=x", content=b"")
    assert (response.status_code, response.json()["details"][0]["reason"]) == (400, "INVALID_FIELD")


@pytest.mark.parametrize("head", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
async def test_client_that_goes_away_ends_the_upload_with_an_error(server: RestServer, head: bytes) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"PUT %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n\r\n5\r\nhello\r\n" % (FILE.encode(), head))
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(20):
        failure = await server.artifacts.upload_failures.get()
    assert isinstance(failure, InvalidArgument)
    assert failure.reason == pb.ERROR_REASON_TRUNCATED_UPLOAD


# Headers


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=1-2", Range(1, 2)),
        ("BYTES= 1-2 ", Range(1, 2)),
        ("bytes=3-", Range(3, 0)),
        ("bytes=-4", Range(4, 0, suffix=True)),
        (f"bytes={'9' * 5000}-", Range(2**63 - 1, 0)),
        ("bytes=\u0661-", None),
        (None, None),
    ],
)
def test_range_header_is_read(header: str | None, wanted: Range | None) -> None:
    assert parse_range(header) == wanted


def test_content_without_a_tag_is_never_the_same() -> None:
    assert not same_content("*", "", weak=True)
    assert not same_content("", "", weak=False)


def test_weak_tag_does_not_allow_a_range() -> None:
    assert not same_content('W/"a"', '"a"', weak=False)
