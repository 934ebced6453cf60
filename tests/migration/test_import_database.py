from __future__ import annotations

import json
import math
import secrets
from pathlib import Path
from typing import Any

import pytest

from milepost.client import Client
from milepost.errors import NotFoundError, RunNotFound
from support.cli import Cli
from support.mlflow_stores import START_MS, MlflowDatabase, new_model_id

LARGEST = 1.7976931348623157e308


def imported(cli: Cli, source: object, *options: str, code: int = 0) -> dict[str, Any]:
    """The report of an import."""
    result = cli.run("import", "mlflow", str(source), "--json", *options, code=code)
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def problems(report: dict[str, Any]) -> list[str]:
    return [f"{one['what']}: {one['field']}: {one['message']}" for one in report["listedProblems"]]


def test_runs_keep_ids_times_and_exact_points(cli: Cli, client: Client, database: MlflowDatabase) -> None:
    experiment = database.experiment(creation_time=START_MS, last_update_time=START_MS + 1)
    database.add("experiment_tags", key="mlflow.note.content", value="what it is", experiment_id=int(experiment))
    tags = {"mlflow.runName": "a run", "mlflow.note.content": "notes", "team": "risk"}
    parent = database.run(experiment, tags)
    child = database.run(experiment, {"mlflow.parentRunId": parent}, start_time=START_MS - 5)
    stray = database.run(experiment, {"mlflow.parentRunId": "elsewhere"})
    database.add("params", key="lr", value="0.1", run_uuid=parent)
    points = [("loss", -3, START_MS, 0.5), ("loss", 7, START_MS + 1, math.nan), ("acc", 0, START_MS, LARGEST)]
    database.points(parent, points)

    report = imported(cli, f"sqlite:///{database.path}", "--verify", "full")

    run = client.runs.get(parent)
    assert report["differing"] == 0
    assert report["sourceVersion"] == "test-version"
    assert client.experiments.get(experiment).description == "what it is"
    assert client.experiments.get(experiment).proto.create_time.ToMilliseconds() == START_MS
    assert (run.name, run.description, run.tags, run.params) == ("a run", "notes", {"team": "risk"}, {"lr": "0.1"})
    assert run.proto.end_time.ToMilliseconds() == START_MS + 5
    assert client.runs.get(child).parent_run_id == parent
    assert client.runs.get(stray).tags == {"mlflow.parentRunId": "elsewhere"}
    loss = client.metrics.history(parent, "loss")
    assert loss.steps.tolist() == [-3, 7]
    assert loss.values.tolist()[0] == 0.5
    assert math.isnan(loss.values.tolist()[1])
    assert run.metrics["acc"] == LARGEST
    assert [count for text, count in report["notes"].items() if "infinity" in text] == [1]


def test_datasets_models_and_the_registry_come_along(
    cli: Cli, client: Client, database: MlflowDatabase, tmp_path: Path
) -> None:
    experiment, model_id, name = database.experiment(), new_model_id(), f"fraud-{secrets.token_hex(4)}"
    run = database.run(experiment)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/MLmodel").write_text("flavors: {}")
    database.add(
        "datasets", dataset_uuid="d", name="rows", digest="abc", dataset_source_type="local", dataset_source="{}"
    )
    edge = {"source_type": "DATASET", "source_id": "d", "destination_type": "RUN", "destination_id": run}
    database.add("inputs", input_uuid="i", **edge)
    database.add("input_tags", input_uuid="i", name="mlflow.data.context", value="training")
    edge = {
        "source_type": "RUN_OUTPUT",
        "source_id": run,
        "destination_type": "MODEL_OUTPUT",
        "destination_id": model_id,
    }
    database.add("inputs", input_uuid="o", step=4, **edge)
    model = {"model_id": model_id, "name": "net", "status": 2, "creation_timestamp_ms": START_MS, "source_run_id": run}
    place = str(tmp_path / "model")
    database.add("logged_models", experiment_id=int(experiment), artifact_location=place, **model)
    database.add("logged_model_params", model_id=model_id, param_key="depth", param_value="3")
    metric = {"metric_name": "acc", "metric_timestamp_ms": START_MS, "metric_step": 1, "metric_value": 0.9}
    database.add(
        "logged_model_metrics", model_id=model_id, run_id=run, dataset_name="rows", dataset_digest="abc", **metric
    )
    database.add("registered_models", name=name, creation_time=START_MS, description="cards")
    for version, stage in ((1, "Production"), (2, "Deleted_Internal"), (3, "Deleted_Internal")):
        made = {"name": name, "version": version, "creation_time": START_MS, "current_stage": stage, "run_id": run}
        database.add("model_versions", source=f"models:/{model_id}", status="READY", **made)
    database.add("registered_model_aliases", name=name, alias="champion", version=1)

    report = imported(cli, database.path, "--verify", "full")

    logged = client.logged_models.get(model_id)
    champion = client.model_versions.get_by_alias(name, "champion")
    assert (report["differing"], report["problems"]) == (0, 0)
    assert [use.context for use in client.runs.get(run).inputs] == ["training"]
    assert [(one.model_id, one.step) for one in client.runs.get(run).proto.model_outputs] == [(model_id, 4)]
    assert client.artifacts.read(run, f"models/{model_id}/MLmodel") == b"flavors: {}"
    assert [(one.key, one.value, one.dataset_name) for one in logged.proto.metrics] == [("acc", 0.9, "rows")]
    assert (champion.version, champion.proto.model_id, champion.stage.value) == (1, model_id, "PRODUCTION")
    assert client.model_versions.create(name, model_id=model_id).version == 4


