"""Digests of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

_BUFFER_BYTES = 1024 * 1024


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, as 64 lowercase hexadecimal digits, in constant memory."""
    digest = hashlib.sha256()
    buffer = bytearray(_BUFFER_BYTES)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(view[:count])
    return digest.hexdigest()
