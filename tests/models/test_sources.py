"""Fetching models: from a real server and from a store, by every URI, whole, resumed and refused."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

import milepost
from milepost import errors
from milepost import v1 as pb
from milepost.models.format.manifest import write_manifest
from milepost.models.registry._remote import RemoteFile, RemoteFolder
from milepost.models.registry._url_files import url_folder
from milepost.models.registry.publishing import upload_model
from milepost.models.registry.sources import fetch
from support.servers import RunningServer

CONTENT = {"MLmodel": b"flavors: {}\n", "layers/0.bin": bytes(range(256)) * 5000, "empty": b""}


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[milepost.Client]:
    with milepost.Client(server.grpc_address) as connected:
        yield connected


@pytest.fixture
def run(client: milepost.Client) -> milepost.Run:
    return client.runs.create()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A folder with a manifest; no two tests have the same, so that none finds that of another in the cache."""
    folder = tmp_path / "saved"
    for path, data in {**CONTENT, "id": uuid.uuid4().bytes}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    write_manifest(folder)
    return folder


@pytest.fixture
def logged(client: milepost.Client, run: milepost.Run, saved: Path) -> milepost.LoggedModel:
    return upload_model(client, client.logged_models.create(run.run_id, "classifier"), saved)


@pytest.fixture
def version(client: milepost.Client, logged: milepost.LoggedModel) -> milepost.ModelVersion:
    name = f"fraud-{uuid.uuid4().hex}"
    return client.model_versions.create(name, model_id=logged.model_id, create_model=True)


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_uri_of_a_model_gives_the_same_folder(
    client: milepost.Client, version: milepost.ModelVersion, saved: Path
) -> None:
    version.set_alias("champion")
    uris = [
        version.uri,
        f"models:/{version.name}@champion",
        f"models:/{version.name}/latest",
        f"models:/{version.model_id}",
        f"runs:/{version.run_id}/classifier",
        f"runs:/{version.run_id}/{version.path}",
    ]
    folders = {fetch(uri, client=client) for uri in uris}
    assert len(folders) == 1
    assert files(folders.pop()) == files(saved)


def test_the_newest_ready_model_of_a_name_is_that_of_the_run(
    client: milepost.Client, run: milepost.Run, saved: Path
) -> None:
    for content in (b"old", b"new"):
        (saved / "id").write_bytes(content + run.run_id.encode())
        write_manifest(saved)
        upload_model(client, client.logged_models.create(run.run_id, "classifier"), saved)
    client.logged_models.create(run.run_id, "classifier")
    assert (fetch(f"runs:/{run.run_id}/classifier", client=client) / "id").read_bytes()[:3] == b"new"


def test_artifacts_without_a_logged_model_are_fetched(client: milepost.Client, run: milepost.Run, saved: Path) -> None:
    (saved / "SHA256SUMS").unlink()
    run.upload_artifact(saved, "checkpoints/best")
    folder = fetch(f"runs:/{run.run_id}/checkpoints/best", client=client)
    assert files(folder) == files(saved)
    assert fetch(f"runs:/{run.run_id}/checkpoints/best", client=client) == folder


def test_a_folder_of_this_machine_stays_where_it_is(tmp_path: Path) -> None:
    assert fetch(tmp_path) == fetch(str(tmp_path)) == fetch(tmp_path.as_uri()) == tmp_path


def test_what_is_not_there_is_not_found(client: milepost.Client, run: milepost.Run) -> None:
    with pytest.raises(errors.ModelNotFound):
        fetch("models:/nobody/1", client=client)
    with pytest.raises(errors.LoggedModelNotFound):
        fetch(f"models:/m-{uuid.uuid4().hex}", client=client)
    with pytest.raises(errors.ArtifactNotFound):
        fetch(f"runs:/{run.run_id}/nothing", client=client)


def test_a_file_is_no_model(client: milepost.Client, run: milepost.Run) -> None:
    client.artifacts.upload_bytes(run.run_id, b"x", "file")
    with pytest.raises(errors.ArtifactNotFound, match="no directory"):
        fetch(f"runs:/{run.run_id}/file", client=client)


def test_a_model_that_is_not_ready_is_refused(client: milepost.Client, run: milepost.Run) -> None:
    pending = client.logged_models.create(run.run_id, "classifier")
    for uri in (pending.uri, f"runs:/{run.run_id}/{pending.path}"):
        with pytest.raises(errors.ModelError, match="still being uploaded"):
            fetch(uri, client=client)
    client.logged_models.finalize(pending.model_id, "failed", status_message="out of disk")
    with pytest.raises(errors.ModelError, match=r"given up \(out of disk\)"):
        fetch(pending.uri, client=client)


def test_a_pending_version_is_refused(client: milepost.Client) -> None:
    name = f"fraud-{uuid.uuid4().hex}"
    client.model_versions.create(name, source_uri="memory://x", status="pending", create_model=True)
    with pytest.raises(errors.ModelError, match="still being uploaded"):
        fetch(f"models:/{name}/1", client=client)


