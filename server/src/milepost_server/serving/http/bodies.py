"""Bodies of requests, which clients may compress."""

from __future__ import annotations

import asyncio
import zlib

from milepost_server.errors import InvalidArgument
from milepost_server.rest import refusals
from milepost_server.rest.exchange import Exchange

# What zlib calls the two forms.
_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


async def read_unpacked(exchange: Exchange, maximum: int) -> bytes:
    """All of the body, without its content encoding (`gzip` or `deflate`).

    Args:
        exchange: Whose body.
        maximum: Most bytes that it may have, packed as well as unpacked.

    Raises:
        ResourceExhausted: It is larger; no more than that is read or unpacked.
        InvalidArgument: It did not come, or is not what its encoding says.
        Refusal: The encoding is another.
    """
    encoding = exchange.headers.get("content-encoding", "identity").lower()
    if encoding == "identity":
        return await exchange.read_body(maximum)
    window = _WINDOWS.get(encoding)
    if window is None:
        raise refusals.wrong_media_type("content encoding", encoding, "gzip, deflate or the body uncompressed")
    body = await exchange.read_body(maximum)
    # A few bytes may become many, so their number does not say whether the event loop can spare the time.
    return await asyncio.to_thread(_unpack, body, window, maximum)


def _unpack(body: bytes, window: int, maximum: int) -> bytes:
    unpacking = zlib.decompressobj(window)
    try:
        unpacked = unpacking.decompress(body, maximum + 1)
    except zlib.error:
        raise _damaged() from None
    if len(unpacked) > maximum:
        raise refusals.too_large(maximum)
    if not unpacking.eof or unpacking.unused_data:
        raise _damaged()
    return unpacked


def _damaged() -> InvalidArgument:
    return refusals.malformed_request(
        "The body is not what Content-Encoding says, or not complete. Send it again, or uncompressed."
    )
