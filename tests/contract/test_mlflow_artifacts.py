"""Artifacts through MLflow's REST API: by their run, and through the proxy of `mlflow-artifacts:` URIs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from milepost import v1 as pb
from support.grpc_api import GrpcApi
from support.mlflow_http import MlflowHttp, refused
from support.model_files import ready_model
from support.values import MIB, SOME_BYTES, unique

# Databases make no difference.
pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

PROXY = "/api/2.0/mlflow-artifacts"
UPLOAD = "/ajax-api/2.0/mlflow/upload-artifact"


@pytest.fixture
async def run(grpc_api: GrpcApi) -> pb.Run:
    return await grpc_api.create_run()


def _root(run: pb.Run) -> str:
    return f"{run.experiment_id}/{run.run_id}/artifacts"


async def _put(mlflow: MlflowHttp, path: str, content: bytes | AsyncIterator[bytes] = b"x") -> int:
    return (await mlflow.raw("PUT", f"{PROXY}/artifacts/{path}", content=content)).status_code


async def _listed(mlflow: MlflowHttp, path: str) -> list[Any]:
    files: list[Any] = (await mlflow.get(f"{PROXY}/artifacts", path=path)).get("files", [])
    return files


async def _pieces() -> AsyncIterator[bytes]:
    for start in range(0, len(SOME_BYTES), 100_000):
        yield SOME_BYTES[start : start + 100_000]


async def test_a_file_goes_through_the_proxy_and_back_in_ranges(mlflow: MlflowHttp, run: pb.Run) -> None:
    path = f"{_root(run)}/dir/a%20file.bin"
    assert await _put(mlflow, path, _pieces()) == 200
    got = await mlflow.raw("GET", f"{PROXY}/artifacts/{path}")
    assert (got.status_code, got.content == SOME_BYTES) == (200, True)
    part = await mlflow.raw("GET", f"/ajax-api/2.0/mlflow-artifacts/artifacts/{path}", headers={"range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, SOME_BYTES[5:10])
    again = await mlflow.raw("PUT", f"{PROXY}/artifacts/{path}", content=b"other")
    assert (again.status_code, again.json()) == (200, {})
    assert (await mlflow.raw("GET", f"{PROXY}/artifacts/{path}")).content == b"other"


async def test_directories_list_what_is_in_them_relative_to_them(mlflow: MlflowHttp, run: pb.Run) -> None:
    for path in ("top.txt", "dir/a.txt", "dir/sub/b.txt"):
        await _put(mlflow, f"{_root(run)}/{path}", path.encode())
    directory = {"path": "dir", "is_dir": True}
    top = {"path": "top.txt", "is_dir": False, "file_size": 7}
    assert await _listed(mlflow, _root(run)) == [directory, top]
    inner = [{"path": "a.txt", "is_dir": False, "file_size": 9}, {"path": "sub", "is_dir": True}]
    assert await _listed(mlflow, f"{_root(run)}/dir") == inner
    for empty in ("top.txt", "none"):
        assert await _listed(mlflow, f"{_root(run)}/{empty}") == []

    root = {"root_uri": f"mlflow-artifacts:/{_root(run)}"}
    assert await mlflow.get("/artifacts/list", run_id=run.run_id) == {**root, "files": [directory, top]}
    by_run = [{**file, "path": f"dir/{file['path']}"} for file in inner]
    assert await mlflow.get("/artifacts/list", run_uuid=run.run_id, path="dir") == {**root, "files": by_run}
    assert await mlflow.get("/artifacts/list", run_id=run.run_id, path="top.txt") == root


async def test_files_and_trees_are_deleted_and_what_is_gone_may_be_deleted_again(
    mlflow: MlflowHttp, run: pb.Run
) -> None:
    for path in ("a.txt", "dir/b.txt", "dir/sub/c.txt", "other/d.txt"):
        await _put(mlflow, f"{_root(run)}/{path}")
    for path in ("a.txt", "dir", "dir", "none/at/all"):
        assert await mlflow.delete(f"{PROXY}/artifacts/{_root(run)}/{path}") == {}
    assert [file["path"] for file in await _listed(mlflow, _root(run))] == ["other"]
    assert await mlflow.delete(f"{PROXY}/artifacts/{_root(run)}/") == {}
    assert await _listed(mlflow, _root(run)) == []
    assert await mlflow.delete(f"{PROXY}/artifacts/{run.experiment_id}/{unique()}/artifacts/a") == {}


@pytest.mark.parametrize("tail", ["..%2Fx", "%2e%2e/x", "a//b", "C:/x", "a%255c..%255cb", ".milepost-x"])
async def test_unsafe_paths_are_refused(mlflow: MlflowHttp, run: pb.Run, tail: str) -> None:
    path = f"{PROXY}/artifacts/{_root(run)}/{tail}"
    for verb in ("PUT", "GET", "DELETE"):
        with refused(400, "INVALID_PARAMETER_VALUE"):
            await mlflow.send(verb, path)


async def test_paths_outside_of_runs_are_refused(mlflow: MlflowHttp, run: pb.Run) -> None:
    await _put(mlflow, f"{_root(run)}/a.txt")
    for path in ("a.txt", run.experiment_id, f"{run.experiment_id}/{run.run_id}/models/x"):
        with refused(400, "INVALID_PARAMETER_VALUE"):
            await mlflow.send("PUT", f"{PROXY}/artifacts/{path}")
    for experiment_id, run_id in ((f"{run.experiment_id}0", run.run_id), (run.experiment_id, unique())):
        with refused(404, "RESOURCE_DOES_NOT_EXIST"):
            await mlflow.send("GET", f"{PROXY}/artifacts/{experiment_id}/{run_id}/artifacts/a.txt")


async def test_files_of_ready_models_stay_as_they_are(mlflow: MlflowHttp, run: pb.Run, grpc_api: GrpcApi) -> None:
    model = await ready_model(grpc_api, run.run_id)
    path = f"{PROXY}/artifacts/{_root(run)}/{model.path}/MLmodel"
    for verb in ("PUT", "DELETE"):
        with refused(400, "INVALID_PARAMETER_VALUE") as seen:
            await mlflow.send(verb, path)
        assert "is ready, so its files stay as they are" in seen.message
    assert (await mlflow.raw("GET", path)).status_code == 200


async def test_transfers_that_are_not_offered_say_so(mlflow: MlflowHttp, run: pb.Run) -> None:
    path = f"{_root(run)}/a.bin"
    with refused(501, "NOT_IMPLEMENTED") as seen:
        await mlflow.post(f"{PROXY}/mpu/create/{path}", path="a.bin", num_parts=3)
    # By these words the stock client knows that it may send the file whole.
    assert seen.message.startswith("Multipart upload is not supported for the current artifact repository")
    for call in ("complete", "abort"):
        with refused(501, "NOT_IMPLEMENTED"):
            await mlflow.post(f"{PROXY}/mpu/{call}/{path}", path="a.bin", upload_id="u")
    with refused(501, "NOT_IMPLEMENTED"):
        await mlflow.get(f"{PROXY}/presigned/{path}")
    for call in ("upload", "download"):
        with refused(501, "NOT_IMPLEMENTED"):
            await mlflow.post(f"/artifacts/presigned-{call}-url", run_id=run.run_id, path="a.bin")
    info = await mlflow.get("/api/3.0/mlflow/server-info")
    assert info.pop("store_type") == "SqlStore"
    assert info.pop("features_enabled") == {"gateway": False}
    assert set(info.values()) == {False}


async def test_the_user_interface_uploads_and_downloads_by_the_run(mlflow: MlflowHttp, run: pb.Run) -> None:
    target = f"{UPLOAD}?run_uuid={run.run_id}&path=dir%2Fa.txt"
    assert await mlflow.send("POST", target, content=b"text", headers={"content-type": "text/plain"}) == {}
    got = await mlflow.raw("GET", f"/get-artifact?run_id={run.run_id}&path=dir%2Fa.txt")
    assert (got.status_code, got.content) == (200, b"text")
    assert got.headers["content-disposition"].startswith("attachment")
    assert got.headers["x-content-type-options"] == "nosniff"
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.send("POST", target, content=bytes(10 * MIB + 1))
    with refused(404, "RESOURCE_DOES_NOT_EXIST"):
        await mlflow.send("GET", f"/get-artifact?run_uuid={run.run_id}&path=dir")
    assert (await mlflow.raw("GET", f"/get-artifact?run_id={run.run_id}&path=dir%2Fa.txt")).content == b"text"