def test_a_version_of_a_place_that_nobody_can_read_keeps_its_source(
    cli: Cli, client: Client, database: MlflowDatabase
) -> None:
    name, place = f"fraud-{secrets.token_hex(4)}", "/models/of my/machine"
    database.add("registered_models", name=name, creation_time=START_MS)
    made = {"name": name, "version": 1, "creation_time": START_MS, "status": "READY"}
    database.add("model_versions", source=place, storage_location=place, **made)
    report = imported(cli, database.path, code=1)
    [problem] = problems(report)
    assert problem == f"version 1 of {name}: source: {place!r} is no place that Milepost can read; kept as text."
    assert client.model_versions.get(name, 1).proto.source_uri == "text:/models/of%20my/machine"
    assert report["differing"] == 0


def test_a_webhook_comes_disabled_when_it_had_a_secret(cli: Cli, client: Client, database: MlflowDatabase) -> None:
    name = f"hook-{secrets.token_hex(4)}"
    database.add("webhooks", webhook_id="w", name=name, url="http://127.0.0.1:9/x", status="ACTIVE", secret="sealed")
    database.add("webhook_events", webhook_id="w", entity="MODEL_VERSION", action="CREATED")
    report = imported(cli, database.path, code=1)
    found = next(one for one in client.webhooks.list() if one.name == name)
    assert (list(found.mlflow_events), found.state) == (["model_version.created"], found.STATE_DISABLED)
    assert f"webhook {name}: secret" in problems(report)[0]


def test_what_is_deleted_stays_so_or_stays_away(cli: Cli, client: Client, database: MlflowDatabase) -> None:
    gone = database.experiment(lifecycle_stage="deleted", creation_time=START_MS, last_update_time=START_MS + 9)
    alone = database.run(gone, lifecycle_stage="deleted", deleted_time=START_MS + 7)
    together = database.run(gone, lifecycle_stage="deleted", deleted_time=START_MS + 9)
    imported(cli, database.path, "--no-include-deleted")
    with pytest.raises(NotFoundError):
        client.experiments.get(gone)

    report = imported(cli, database.path)
    client.experiments.restore(gone)

    assert report["counts"]["runs"] == {"source": 2, "target": 2}
    assert client.runs.get(alone).proto.delete_time.ToMilliseconds() == START_MS + 7
    assert not client.runs.get(together).deleted


def test_a_database_of_2018_is_read(cli: Cli, client: Client, tmp_path: Path) -> None:
    database = MlflowDatabase(tmp_path / "old.db", old=True)
    run = database.run(database.experiment(), {"mlflow.runName": "first"}, name="")
    database.add("metrics", key="loss", value=0.25, timestamp=START_MS, run_uuid=run)
    database.close()
    assert imported(cli, database.path)["differing"] == 0
    assert client.runs.get(run).name == "first"
    assert client.runs.get(run).metrics == {"loss": 0.25}


def test_what_does_not_fit_is_named_and_never_cut(cli: Cli, client: Client, database: MlflowDatabase) -> None:
    kept = database.experiment()
    database.experiment(name="x" * 251)
    run = database.run(kept, {"k" * 251: "v", "fine": "v"}, user_id="u" * 300)
    database.points(run, [("bad\tkey", 0, START_MS, 1.0), ("good", 0, START_MS, 1.0)])

    report = imported(cli, database.path, code=1)

    found = client.runs.get(run)
    assert (found.user, found.tags, found.metrics) == ("", {"fine": "v"}, {"good": 1.0})
    assert report["differing"] == 0
    assert len(problems(report)) == 4
    assert f"run {run}: user: has 300 characters, more than the 250 allowed; left out." in problems(report)


def test_a_dry_run_counts_and_writes_nothing(cli: Cli, client: Client, database: MlflowDatabase) -> None:
    run = database.run(database.experiment())
    database.points(run, [("loss", step, START_MS, 1.0) for step in range(10)])
    report = imported(cli, database.path, "--dry-run")
    with pytest.raises(RunNotFound):
        client.runs.get(run)
    assert report["dryRun"] is True
    assert report["counts"]["points"] == {"source": 10}


