"""Registered models and their versions through MLflow's REST API."""

from __future__ import annotations

from typing import Any

import pytest

from milepost import v1 as pb
from support.api import Api
from support.grpc_api import GrpcApi
from support.mlflow_http import MlflowHttp, refused
from support.model_files import ready_model
from support.values import unique

# For what databases make no difference to.
EMBEDDED = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
REMOTE = "s3://bucket/model"
PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}


@pytest.fixture
async def name(mlflow: MlflowHttp) -> str:
    """A registered model without versions."""
    made = unique("model")
    await mlflow.post("/registered-models/create", name=made)
    return made


@pytest.fixture
async def native_run(grpc_api: GrpcApi) -> pb.Run:
    return await grpc_api.create_run()


async def _version(mlflow: MlflowHttp, name: str, source: str = REMOTE, **fields: Any) -> Any:
    return (await mlflow.post("/model-versions/create", name=name, source=source, **fields))["model_version"]


async def _model(mlflow: MlflowHttp, name: str) -> Any:
    return (await mlflow.get("/registered-models/get", name=name))["registered_model"]


async def _found(mlflow: MlflowHttp, what: str, **search: Any) -> list[str]:
    answer = await mlflow.get(f"/{what}/search", **search)
    return [found["name"] for found in answer.get(what.replace("-", "_"), [])]


async def _at(mlflow: MlflowHttp, name: str, version: str = "1") -> str:
    answer = await mlflow.get("/model-versions/get-download-uri", name=name, version=version)
    return str(answer["artifact_uri"])


@EMBEDDED
async def test_a_model_reads_as_mlflow_has_it(mlflow: MlflowHttp) -> None:
    name = unique("model")
    given = {"name": name, "description": "d", "tags": [{"key": "k", "value": "v"}, {"key": "empty"}]}
    made = (await mlflow.post("/registered-models/create", **given))["registered_model"]
    assert made == {
        "name": name,
        "creation_timestamp": made["creation_timestamp"],
        "last_updated_timestamp": made["creation_timestamp"],
        "description": "d",
        "tags": [{"key": "empty", "value": ""}, {"key": "k", "value": "v"}],
    }
    assert await _model(mlflow, name) == made
    with refused(400, "RESOURCE_ALREADY_EXISTS"):
        await mlflow.post("/registered-models/create", name=name)
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.post("/registered-models/create", name="a/b")


@EMBEDDED
async def test_a_version_reads_as_mlflow_has_it(mlflow: MlflowHttp, name: str) -> None:
    link = "https://other/#/runs/1"
    made = await _version(mlflow, name, run_id="elsewhere", run_link=link, tags=[{"key": "k", "value": "v"}])
    assert made == {
        "name": name,
        "version": "1",
        "creation_timestamp": made["creation_timestamp"],
        "last_updated_timestamp": made["creation_timestamp"],
        "current_stage": "None",
        "description": "",
        "source": REMOTE,
        "run_id": "elsewhere",
        "status": "READY",
        "tags": [{"key": "k", "value": "v"}],
        "run_link": link,
    }
    got = (await mlflow.get("/model-versions/get", name=name, version="1"))["model_version"]
    assert got == made
    assert await _at(mlflow, name) == REMOTE


@EMBEDDED
async def test_an_update_without_description_empties_it(mlflow: MlflowHttp, name: str) -> None:
    await _version(mlflow, name, description="of the version")
    await mlflow.patch("/registered-models/update", name=name, description="of the model")
    await mlflow.patch("/model-versions/update", name=name, version="1")
    assert (await _model(mlflow, name))["description"] == "of the model"
    assert (await mlflow.get("/model-versions/get", name=name, version="1"))["model_version"]["description"] == ""
    await mlflow.patch("/registered-models/update", name=name)
    assert "description" not in await _model(mlflow, name)


