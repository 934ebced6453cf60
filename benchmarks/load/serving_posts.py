"""`POST` requests with JSON over kept HTTP/1.1 connections, one caller on each, from bytes that are built ahead."""

from __future__ import annotations

import uvloop

from benchmarks.load.counting import arguments, read_payloads, write
from benchmarks.load.http_calls import run


def _request(path: str, body: bytes) -> bytes:
    headers = f"host: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\n{headers}\r\n".encode() + body


def _main() -> None:
    parser = arguments()
    parser.add_argument("--path", required=True)
    options = parser.parse_args()
    requests = [_request(options.path, body) for body in read_payloads(options.payloads)]
    write(uvloop.run(run(requests, options)))


if __name__ == "__main__":
    _main()
