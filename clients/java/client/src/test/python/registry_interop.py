"""Reads and writes models of the registry for the Java client's tests. Prints a `Struct` in base64.

registry_interop.py read ADDRESS URI: what Python reads of a model, its files with their contents among it.
registry_interop.py write ADDRESS NAME: registers a model of odd files as NAME@champion, and prints its files.
"""

import base64
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from google.protobuf.struct_pb2 import Struct

import milepost
from milepost.models.format.manifest import manifest_digest, verify_manifest, write_manifest
from milepost.models.registry.publishing import register_model, upload_model
from milepost.models.registry.sources import fetch

ODD_FILES = {
    "MLmodel": b'{"flavors": {"bytes": {"data": "model.bin"}}}\n',
    "model.bin": bytes(range(256)) * 5000,
    "empty": b"",
    "sub folder/Größe 😀.txt": "Ümläut\r\n".encode(),
    "a-/b": b"sorts before a/b",
    "a/b": b"sorts behind a-/b",
}


def report(folder: Path) -> dict[str, Any]:
    """All files of a folder whose digests are those of its manifest."""
    digests = verify_manifest(folder, required=True) or {}
    files = {path: base64.b64encode((folder / path).read_bytes()).decode() for path in digests}
    return {"digest": manifest_digest(digests), "files": files}


def read(client: milepost.Client, uri: str) -> dict[str, Any]:
    """The files as Python's loader gets them, and what the lists say."""
    name, _, alias = uri.removeprefix("models:/").partition("@")
    version = client.model_versions.get_by_alias(name, alias)
    (listed,) = client.logged_models.list(filter=f"model_id = '{version.model_id}'")
    return {
        **report(fetch(uri, client=client)),
        "version": version.version,
        "sha256": version.sha256,
        "tags": version.tags,
        "status": listed.status.value,
        "flavors": listed.flavors,
        "signature": listed.proto.signature_json,
        "params": listed.params,
    }


def write(client: milepost.Client, name: str) -> dict[str, Any]:
    """Logs a model of odd files and registers it."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for path, content in ODD_FILES.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        write_manifest(folder)
        pending = client.logged_models.create(None, name, experiment_id="0", flavors=["bytes"])
        logged = upload_model(client, pending, folder)
        register_model(logged, name, aliases=["champion"], client=client)
        return report(folder)


with milepost.Client(sys.argv[2]) as connected, tempfile.TemporaryDirectory() as cache:
    os.environ["MILEPOST_CACHE_DIR"] = cache
    work = {"read": read, "write": write}[sys.argv[1]]
    answer = Struct()
    answer.update(work(connected, sys.argv[3]))
    print(base64.b64encode(answer.SerializeToString()).decode())
