"""Files of a model that lies in a store that fsspec can open."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from milepost._provenance import without_credentials
from milepost.errors import MilepostError, ModelError, ModelFormatError
from milepost.models.format.manifest import FILE_NAME as MANIFEST
from milepost.models.format.manifest import parse_manifest
from milepost.models.registry._remote import RemoteFile, RemoteFolder

_PIECE_BYTES = 1024 * 1024
_MAX_FILES = 100_000


def url_folder(url: str, sha256: str = "") -> tuple[RemoteFolder, str]:
    """The folder at a URL, and a key that stays the same while the store says the same of its files.

    Args:
        url: Of the folder, for `fsspec`.
        sha256: What the digest of its files must be. Empty when nobody says.

    Raises:
        ModelError: The store cannot be opened, or has nothing there.
    """
    name = without_credentials(url)
    with _explained(name):
        import fsspec

        store, root = fsspec.core.url_to_fs(url)
        root = root.rstrip("/")
        store.invalidate_cache()  # what an earlier fetch of this process was told may be old
        found = {path: info for path, info in store.find(root, detail=True).items() if path != root}
    if not found:
        raise ModelError(f"There is no model at {name}: no file is below it.")
    if len(found) > _MAX_FILES:
        raise ModelFormatError(f"{name} has {len(found):,} files. A model has at most {_MAX_FILES:,}.")
    paths = {path.removeprefix(root).lstrip("/"): info for path, info in sorted(found.items())}

    def read(path: str, offset: int) -> Iterator[bytes]:
        with _explained(name), store.open(f"{root}/{path}", "rb", cache_type="none") as content:
            if offset:
                content.seek(offset)
            while piece := content.read(_PIECE_BYTES):
                yield piece

    digests = _noted(b"".join(read(MANIFEST, 0))) if MANIFEST in paths else {}
    files = [RemoteFile(path, info.get("size"), digests.get(path, "")) for path, info in paths.items()]
    key = hashlib.sha256(repr((url, [sorted(info.items()) for info in paths.values()])).encode())
    return RemoteFolder(name, files, read, sha256), key.hexdigest()


def _noted(manifest: bytes) -> dict[str, str]:
    return {**parse_manifest(manifest), MANIFEST: hashlib.sha256(manifest).hexdigest()}


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Stores raise exceptions of their own kinds; all become one."""
    try:
        yield
    except MilepostError:
        raise
    except Exception as error:
        raise ModelError(f"{name} cannot be read: {type(error).__name__}: {error}") from error