def test_the_report_names_values_that_differ(cli: Cli, client: Client, database: MlflowDatabase) -> None:
    run = database.run(database.experiment(), {"team": "risk"})
    database.points(run, [("loss", 1, START_MS, 0.5)])
    imported(cli, database.path)
    client.runs.log_batch(run, tags={"team": "other"})
    database.run_sql("UPDATE metrics SET value = 0.75 WHERE run_uuid = ?", run)

    report = imported(cli, database.path, code=1)

    named = {(one["field"], one["source"], one["target"]) for one in report["differences"]}
    assert ("tags.team", "'risk'", "'other'") in named
    place = f"at step 1, {START_MS} ms"
    assert ("metrics.loss", f"0.75 {place}", f"0.5 {place}") in named


def test_a_run_that_went_on_is_completed(cli: Cli, client: Client, database: MlflowDatabase) -> None:
    run = database.run(database.experiment())
    database.points(run, [("loss", step, START_MS + step, 1.0) for step in range(3)])
    imported(cli, database.path)
    database.points(run, [("loss", step, START_MS + step, 1.0) for step in range(3, 5)])
    assert imported(cli, database.path, "--verify", "full")["differing"] == 0
    assert client.metrics.history(run, "loss").steps.tolist() == [0, 1, 2, 3, 4]


def test_artifacts_are_copied_referenced_or_skipped(
    cli: Cli, client: Client, database: MlflowDatabase, tmp_path: Path
) -> None:
    (tmp_path / "files/sub").mkdir(parents=True)
    (tmp_path / "files/sub/a.txt").write_text("hello")
    experiment = database.experiment()
    local = database.run(experiment, artifact_uri=str(tmp_path / "files"))
    remote = database.run(experiment, artifact_uri="s3://bucket/1")
    report = imported(cli, database.path)
    assert client.artifacts.read(local, "sub/a.txt") == b"hello"
    assert client.runs.get(remote).tags == {"milepost.artifact_uri": "s3://bucket/1"}
    assert report["counts"]["artifact_bytes"] == {"source": 5, "target": 5}

    second = MlflowDatabase(tmp_path / "second.db")
    referenced = second.run(second.experiment(), artifact_uri=f"file://{tmp_path}/files")
    second.close()
    imported(cli, second.path, "--artifacts", "reference")
    assert client.runs.get(referenced).tags == {"milepost.artifact_uri": f"file://{tmp_path}/files"}
    assert list(client.artifacts.list(referenced)) == []


def test_files_of_a_proxied_server_are_found_below_its_root(
    cli: Cli, client: Client, database: MlflowDatabase, tmp_path: Path
) -> None:
    run = database.run(database.experiment(), artifact_uri="mlflow-artifacts:/7/r/artifacts")
    outside = database.run(database.experiment(), artifact_uri="mlflow-artifacts:/../secret")
    for name in ("root/7/r/artifacts", "secret"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "a.txt").write_text(name)
    imported(cli, database.path, "--artifact-root", str(tmp_path / "root"))
    assert [one.path for one in client.artifacts.list(run)] == ["a.txt"]
    assert list(client.artifacts.list(outside)) == []


def test_only_the_named_experiments_are_imported(cli: Cli, client: Client, database: MlflowDatabase) -> None:
    wanted, other = database.experiment(), database.experiment()
    report = imported(cli, database.path, "--experiment", f"experiment {wanted}")
    assert report["counts"]["experiments"] == {"source": 1, "target": 1}
    with pytest.raises(NotFoundError):
        client.experiments.get(other)


def test_a_taken_id_or_name_is_said_and_nothing_is_mixed_up(cli: Cli, client: Client, database: MlflowDatabase) -> None:
    taken = client.experiments.create(f"taken {secrets.token_hex(4)}")
    name = f"mine {secrets.token_hex(4)}"
    database.add("experiments", experiment_id=int(taken.experiment_id), name=name, lifecycle_stage="active")
    run = database.run(taken.experiment_id)
    for _ in range(2):
        report = imported(cli, database.path)
        assert client.runs.get(run).experiment_id == client.experiments.get_by_name(name).experiment_id
        assert any("its id or name was taken" in text for text in report["notes"])
    assert client.experiments.get(taken.experiment_id).name == taken.name


@pytest.mark.parametrize(
    ("source", "said"),
    [("missing.db", "no such file"), ("sqlite:///empty.db", "is no database of MLflow"), ("nope://x", "nope")],
)
def test_what_is_no_store_is_refused(cli: Cli, tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "empty.db").touch()
    message = cli.refused("import", "mlflow", source.replace("empty.db", str(tmp_path / "empty.db")))
    assert said in message


def test_an_experiment_that_there_is_not_is_refused(cli: Cli, database: MlflowDatabase) -> None:
    assert "has no experiment 'nope'" in cli.refused("import", "mlflow", str(database.path), "-e", "nope")
