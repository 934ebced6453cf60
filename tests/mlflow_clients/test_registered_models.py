"""Registered models: names, versions, aliases and stages."""

from __future__ import annotations

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import RestException

from mlflow_clients.rest import Rest, refusal

SOURCE = "s3://bucket/model"


@pytest.fixture
def model(client: MlflowClient, name: str) -> str:
    """A new registered model with the test's name."""
    client.create_registered_model(name)
    return name


@pytest.mark.covers("create, get, describe, tag")
def test_a_model_comes_back_as_it_was_made(client: MlflowClient, name: str) -> None:
    client.create_registered_model(name, tags={"a": "b"}, description="About")
    model = client.get_registered_model(name)
    assert (model.name, model.description, model.tags) == (name, "About", {"a": "b"})
    assert model.creation_timestamp > 1_600_000_000_000
    client.update_registered_model(name, "Other")
    client.set_registered_model_tag(name, "c", "d" * 5000)
    client.delete_registered_model_tag(name, "a")
    client.delete_registered_model_tag(name, "none")
    model = client.get_registered_model(name)
    assert (model.description, model.tags) == ("Other", {"c": "d" * 5000})


@pytest.mark.covers("a taken name is `RESOURCE_ALREADY_EXISTS`, a missing model 404")
def test_names_are_taken_once(client: MlflowClient, model: str) -> None:
    with pytest.raises(RestException, match="RESOURCE_ALREADY_EXISTS"):
        client.create_registered_model(model)
    for call in (client.get_registered_model, client.delete_registered_model):
        with pytest.raises(RestException, match="RESOURCE_DOES_NOT_EXIST"):
            call(f"no {model}")


@pytest.mark.covers("rename, with versions and aliases")
def test_a_model_is_renamed(client: MlflowClient, model: str) -> None:
    client.create_model_version(model, SOURCE)
    client.set_registered_model_alias(model, "best", "1")
    client.rename_registered_model(model, f"{model} b")
    assert client.get_model_version_by_alias(f"{model} b", "best").version == "1"
    with pytest.raises(RestException, match="RESOURCE_DOES_NOT_EXIST"):
        client.get_registered_model(model)


@pytest.mark.covers("delete, with versions; the name is free again")
def test_a_model_is_deleted(client: MlflowClient, model: str) -> None:
    client.create_model_version(model, SOURCE)
    client.delete_registered_model(model)
    assert not client.search_model_versions(f"name = '{model}'")
    client.create_registered_model(model)
    assert client.create_model_version(model, SOURCE).version


@pytest.mark.covers(
    "a model made again under the name of a deleted one goes on with its numbers", difference="begins with 1 again"
)
def test_a_model_made_again_goes_on_with_its_numbers(client: MlflowClient, model: str) -> None:
    client.create_model_version(model, SOURCE)
    client.delete_registered_model(model)
    client.create_registered_model(model)
    assert client.create_model_version(model, SOURCE).version == "2"


@pytest.mark.covers("versions: numbers in order, READY at once, source, run, tags and description")
def test_a_version_comes_back_as_it_was_made(client: MlflowClient, model: str, run: str) -> None:
    client.create_model_version(model, SOURCE)
    made = client.create_model_version(
        model, SOURCE, run_id=run, tags={"a": "b"}, description="About", run_link="https://example.org/run"
    )
    version = client.get_model_version(model, "2")
    assert (version.name, version.version, version.status, version.current_stage) == (model, "2", "READY", "None")
    assert (version.source, version.run_id, version.run_link) == (SOURCE, run, "https://example.org/run")
    assert (version.tags, version.description) == ({"a": "b"}, "About")
    assert version.creation_timestamp == made.creation_timestamp
    assert client.get_model_version_download_uri(model, "2") == SOURCE


@pytest.mark.covers("versions are described and tagged")
def test_a_version_is_described_and_tagged(client: MlflowClient, model: str) -> None:
    client.create_model_version(model, SOURCE)
    client.update_model_version(model, "1", "Other")
    client.set_model_version_tag(model, "1", "c", "d")
    client.set_model_version_tag(model, "1", "e", "f")
    client.delete_model_version_tag(model, "1", "e")
    client.delete_model_version_tag(model, "1", "none")
    version = client.get_model_version(model, "1")
    assert (version.description, version.tags) == ("Other", {"c": "d"})


@pytest.mark.covers("numbers of deleted versions are not used again")
def test_numbers_are_not_used_again(client: MlflowClient, model: str) -> None:
    for _ in range(2):
        client.create_model_version(model, SOURCE)
    client.set_registered_model_alias(model, "best", "2")
    client.delete_model_version(model, "2")
    assert client.create_model_version(model, SOURCE).version == "3"
    for call in (client.get_model_version, client.get_model_version_download_uri):
        with pytest.raises(RestException, match="RESOURCE_DOES_NOT_EXIST"):
            call(model, "2")
    assert client.get_registered_model(model).aliases == {}