def test_a_manifest_that_lies_is_refused(client: milepost.Client, run: milepost.Run, saved: Path) -> None:
    (saved / "id").write_bytes(b"changed after it was saved")
    run.upload_artifact(saved, "model")
    with pytest.raises(errors.ModelCorrupt, match="manifest"):
        fetch(f"runs:/{run.run_id}/model", client=client)


@pytest.fixture
def url(saved: Path) -> Iterator[str]:
    """The model in a store that fsspec opens."""
    root = f"memory://{uuid.uuid4().hex}/model"
    store = fsspec.filesystem("memory")
    store.put(str(saved) + "/", root, recursive=True)
    yield root
    store.rm(root, recursive=True)


def test_a_url_is_fetched_once_while_the_store_says_the_same(client: milepost.Client, url: str, saved: Path) -> None:
    folder = fetch(url, client=client)
    assert files(folder) == files(saved)
    assert fetch(url, client=client) == folder


def test_a_url_without_manifest_is_fetched_again_when_a_file_changed(
    client: milepost.Client, url: str, saved: Path
) -> None:
    store = fsspec.filesystem("memory")
    store.rm(f"{url}/SHA256SUMS")
    first = fetch(url, client=client)
    assert fetch(url, client=client) == first
    store.pipe(f"{url}/id", b"new")
    assert (fetch(url, client=client) / "id").read_bytes() == b"new"


def test_a_version_elsewhere_must_have_the_digest_that_was_registered(client: milepost.Client, url: str) -> None:
    fsspec.filesystem("memory").rm(f"{url}/SHA256SUMS")
    name = f"fraud-{uuid.uuid4().hex}"
    wrong = hashlib.sha256(uuid.uuid4().bytes).hexdigest()
    client.model_versions.create(name, source_uri=url, sha256=wrong, create_model=True)
    client.model_versions.create(name, source_uri=url)
    with pytest.raises(errors.ModelCorrupt, match=wrong):
        fetch(f"models:/{name}/1", client=client)
    assert (fetch(f"models:/{name}/2", client=client) / "MLmodel").is_file()


def test_a_file_of_a_store_is_read_from_where_it_stopped(url: str, saved: Path) -> None:
    folder, _ = url_folder(url)
    assert b"".join(folder.read("layers/0.bin", 1000)) == (saved / "layers/0.bin").read_bytes()[1000:]


@pytest.mark.parametrize("url", ["nosuchprotocol://bucket/model", "memory://nothing/here"])
def test_a_store_that_cannot_be_read_is_named(client: milepost.Client, url: str) -> None:
    with pytest.raises(errors.ModelError, match=url):
        fetch(url, client=client)


def folder_of(content: dict[str, bytes], asked: list[tuple[str, int]]) -> RemoteFolder:
    def read(path: str, offset: int) -> Iterator[bytes]:
        asked.append((path, offset))
        yield content[path][offset:]

    listed = [RemoteFile(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in content.items()]
    return RemoteFolder("a model", listed, read)


def test_a_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole = folder_of(CONTENT, [])

    def breaking(path: str, offset: int) -> Iterator[bytes]:
        yield CONTENT[path][:1000]
        if path.startswith("layers"):
            raise errors.UnavailableError("gone")

    with pytest.raises(errors.UnavailableError):
        RemoteFolder("a model", whole.files, breaking).download(tmp_path)
    asked: list[tuple[str, int]] = []
    folder_of(CONTENT, asked).download(tmp_path)
    assert ("layers/0.bin", 1000) in asked
    assert files(tmp_path) == CONTENT


def test_what_another_attempt_left_of_another_file_is_fetched_anew(tmp_path: Path) -> None:
    def foreign(path: str, offset: int) -> Iterator[bytes]:
        yield b"foreign"
        raise errors.UnavailableError("gone")

    with pytest.raises(errors.UnavailableError):
        RemoteFolder("a model", folder_of(CONTENT, []).files, foreign).download(tmp_path)
    folder_of(CONTENT, []).download(tmp_path)
    assert files(tmp_path) == CONTENT


def test_other_bytes_than_recorded_are_refused_and_not_kept(tmp_path: Path) -> None:
    wrong = RemoteFolder("a model", folder_of(CONTENT, []).files, lambda path, _: iter([CONTENT[path][::-1] + b"!"]))
    with pytest.raises(errors.ModelCorrupt, match="arrived with other bytes"):
        wrong.download(tmp_path)
    assert not list(tmp_path.rglob("*.bin"))


@pytest.mark.parametrize("path", ["../escaped", "/etc/passwd", "a/../../b", r"..\b", ""])
def test_a_listed_path_never_leaves_the_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(errors.ModelFormatError):
        folder_of({path: b"x"}, []).download(tmp_path / "folder")
    assert not (tmp_path / "escaped").exists()


def test_inputs_of_the_run_are_those_of_the_version(client: milepost.Client, run: milepost.Run, saved: Path) -> None:
    run.log_inputs([pb.DatasetInput(dataset=pb.Dataset(name="train", digest="d1"), context="training")])
    logged = upload_model(client, client.logged_models.create(run.run_id, "classifier"), saved)
    version = milepost.register_model(logged, f"fraud-{uuid.uuid4().hex}")
    assert [used.dataset.name for used in version.inputs] == ["train"]