@EMBEDDED
async def test_rename_takes_versions_and_aliases_along_and_delete_removes_all(mlflow: MlflowHttp, name: str) -> None:
    await _version(mlflow, name)
    await mlflow.post("/registered-models/alias", name=name, alias="best", version="1")
    new = unique("renamed")
    renamed = (await mlflow.post("/registered-models/rename", name=name, new_name=new))["registered_model"]
    assert renamed["aliases"] == [{"alias": "best", "version": "1"}]
    assert [version["name"] for version in renamed["latest_versions"]] == [new]
    await mlflow.delete("/registered-models/delete", name=new)
    for gone in (name, new):
        with refused(404, "RESOURCE_DOES_NOT_EXIST"):
            await _model(mlflow, gone)
    with refused(404, "RESOURCE_DOES_NOT_EXIST"):
        await mlflow.get("/model-versions/get", name=new, version="1")


@EMBEDDED
async def test_aliases_move_and_are_shown_on_models_and_versions(mlflow: MlflowHttp, name: str) -> None:
    await _version(mlflow, name)
    await _version(mlflow, name)
    for version in ("1", "2"):
        await mlflow.post("/registered-models/alias", name=name, alias="Best", version=version)
    assert (await _model(mlflow, name))["aliases"] == [{"alias": "Best", "version": "2"}]
    pointed = (await mlflow.get("/registered-models/alias", name=name, alias="Best"))["model_version"]
    assert (pointed["version"], pointed["aliases"]) == ("2", ["Best"])
    latest = (await mlflow.get("/registered-models/alias", name=name, alias="Latest"))["model_version"]
    assert latest["version"] == "2"
    for missing in ("best", "other"):
        with refused(400, "INVALID_PARAMETER_VALUE"):
            await mlflow.get("/registered-models/alias", name=name, alias=missing)
    with refused(404, "RESOURCE_DOES_NOT_EXIST"):
        await mlflow.get("/registered-models/alias", name=unique(), alias="Best")
    for reserved in ("latest", "V7"):
        with refused(400, "INVALID_PARAMETER_VALUE"):
            await mlflow.post("/registered-models/alias", name=name, alias=reserved, version="1")


@EMBEDDED
async def test_deleting_a_missing_tag_or_alias_is_fine(mlflow: MlflowHttp, name: str) -> None:
    await _version(mlflow, name)
    for call, fields in (
        ("/registered-models/alias", {"alias": "none"}),
        ("/registered-models/delete-tag", {"key": "none"}),
        ("/model-versions/delete-tag", {"key": "none", "version": "1"}),
    ):
        assert await mlflow.delete(call, name=name, **fields) == {}
        with refused(404, "RESOURCE_DOES_NOT_EXIST"):
            await mlflow.delete(call, name=unique(), **fields)


async def test_tags_of_models_and_versions_are_set_and_deleted(mlflow: MlflowHttp, name: str) -> None:
    await _version(mlflow, name)
    long = "é" * 100_000
    await mlflow.post("/registered-models/set-tag", name=name, key="k", value=long)
    await mlflow.post("/model-versions/set-tag", name=name, version="1", key="k", value=long)
    version = (await mlflow.get("/model-versions/get", name=name, version="1"))["model_version"]
    assert (await _model(mlflow, name))["tags"] == version["tags"] == [{"key": "k", "value": long}]
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.post("/registered-models/set-tag", name=name, key="k", value=f"{long}x")
    await mlflow.delete("/registered-models/delete-tag", name=name, key="k")
    await mlflow.delete("/model-versions/delete-tag", name=name, version="1", key="k")
    assert "tags" not in await _model(mlflow, name)


async def test_stages_have_one_latest_version_each_and_archive_the_others(mlflow: MlflowHttp, name: str) -> None:
    for _ in range(3):
        await _version(mlflow, name)
    for version, stage in (("1", "production"), ("2", "PRODUCTION")):
        moved = await mlflow.post(
            "/model-versions/transition-stage", name=name, version=version, stage=stage, archive_existing_versions=True
        )
        assert moved["model_version"]["current_stage"] == "Production"
    latest = (await _model(mlflow, name))["latest_versions"]
    expected = [("1", "Archived"), ("2", "Production"), ("3", "None")]
    assert [(version["version"], version["current_stage"]) for version in latest] == expected
    assert (await mlflow.get("/registered-models/get-latest-versions", name=name))["model_versions"] == latest
    answer = await mlflow.post("/registered-models/get-latest-versions", name=name, stages=["none"])
    assert [version["version"] for version in answer["model_versions"]] == ["3"]
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.post("/registered-models/get-latest-versions", name=name, stages=["Live"])
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.post(
            "/model-versions/transition-stage", name=name, version="3", stage="None", archive_existing_versions=True
        )


