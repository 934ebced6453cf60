"""The digest of a model is the same for the server, the client and `sha256sum`."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from milepost.models.format.manifest import FILE_NAME, manifest_digest, write_manifest
from milepost_server.services import model_digest

# Letters that sort otherwise by UTF-16 or without case.
NAMES = st.text("aAbz0._-ü実🚀\uffee/", min_size=1, max_size=8).map(lambda text: text.strip("/") or "x")
DIGESTS = st.binary(max_size=2).map(lambda content: hashlib.sha256(content).hexdigest())


@given(st.dictionaries(NAMES, DIGESTS, max_size=8), DIGESTS)
def test_server_and_client_agree(files: dict[str, str], digest: str) -> None:
    with_manifest = {**files, model_digest.MANIFEST: digest}
    assert model_digest.manifest_digest(with_manifest.items()) == manifest_digest(files)


def test_digest_is_that_of_the_written_manifest(tmp_path: Path) -> None:
    for path in ("b/ü", "b-c", "a"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(path)
    files = write_manifest(tmp_path)
    written = hashlib.sha256((tmp_path / FILE_NAME).read_bytes()).hexdigest()
    assert model_digest.manifest_digest(files.items()) == written
