"""The digest of a model: one for all its files. `docs/model-format.md` specifies it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

MANIFEST = "SHA256SUMS"
"""Name of the list of digests in a model's directory, which the digest leaves out."""


def manifest_digest(files: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over the lines of a manifest, sorted by the bytes of the paths, as 64 lowercase hexadecimal digits.

    Args:
        files: Path below the model's directory and SHA-256 of each file.
    """
    digest = hashlib.sha256()
    for path, sha256 in sorted((path.encode(), sha256.encode()) for path, sha256 in files):
        if path != MANIFEST.encode():
            digest.update(sha256 + b"  " + path + b"\n")
    return digest.hexdigest()