@EMBEDDED
async def test_numbers_of_deleted_versions_are_not_used_again(mlflow: MlflowHttp, name: str) -> None:
    await _version(mlflow, name)
    await mlflow.delete("/model-versions/delete", name=name, version="1")
    with refused(404, "RESOURCE_DOES_NOT_EXIST"):
        await mlflow.get("/model-versions/get", name=name, version="1")
    assert (await _version(mlflow, name))["version"] == "2"


@EMBEDDED
async def test_a_version_of_a_logged_model_is_loaded_from_its_files(
    mlflow: MlflowHttp, name: str, grpc_api: GrpcApi, native_run: pb.Run
) -> None:
    model = await ready_model(grpc_api, native_run.run_id)
    place = f"mlflow-artifacts:/{native_run.experiment_id}/{native_run.run_id}/artifacts/{model.path}"
    given = f"models:/{model.model_id}"
    for source in (given, place, f"runs:/{native_run.run_id}/{model.name}"):
        version = await _version(mlflow, name, source, run_id=native_run.run_id)
        assert (version["source"], version["run_id"]) == (source, native_run.run_id)
        assert version["model_id"] == model.model_id
        assert "tags" not in version
        assert await _at(mlflow, name, version["version"]) == place


@EMBEDDED
async def test_a_version_of_artifacts_of_a_run_is_loaded_from_them(
    mlflow: MlflowHttp, name: str, grpc_api: GrpcApi, native_run: pb.Run
) -> None:
    await grpc_api.upload_artifact(native_run.run_id, "out/model/MLmodel", b"{}")
    root = f"mlflow-artifacts:/{native_run.experiment_id}/{native_run.run_id}/artifacts"
    for source in (f"{root}/out/model", f"runs:/{native_run.run_id}/out/model"):
        version = await _version(mlflow, name, source, run_id=native_run.run_id)
        assert version["source"] == source
        assert await _at(mlflow, name, version["version"]) == f"{root}/out/model"
    copied = await _version(mlflow, name, f"models:/{name}/1", tags=[{"key": "k", "value": "v"}])
    assert (copied["source"], copied["run_id"]) == (f"models:/{name}/1", native_run.run_id)
    assert await _at(mlflow, name, "3") == f"{root}/out/model"
    for number, condition in (("1", f"= '{root}/out/model'"), ("2", "LIKE 'runs:/%'"), ("3", "ILIKE 'MODELS:%'")):
        found = await mlflow.get("/model-versions/search", filter=f"name = '{name}' AND source_path {condition}")
        assert [version["version"] for version in found["model_versions"]] == [number]
    answer = await mlflow.raw("GET", f"/model-versions/get-artifact?name={name}&version=3&path=MLmodel")
    assert (answer.status_code, answer.content) == (200, b"{}")


@EMBEDDED
async def test_sources_that_cannot_be_are_refused_and_nothing_is_stored(
    mlflow: MlflowHttp, name: str, grpc_api: GrpcApi, native_run: pb.Run
) -> None:
    pending = await grpc_api.create_logged_model(native_run.run_id, "m")
    run_id, experiment_id = native_run.run_id, native_run.experiment_id
    await grpc_api.upload_artifact(run_id, "model/MLmodel", b"{}")
    for source in (
        "/home/ada/model",
        "file:///home/ada/model",
        "C:\\model",
        "model",
        f"models:/{pending.model_id}",
        f"models:/{name}",
        f"models:/{name}/Production",
        f"mlflow-artifacts:/{experiment_id}/{run_id}/artifacts/../x",
        f"mlflow-artifacts:/{experiment_id}/{run_id}/artifacts",
        "s3://bucket/a/%2e%2e/b",
        "models:/",
        "s3: b",
        f"runs:/{run_id}",
        f"runs:/{run_id}/it's/../x",
        "mlflow-artifacts:/",
    ):
        with refused(400, "INVALID_PARAMETER_VALUE"):
            await _version(mlflow, name, source)
    for source in (
        "runs:/",
        f"runs:/{run_id}/none",
        f"runs:/{unique()}/model",
        f"mlflow-artifacts:/0{experiment_id}/{run_id}/artifacts/model",
        f"models:/{name}/7",
    ):
        with refused(404, "RESOURCE_DOES_NOT_EXIST"):
            await _version(mlflow, name, source)
    for owner in ({"run_id": unique()}, {"model_id": pending.model_id}):
        with refused(400, "INVALID_PARAMETER_VALUE"):
            await _version(mlflow, name, f"runs:/{run_id}/model", **owner)
    assert "latest_versions" not in await _model(mlflow, name)