@pytest.mark.covers("aliases are set, moved and deleted; `latest` is the greatest version")
def test_aliases_are_set_and_moved(client: MlflowClient, model: str) -> None:
    for _ in range(2):
        client.create_model_version(model, SOURCE)
    client.set_registered_model_alias(model, "best", "1")
    client.set_registered_model_alias(model, "Best", "2")
    assert client.get_registered_model(model).aliases == {"best": "1", "Best": "2"}
    assert client.get_model_version(model, "1").aliases == ["best"]
    client.set_registered_model_alias(model, "best", "2")
    assert client.get_model_version_by_alias(model, "best").version == "2"
    assert client.get_model_version(model, "1").aliases == []
    assert client.get_model_version_by_alias(model, "latest").version == "2"
    for _ in range(2):
        client.delete_registered_model_alias(model, "best")
    assert client.get_registered_model(model).aliases == {"Best": "2"}


@pytest.mark.covers("an alias that there is not is a 400, as clients know it")
def test_a_missing_alias_is_refused(rest: Rest, model: str) -> None:
    answer = rest.send("GET", "registered-models/alias", params={"name": model, "alias": "none"})
    refusal(answer, 400, "INVALID_PARAMETER_VALUE")


@pytest.mark.covers("an alias of a version that there is not is 404")
def test_an_alias_needs_a_version(client: MlflowClient, model: str) -> None:
    with pytest.raises(RestException, match="RESOURCE_DOES_NOT_EXIST"):
        client.set_registered_model_alias(model, "best", "7")


@pytest.mark.covers("stages in any case, with the former of a stage archived")
def test_versions_have_stages(client: MlflowClient, model: str) -> None:
    for _ in range(3):
        client.create_model_version(model, SOURCE)
    client.transition_model_version_stage(model, "1", "production")
    client.transition_model_version_stage(model, "2", "Production", archive_existing_versions=True)
    client.transition_model_version_stage(model, "3", "STAGING")
    stages = [client.get_model_version(model, str(number)).current_stage for number in (1, 2, 3)]
    assert stages == ["Archived", "Production", "Staging"]
    latest = {version.current_stage: version.version for version in client.get_latest_versions(model)}
    assert latest == {"Archived": "1", "Production": "2", "Staging": "3"}
    assert [version.version for version in client.get_latest_versions(model, ["Production"])] == ["2"]
    shown = {version.current_stage: version.version for version in client.get_registered_model(model).latest_versions}
    assert shown == latest


@pytest.mark.covers("other stages are refused")
def test_other_stages_are_refused(client: MlflowClient, model: str) -> None:
    client.create_model_version(model, SOURCE)
    with pytest.raises(RestException, match="INVALID_PARAMETER_VALUE"):
        client.transition_model_version_stage(model, "1", "Retired")


@pytest.mark.covers("the newest version of each stage by GET and by POST")
def test_newest_versions_by_both_verbs(rest: Rest, client: MlflowClient, model: str) -> None:
    client.create_model_version(model, SOURCE)
    got = rest.get("registered-models/get-latest-versions", name=model)
    assert got == rest.post("registered-models/get-latest-versions", {"name": model})
    assert [version["version"] for version in got["model_versions"]] == ["1"]


@pytest.mark.covers("sources: `runs:/` and the proxy only of the run that is named; no `..`; local folders never")
@pytest.mark.parametrize(
    "source", ["{uri}/../../x", "runs:/{other}/model", "file:///etc", "/etc", "mlflow-artifacts:/0/{other}/x"]
)
def test_sources_that_lead_elsewhere_are_refused(
    rest: Rest, client: MlflowClient, model: str, run: str, source: str
) -> None:
    info = client.get_run(run).info
    other = rest.new_run(info.experiment_id)
    body = {"name": model, "source": source.format(uri=info.artifact_uri, other=other), "run_id": run}
    refusal(rest.send("POST", "model-versions/create", json=body), 400, "INVALID_PARAMETER_VALUE")


@pytest.mark.covers("a version may be made of another version")
def test_a_version_is_made_of_another(client: MlflowClient, model: str, name: str) -> None:
    client.create_model_version(model, SOURCE)
    copy = client.copy_model_version(f"models:/{model}/1", f"{name} copy")
    assert (copy.name, copy.version) == (f"{name} copy", "1")
    assert client.get_model_version_download_uri(copy.name, "1") == SOURCE


@pytest.mark.covers("a file of a version, as the web page asks for it")
def test_a_file_of_a_version_is_an_attachment(client: MlflowClient, rest: Rest, model: str, run: str) -> None:
    client.log_text(run, "hello", "m/MLmodel")
    client.create_model_version(model, f"{client.get_run(run).info.artifact_uri}/m", run_id=run)
    query = {"name": model, "version": "1", "path": "MLmodel"}
    answer = rest.send("GET", "/model-versions/get-artifact", params=query)
    assert answer.content == b"hello"
    assert "attachment" in answer.headers["content-disposition"]
