"""The synchronous client against a real server."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

import milepost
from milepost import errors
from milepost import v1 as pb
from milepost._requests import get_run
from support.servers import RunningServer


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[milepost.Client]:
    with milepost.Client(server.grpc_address) as connected:
        yield connected


@pytest.fixture
def experiment(client: milepost.Client) -> milepost.Experiment:
    return client.experiments.create(f"typed-{uuid.uuid4().hex}")


@pytest.fixture
def run(experiment: milepost.Experiment) -> milepost.Run:
    return experiment.create_run()


def test_server_info_says_version_and_limits(client: milepost.Client) -> None:
    info = client.server_info()
    assert info.version == milepost.__version__
    assert info.max_message_bytes > 0


def test_an_experiment_can_be_created_read_changed_and_found(client: milepost.Client) -> None:
    name = f"digits-{uuid.uuid4().hex}"
    created = client.experiments.create(name, description="d", tags={"team": "vision"})
    assert client.experiments.get(created.experiment_id).proto == created.proto
    assert client.experiments.get_by_name(name).tags == {"team": "vision"}
    assert created.update(description="new").description == "new"
    assert [e.name for e in client.experiments.list(filter=f"name = '{name}'")] == [name]
    assert client.experiments.batch_get([created.experiment_id])[0].description == "new"


def test_get_or_create_returns_the_same_experiment_twice(client: milepost.Client) -> None:
    name = f"once-{uuid.uuid4().hex}"
    first = client.experiments.get_or_create(name)
    assert client.experiments.get_or_create(name).experiment_id == first.experiment_id


def test_tags_of_an_experiment_are_set_and_removed(experiment: milepost.Experiment) -> None:
    experiment.set_tags({"a": "1", "b": "2"})
    experiment.delete_tags("a")
    assert experiment.refresh().tags == {"b": "2"}


def test_an_experiment_is_deleted_restored_and_purged(
    client: milepost.Client, experiment: milepost.Experiment, run: milepost.Run
) -> None:
    experiment.delete()
    assert experiment.deleted
    assert run.refresh().deleted
    experiment.restore()
    assert not experiment.deleted
    experiment.delete()
    assert experiment.purge(dry_run=True).runs == 1
    experiment.purge()
    with pytest.raises(errors.ExperimentNotFound):
        client.experiments.get(experiment.experiment_id)


def test_a_run_shows_what_was_logged_with_its_types(run: milepost.Run) -> None:
    params: dict[str, Any] = {"s": "x", "b": True, "i": 3, "f": 0.5, "j": {"a": [1, None]}, "n": None}
    run.log_params(params)
    run.log_metrics({"loss": 0.5}, step=1)
    run.log_metrics({"loss": 0.25, "acc": math.nan}, step=2)
    run.set_tags({"k": "v"})
    run.refresh()
    assert run.params == params
    assert {key: type(value) for key, value in run.params.items()} == {k: type(v) for k, v in params.items()}
    assert run.metrics["loss"] == 0.25
    assert math.isnan(run.metrics["acc"])
    assert run.metric_summaries["loss"].max == 0.5
    assert run.tags == {"k": "v"}


def test_a_run_ends_with_state_and_time(run: milepost.Run) -> None:
    assert (run.state, run.end_time) == (milepost.RunState.RUNNING, None)
    run.end("failed")
    assert run.state is milepost.RunState.FAILED
    assert run.end_time is not None
    assert run.end_time.tzinfo is timezone.utc
    assert run.start_time <= run.end_time


def test_a_run_takes_all_its_fields_on_create(client: milepost.Client, experiment: milepost.Experiment) -> None:
    begun = datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    parent = experiment.create_run()
    run_id = uuid.uuid4().hex
    run = client.runs.create(
        experiment.experiment_id,
        name="n",
        run_id=run_id,
        params={"p": 1},
        tags={"t": "x"},
        parent_run_id=parent.run_id,
        description="d",
        user="u",
        state="SCHEDULED",
        start_time=begun,
    )
    assert (run.run_id, run.name, run.description, run.user) == (run_id, "n", "d", "u")
    assert (run.parent_run_id, run.state, run.start_time) == (parent.run_id, milepost.RunState.SCHEDULED, begun)
    assert (run.params, run.tags) == ({"p": 1}, {"t": "x"})


def test_a_repeated_request_id_makes_no_second_run(client: milepost.Client, experiment: milepost.Experiment) -> None:
    request_id = uuid.uuid4().hex
    first, second = (client.runs.create(experiment.experiment_id, request_id=request_id) for _ in range(2))
    assert first.run_id == second.run_id
    assert len(list(experiment.runs())) == 1


def test_runs_are_listed_lazily_across_pages(client: milepost.Client, experiment: milepost.Experiment) -> None:
    for number in range(5):
        experiment.create_run(params={"n": number})
    runs = client.runs.list(experiment=experiment.name, order_by="params.n", page_size=2)
    assert [run.params["n"] for run in runs] == [0, 1, 2, 3, 4]
    assert [len(page) for page in runs.pages()] == [2, 2, 1]
    assert [run.params["n"] for run in experiment.runs("params.n >= 3", order_by="params.n DESC")] == [4, 3]


def test_runs_are_counted_and_grouped_and_their_keys_and_values_listed(
    client: milepost.Client, experiment: milepost.Experiment
) -> None:
    for number in range(3):
        run = experiment.create_run(params={"n": number, "opt": "ab"[number % 2]}, tags={"t": "x"})
        run.log_metrics({"acc": number / 2})
    assert client.runs.count(filter="metrics.acc > 0", experiment=experiment.name) == 2
    groups = list(client.runs.group(["params.opt"], metrics=["metrics.acc"], page_size=1, experiment=experiment.name))
    assert [(group.values[0].text, group.runs, group.metrics[0].mean) for group in groups] == [
        ("a", 2, 0.5),
        ("b", 1, 0.5),
    ]
    assert list(client.runs.keys("params", [experiment.experiment_id], page_size=1)) == ["n", "opt"]
    assert [(value.text, value.runs) for value in client.runs.values("params.opt", experiment=experiment.name)] == [
        ("a", 2),
        ("b", 1),
    ]
    (first, *_) = client.runs.list(columns=["params.n"], order_by="params.n", experiment=experiment.name)
    assert (first.params, first.metrics, first.tags) == ({"n": 0}, {}, {})
    with pytest.raises(ValueError, match="kind"):
        client.runs.keys("nope")  # type: ignore[arg-type]


def test_a_limit_cuts_the_list(client: milepost.Client, experiment: milepost.Experiment) -> None:
    for _ in range(3):
        experiment.create_run()
    assert len(list(client.runs.list([experiment.experiment_id], limit=2))) == 2


def test_only_the_fields_asked_for_are_read(experiment: milepost.Experiment) -> None:
    experiment.create_run(name="n", params={"p": 1})
    run = experiment.runs(fields=("run_id", "name")).first()
    assert run is not None
    assert (run.name, run.params, run.experiment_id) == ("n", {}, "")


def test_an_unknown_experiment_name_is_an_error_and_not_all_runs(client: milepost.Client) -> None:
    with pytest.raises(errors.ExperimentNotFound):
        list(client.runs.list(experiment="there is no such experiment"))


def test_deleted_runs_are_shown_when_asked_for(experiment: milepost.Experiment, run: milepost.Run) -> None:
    run.delete()
    assert list(experiment.runs()) == []
    assert [found.run_id for found in experiment.runs(view="deleted")] == [run.run_id]
    run.restore()
    assert not run.deleted


def test_a_param_cannot_change_and_nothing_of_its_batch_is_stored(run: milepost.Run) -> None:
    run.log_params({"lr": 0.1})
    with pytest.raises(errors.ParamConflict) as caught:
        run.log_batch(params={"lr": 0.2}, metrics={"loss": 1.0})
    assert caught.value.metadata["key"] == "lr"
    assert isinstance(caught.value.__cause__, Exception)
    assert run.refresh().metrics == {}


def test_points_that_are_there_can_be_skipped(client: milepost.Client, run: milepost.Run) -> None:
    batch = pb.MetricPoints(key="m", values=[1.0, 2.0], steps=[0, 1], timestamps_ms=[5, 5])
    stored = [client.runs.log_batch(run.run_id, metrics=[batch], skip_repeated_points=True) for _ in range(2)]
    assert stored == [2, 0]


def test_a_batch_may_rename_the_run(client: milepost.Client, run: milepost.Run) -> None:
    client.runs.log_batch(run.run_id, tags={"t": "x"}, name="renamed", description="why")
    changed = client.runs.get(run.run_id)
    assert (changed.name, changed.description, changed.tags) == ("renamed", "why", {"t": "x"})


def test_history_has_every_point_across_pages(client: milepost.Client, run: milepost.Run) -> None:
    points = pb.MetricPoints(key="m", values=[float(i) for i in range(25)], steps=range(25), timestamps_ms=range(25))
    run.log_metrics([points])
    history = client.metrics.history(run.run_id, "m", page_size=10)
    assert history.values.tolist() == list(points.values)
    assert history.steps.tolist() == history.timestamps_ms.tolist() == list(range(25))
    assert len(client.metrics.history(run.run_id, "m", page_size=10, limit=13)) == 13
    assert history.to_pandas()["value"].sum() == history.to_polars()["value"].sum() == 300.0


def test_a_metric_that_was_never_logged_is_not_found(run: milepost.Run) -> None:
    with pytest.raises(errors.MetricNotFound):
        run.metric_history("nothing")


def test_datasets_of_runs_are_listed(
    client: milepost.Client, experiment: milepost.Experiment, run: milepost.Run
) -> None:
    dataset = pb.Dataset(name="d", digest="1")
    run.log_inputs([pb.DatasetInput(dataset=dataset, context="training")])
    assert [found.dataset for found in client.datasets.list(experiment=experiment.name)] == [dataset]
    assert run.refresh().inputs[0].context == "training"


def test_tags_of_a_run_are_removed_and_a_missing_one_is_an_error(run: milepost.Run) -> None:
    run.set_tags({"a": "1"})
    run.delete_tags("a")
    with pytest.raises(errors.TagNotFound):
        run.delete_tags("a")


def test_an_old_etag_is_refused(client: milepost.Client, run: milepost.Run) -> None:
    old = run.etag
    run.update(name="new")
    with pytest.raises(errors.EtagMismatch):
        client.runs.update(run.run_id, name="other", etag=old)


def test_a_bad_filter_says_where(client: milepost.Client) -> None:
    with pytest.raises(errors.BadFilter) as caught:
        list(client.runs.list(filter="metrics.loss <"))
    assert int(caught.value.metadata["column"]) > 1
    assert caught.value.violations[0][0] == "filter"
    assert caught.value.call_id


def test_a_wrong_field_is_named(client: milepost.Client) -> None:
    with pytest.raises(errors.InvalidArgumentError) as caught:
        client.experiments.create("x" * 300)
    assert [field for field, _ in caught.value.violations] == ["experiment.name"]


def test_a_purged_run_is_gone(client: milepost.Client, run: milepost.Run) -> None:
    with pytest.raises(errors.NotDeleted):
        run.purge()
    run.delete()
    run.purge()
    with pytest.raises(errors.RunNotFound):
        client.runs.get(run.run_id)


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with milepost.Client("127.0.0.1:1") as nowhere, pytest.raises(errors.UnavailableError):
        nowhere._transport.call(get_run("x"), retry=False)


def test_a_client_that_was_closed_connects_again(server: RunningServer) -> None:
    client = milepost.Client(server.grpc_address)
    client.server_info()
    client.close()
    assert client.server_info().version
    client.close()


def test_a_metric_stream_can_be_driven_by_hand(client: milepost.Client, run: milepost.Run) -> None:
    batch = pb.StreamMetricsBatch(sequence=1, metrics=[pb.MetricPoints(key="loss", values=[0.5, 0.25])])
    opening = pb.StreamMetricsOpen(run_id=run.run_id, writer_id="w")
    requests = [pb.StreamMetricsRequest(open=opening), pb.StreamMetricsRequest(batch=batch)]
    answers = list(client.metrics.stream(requests))
    assert [answer.WhichOneof("message") for answer in answers] == ["opened", "ack", "ack"]
    assert run.refresh().metric_summaries["loss"].count == 2


def test_an_error_of_a_metric_stream_is_one_of_the_tree(client: milepost.Client) -> None:
    opening = pb.StreamMetricsOpen(run_id="nothing", writer_id="w")
    with pytest.raises(errors.RunNotFound):
        list(client.metrics.stream([pb.StreamMetricsRequest(open=opening)]))