async def test_files_elsewhere_do_not_keep_a_run_from_being_purged(
    mlflow: MlflowHttp, name: str, api: Api, run: pb.Run
) -> None:
    await api.upload_artifact(run.run_id, "a.txt", b"a")
    await _version(mlflow, name, run_id=run.run_id)
    await api.delete_artifacts(run.run_id, "a.txt")
    await api.delete_run(run.run_id)
    await api.purge_run(run.run_id)
    assert (await mlflow.get("/model-versions/get", name=name, version="1"))["model_version"]["run_id"] == run.run_id


async def test_prompts_are_hidden_unless_the_filter_names_their_tag(mlflow: MlflowHttp) -> None:
    model, prompt, team = unique("model"), unique("prompt"), unique("team")
    tags = [{"key": "team", "value": team}]
    await mlflow.post("/registered-models/create", name=model, tags=tags)
    await mlflow.post("/registered-models/create", name=prompt, tags=[*tags, PROMPT])
    await _version(mlflow, model, tags=tags)
    text = await _version(mlflow, prompt, "a source, which is no place", tags=[*tags, PROMPT])
    assert text["source"] == "a source, which is no place"
    assert await _at(mlflow, prompt) == "a source, which is no place"
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await _version(mlflow, model, f"models:/{prompt}/1")
    tag = "tag.`mlflow.prompt.is_prompt`"
    for what in ("registered-models", "model-versions"):
        of_team = f"tags.team = '{team}'"
        assert await _found(mlflow, what, filter=of_team) == [model]
        for models in (f"{tag} != 'true'", f"{tag} = 'false'"):
            assert await _found(mlflow, what, filter=f"{of_team} AND {models}") == [model]
        assert await _found(mlflow, what, filter=f"{of_team} AND {tag} = 'true'") == [prompt]
    assert prompt not in await _found(mlflow, "registered-models", max_results=1000)


async def test_searches_keep_the_order_of_mlflow_and_page_on(mlflow: MlflowHttp) -> None:
    prefix = unique("m")
    names = [f"{prefix}-{letter}" for letter in "bac"]
    for name in names:
        await mlflow.post("/registered-models/create", name=name)
        await _version(mlflow, name)
    await _version(mlflow, names[0])
    mine = f"name LIKE '{prefix}%'"
    assert await _found(mlflow, "registered-models", filter=mine) == sorted(names)
    backwards = ["timestamp DESC", "name"]
    found = await _found(mlflow, "registered-models", filter=mine, order_by=backwards)
    assert found == [names[0], names[2], names[1]]
    first = await mlflow.get("/model-versions/search", filter=mine, max_results=3)
    rest = await mlflow.get("/model-versions/search", filter=mine, max_results=3, page_token=first["next_page_token"])
    versions = [(found["name"], found["version"]) for found in first["model_versions"] + rest["model_versions"]]
    assert versions == [(names[0], "2"), (names[2], "1"), (names[1], "1"), (names[0], "1")]
    assert "next_page_token" not in rest
    assert len(await _found(mlflow, "model-versions", filter=f"{mine} AND source_path = '{REMOTE}'")) == 4
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.get("/registered-models/search", filter="name LIKE")
    with refused(400, "INVALID_PARAMETER_VALUE"):
        await mlflow.get("/registered-models/search", max_results=1001)
