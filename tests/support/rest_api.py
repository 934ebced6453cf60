"""Calls over REST: requests by `rest_binding`, answers by `json_format`."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Any
from urllib.parse import quote, unquote, urlencode

import httpx
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from milepost import v1 as pb
from support.api import TIMEOUT_S, Api, Download, RawAnswer, descriptor, pieces, response_class
from support.errors import ApiError, api_error
from support.rest_binding import bind, rules
from support.watching import Watch

# HTTP statuses that may stand for each code: the standard ones of google.rpc.Code, and finer ones where HTTP has them.
_STATUSES = {
    code_pb2.INVALID_ARGUMENT: {400, 415},
    code_pb2.DEADLINE_EXCEEDED: {504},
    code_pb2.NOT_FOUND: {404, 405},
    code_pb2.ALREADY_EXISTS: {409},
    code_pb2.PERMISSION_DENIED: {403},
    code_pb2.RESOURCE_EXHAUSTED: {429, 413, 507},
    code_pb2.FAILED_PRECONDITION: {400},
    code_pb2.ABORTED: {409},
    code_pb2.OUT_OF_RANGE: {400, 416},
    code_pb2.UNIMPLEMENTED: {501, 405},
    code_pb2.UNAVAILABLE: {503},
    code_pb2.DATA_LOSS: {500},
}
_JSON = "application/json"
# json_format reads an `Any` only when its type is known to the process.
_DETAILS = (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo)


class RestApi(Api):
    """An HTTP client of `url`."""

    transport = "rest"

    def __init__(self, url: str, database: str) -> None:
        super().__init__(database)
        self.url = url
        # Direct, whatever proxy the environment names.
        self._http = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, trust_env=False)

    async def call(
        self, method: str, request: Message, *, binding: int = 0, headers: dict[str, str] | None = None
    ) -> Any:
        bound = bind(descriptor(method), request, binding)
        raw = await self.call_raw(
            method,
            bound.body or b"",
            target=bound.target,
            verb=bound.verb,
            headers=({} if bound.body is None else {"content-type": _JSON}) | (headers or {}),
        )
        assert raw.headers["content-type"].partition(";")[0] == _JSON
        # Read strictly: an unknown field in an answer fails.
        return json_format.Parse(raw.content, response_class(method)())

    async def call_raw(
        self, method: str, body: bytes, *, target: str = "", verb: str = "", headers: dict[str, str] | None = None
    ) -> RawAnswer:
        response = await self.send(verb or ("POST" if body else "GET"), target, body or None, headers)
        return RawAnswer(response.content, dict(response.headers), response.status_code)

    async def send(
        self, verb: str, target: str, body: bytes | AsyncIterator[bytes] | None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Sends a request whose target goes on the wire as it is; httpx alone would resolve `..` and re-encode."""
        request = self._http.build_request(
            verb, "/", content=body, headers=headers, extensions={"target": target.encode("ascii")}
        )
        response = await self._http.send(request)
        if response.is_success:
            return response
        raise read_error(response)

    async def upload(
        self, first: pb.UploadArtifactRequest, content: Iterable[bytes], *, sha256_last: str = ""
    ) -> pb.Artifact:
        assert not sha256_last, "HTTP has no place for a digest after the bytes"
        fields: dict[str, str] = {}
        if first.HasField("size"):
            fields["size"] = str(first.size)
        if first.sha256:
            fields["sha256"] = first.sha256
        if first.upload_id:
            fields["uploadId"] = first.upload_id
        if first.offset:
            fields["offset"] = str(first.offset)
        target = artifact_target(first.run_id, first.path)
        headers = {"content-type": first.body.content_type} if first.body.content_type else {}
        response = await self.send("PUT", f"{target}?{urlencode(fields)}", pieces(content), headers)
        return json_format.Parse(response.content, pb.UploadArtifactResponse()).artifact

    async def stream(self, method: str, request: Message) -> list[Any]:
        bound = bind(descriptor(method), request, 0)
        response = await self.send(bound.verb, bound.target, bound.body, {"content-type": _JSON} if bound.body else {})
        made = response_class(method)
        kind = response.headers["content-type"].partition(";")[0]
        body = rules(descriptor(method))[0].response_body
        if body:
            whole: Any = made()
            getattr(whole, body).content_type = kind
            getattr(whole, body).data = response.content
            return [whole]
        assert kind == "application/x-ndjson"
        messages = []
        for line in response.text.splitlines():
            document = json.loads(line)
            if "error" in document:
                raise api_error(json_format.ParseDict(document["error"], status_pb2.Status()), "")
            messages.append(json_format.ParseDict(document["result"], made()))
        return messages

    def watch(self, method: str, request: Message, headers: dict[str, str] | None = None) -> Watch:
        return Watch(self._watched(method, request, {"accept": "text/event-stream"} | (headers or {})))

    async def _watched(self, method: str, request: Message, headers: dict[str, str]) -> AsyncGenerator[Any, None]:
        target = bind(descriptor(method), request).target.encode("ascii")
        sent = self._http.build_request("GET", "/", headers=headers, extensions={"target": target})
        response = await self._http.send(sent, stream=True)
        try:
            if not response.is_success:
                await response.aread()
                raise read_error(response)
            assert response.headers["content-type"] == "text/event-stream"
            event: dict[str, str] = {}
            async for line in response.aiter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    event[name] = value
                elif "data" in event:
                    yield _message(event, response_class(method)())
                    event = {}
        finally:
            await response.aclose()

    async def download(self, request: pb.DownloadArtifactRequest) -> Download:
        headers = {}
        if request.offset or request.length:
            last = str(request.offset + request.length - 1) if request.length else ""
            headers["range"] = f"bytes={request.offset}-{last}"
        response = await self.send("GET", artifact_target(request.run_id, request.path), None, headers)
        size = len(response.content)
        if headers:
            assert response.status_code == 206
            unit, _, rest = response.headers["content-range"].partition(" ")
            span, _, whole = rest.partition("/")
            end = request.offset + len(response.content) - 1
            assert (unit, span) == ("bytes", f"{request.offset}-{end}")
            size = int(whole)
        assert int(response.headers["content-length"]) == len(response.content)
        assert response.headers["x-content-type-options"] == "nosniff"
        return Download(
            content=response.content,
            content_type=response.headers.get("content-type", ""),
            size=size,
            sha256=response.headers["etag"].strip('"'),
            filename=_filename(response.headers["content-disposition"]),
        )

    async def close(self) -> None:
        await self._http.aclose()


def _message(event: dict[str, str], message: Any) -> Any:
    """The message of a Server-Sent Event, whose id is the message's token."""
    if event.get("event") == "error":
        raise api_error(json_format.Parse(event["data"], status_pb2.Status()), "")
    json_format.Parse(event["data"], message)
    assert event.get("id", "") == message.resume_token
    return message


def artifact_target(run_id: str, path: str) -> str:
    """The HTTP path of an artifact."""
    return f"/v1/runs/{quote(run_id, safe='')}/artifacts/{quote(path)}"


def read_error(response: httpx.Response) -> ApiError:
    """The error of an unsuccessful response."""
    assert response.headers.get("content-type", "").partition(";")[0] == _JSON, (response, response.text[:500])
    status = json_format.ParseDict(json.loads(response.content), status_pb2.Status())
    assert response.status_code in _STATUSES.get(status.code, set()), (response, status)
    return api_error(status, response.headers.get("x-request-id", ""))


def _filename(disposition: str) -> str:
    _, _, extended = disposition.partition("filename*=UTF-8''")
    if extended:
        return unquote(extended.partition(";")[0])
    _, _, plain = disposition.partition('filename="')
    return plain.partition('"')[0]
