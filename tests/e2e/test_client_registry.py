"""Registered models, versions, aliases, logged models and webhooks by both clients against a real server."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

import milepost
from milepost import ModelStage, ModelStatus, errors
from milepost import v1 as pb
from support.servers import RunningServer


@pytest.fixture
def client(server: RunningServer) -> Iterator[milepost.Client]:
    with milepost.Client(server.grpc_address) as connected:
        yield connected


@pytest.fixture
async def aio(server: RunningServer) -> AsyncIterator[milepost.AsyncClient]:
    async with milepost.AsyncClient(server.grpc_address) as connected:
        yield connected


@pytest.fixture
def name() -> str:
    return f"fraud-{uuid.uuid4().hex}"


def elsewhere(client: milepost.Client, name: str) -> milepost.ModelVersion:
    return client.model_versions.create(name, source_uri="s3://bucket/model", create_model=True)


def test_a_registered_model_is_changed_by_its_handle(client: milepost.Client, name: str) -> None:
    model = client.registered_models.create(name, tags={"a": "1"}, protected_aliases={"prod": ["ops"]})
    model.update(description="finds fraud")
    model.set_tags({"b": "2"})
    model.delete_tags("a")
    assert (model.description, model.tags, model.protected_aliases) == ("finds fraud", {"b": "2"}, {"prod": ["ops"]})
    assert model.rename(f"{name}-2").name == f"{name}-2"
    assert model.refresh().proto == client.registered_models.get(f"{name}-2").proto
    model.delete()
    with pytest.raises(errors.ModelNotFound):
        model.refresh()


def test_an_alias_moves_only_from_where_it_is_expected(client: milepost.Client, name: str) -> None:
    first, second = elsewhere(client, name), elsewhere(client, name)
    first.set_alias("champion", expected_version=0)
    model = client.registered_models.get(name)
    with pytest.raises(errors.AliasMoved):
        model.set_alias("champion", second.version, expected_version=second.version)
    model.set_alias("champion", second.version, expected_version=first.version)
    assert model.version("champion").version == model.version(2).version == model.version("latest").version
    model.delete_alias("champion")
    with pytest.raises(errors.AliasNotFound):
        model.version("champion")


def test_versions_are_listed_moved_copied_and_deleted(client: milepost.Client, name: str) -> None:
    first, second = elsewhere(client, name), elsewhere(client, name)
    first.transition("staging")
    assert second.transition(ModelStage.STAGING, archive_existing=True) == [1]
    model = client.registered_models.get(name)
    assert [one.version for one in model.versions("stage = 'archived' OR stage = 'none'")] == [1]
    assert second.copy(f"{name}-prod", create_model=True).proto.copied_from == pb.ModelVersionOrigin(
        name=name, version=2
    )
    second.delete()
    assert [one.version for one in model.versions()] == [1]


def test_a_name_with_a_quote_is_listed_by_itself(client: milepost.Client, name: str) -> None:
    elsewhere(client, f"it's {name}")
    assert [one.version for one in client.model_versions.list(f"it's {name}")] == [1]


def test_a_pending_version_becomes_ready_once(client: milepost.Client, name: str) -> None:
    pending = client.model_versions.create(
        name, source_uri="s3://bucket/model", status="pending", create_model=True, user="ada"
    )
    assert (pending.status, pending.user) == (ModelStatus.PENDING, "ada")
    assert pending.update(status="ready", model_card="# Card").status is ModelStatus.READY
    with pytest.raises(errors.ModelVersionReady):
        pending.update(status=ModelStatus.FAILED)


def test_events_name_the_user_of_this_process(
    client: milepost.Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "Ådne Öberg")
    client.registered_models.create(name)
    (event,) = client.registry.events(name)
    assert (event.kind, event.user) == (pb.RegistryEvent.KIND_MODEL_CREATED, "Ådne Öberg")


def test_a_watch_that_was_started_misses_nothing(client: milepost.Client, name: str) -> None:
    with client.registry.watch(name) as watched:
        watched.start()
        elsewhere(client, name).set_alias("champion")
        kinds = [next(watched).kind for _ in range(3)]
    assert kinds == [
        pb.RegistryEvent.KIND_MODEL_CREATED,
        pb.RegistryEvent.KIND_VERSION_CREATED,
        pb.RegistryEvent.KIND_ALIAS_SET,
    ]


def test_models_are_found_by_what_they_reach_on_a_dataset(client: milepost.Client) -> None:
    run = client.runs.create()
    names = {}
    for name, on_test in (("a", 0.9), ("b", 0.5)):
        model = client.logged_models.create(run.run_id, name)
        measured = [
            pb.ModelMetric(key="accuracy", value=value, dataset_name=data, dataset_digest="d")
            for data, value in (("test", on_test), ("train", 1.0 - on_test))
        ]
        client.logged_models.update(model.model_id, metrics=measured)
        names[model.model_id] = name
    good = f"run_id = '{run.run_id}' AND metrics.accuracy >= 0.5"
    found = client.logged_models.list(filter=good, datasets=["train"])
    assert [names[model.model_id] for model in found] == ["b"]
    ordered = client.logged_models.list(
        filter=good, datasets=[("test", "d")], order_by="metrics.accuracy", order_dataset=("test", "d")
    )
    assert [names[model.model_id] for model in ordered] == ["b", "a"]


def test_a_logged_model_is_filled_finalized_and_changed(client: milepost.Client) -> None:
    run = client.runs.create()
    model = client.logged_models.create(run.run_id, "net", params={"depth": 3}, model_type="classifier")
    client.artifacts.upload_bytes(run.run_id, b"weights", f"{model.path}/weights")
    files = [pb.ModelFile(path="weights", size=7, sha256=hashlib.sha256(b"weights").hexdigest())]
    ready = client.logged_models.finalize(model.model_id, files=files, flavors=["sklearn"])
    assert (ready.status, ready.size, ready.flavors) == (ModelStatus.READY, 7, ["sklearn"])
    ready.log_params({"width": 2})
    ready.log_metrics({"accuracy": 0.9})
    ready.set_tags({"team": "risk"})
    found = client.logged_models.list(filter=f"run_id = '{run.run_id}' AND metrics.accuracy > 0.8").first()
    assert found is not None
    assert (found.params, found.tags) == ({"depth": 3, "width": 2}, {"team": "risk"})
    ready.delete()
    assert ready.deleted
    ready.restore()
    assert [file.path for file in ready.refresh().files] == ["weights"]


def test_a_model_that_no_run_made_gets_a_run_that_holds_it(client: milepost.Client, name: str) -> None:
    experiment = client.experiments.create(name)
    model = client.logged_models.create(None, "external", experiment_id=experiment.experiment_id)
    client.artifacts.upload_bytes(model.run_id, b"weights", f"{model.path}/weights")
    ready = client.logged_models.finalize(model.model_id, stored_files=True)
    assert (ready.status, ready.refresh().files[0].path) == (ModelStatus.READY, "weights")
    assert client.runs.get(model.run_id).tags == {"milepost.holds_model": model.model_id}


def test_a_run_has_the_models_that_it_used_made_and_measured(client: milepost.Client) -> None:
    run, other = client.runs.create(), client.runs.create()
    used = client.logged_models.create(other.run_id, "teacher")
    made = client.logged_models.create(run.run_id, "student", output_step=3)
    run.log_inputs(models=[used.model_id])
    run.log_outputs([used.model_id], step=1)
    client.runs.log_batch(run.run_id, model_metrics={made.model_id: {"acc": 0.5}})
    assert run.refresh().model_inputs == [used.model_id]
    assert list(run.model_outputs.items()) == [(used.model_id, 1), (made.model_id, 3)]
    assert [(one.key, one.value) for one in made.refresh().metrics] == [("acc", 0.5)]
    with pytest.raises(errors.LoggedModelNotFound):
        run.log_outputs([f"m-{'0' * 32}"])


def test_a_webhook_may_have_mlflows_form(client: milepost.Client) -> None:
    hook = client.webhooks.create(
        "ci", "https://example.invalid/hook", format="mlflow", mlflow_events=["prompt.created"], secret="short"
    )
    assert (hook.format, list(hook.mlflow_events)) == (pb.Webhook.FORMAT_MLFLOW, ["prompt.created"])
    assert client.webhooks.test(hook.webhook_id, mlflow_event="model_version.created").error
    with pytest.raises(errors.InvalidArgumentError):
        client.webhooks.update(hook.webhook_id, format="standard", mlflow_events=[])
    with pytest.raises(ValueError, match="MLFLOW"):
        client.webhooks.update(hook.webhook_id, format="other")
    client.webhooks.delete(hook.webhook_id)


def test_a_webhook_is_changed_and_its_secret_never_shown(client: milepost.Client, name: str) -> None:
    hook = client.webhooks.create(
        "ci", "https://example.invalid/hook", kinds=["alias_set"], model_name=name, secret="0123456789abcdef"
    )
    changed = client.webhooks.update(hook.webhook_id, kinds=[], active=False)
    assert (list(changed.kinds), changed.state, changed.secret) == ([], pb.Webhook.STATE_DISABLED, "")
    assert client.webhooks.test(hook.webhook_id).error
    client.webhooks.delete(hook.webhook_id)
    with pytest.raises(errors.WebhookNotFound):
        client.webhooks.get(hook.webhook_id)


def test_an_unknown_kind_of_event_is_refused_before_it_is_sent(client: milepost.Client) -> None:
    with pytest.raises(ValueError, match="ALIAS_SET"):
        client.webhooks.create("ci", "https://example.invalid/hook", kinds=["alias_moved"])


async def test_the_asynchronous_client_does_the_same(aio: milepost.AsyncClient, name: str) -> None:
    model = await aio.registered_models.create(name, tags={"a": "1"})
    watched = await aio.registry.watch(name).start()
    version = await aio.model_versions.create(name, source_uri="s3://bucket/model")
    await version.set_alias("champion")
    await version.set_tags({"k": "v"})
    assert await version.transition("production") == []
    assert [(await anext(watched)).field for _ in range(3)] == ["", "champion", "k"]
    watched.close()
    await model.refresh()
    assert model.aliases == {"champion": 1}
    assert (await model.version("champion")).stage is ModelStage.PRODUCTION
    assert [one.version async for one in model.versions()] == [1]
    assert len(await aio.registry.events(name).to_list()) == 5
    await model.delete()


async def test_the_asynchronous_client_logs_models_and_keeps_webhooks(aio: milepost.AsyncClient) -> None:
    run = await aio.runs.create()
    model = await aio.logged_models.create(run.run_id, "net")
    await model.log_params({"depth": 3})
    failed = await aio.logged_models.finalize(model.model_id, "failed", status_message="out of disk")
    assert (failed.params, failed.status_message) == ({"depth": 3}, "out of disk")
    assert [one.model_id async for one in aio.logged_models.list([run.experiment_id], limit=1)] == [model.model_id]
    other = await aio.runs.create()
    await other.log_inputs(models=[model.model_id])
    await other.log_outputs([model.model_id], step=2)
    await aio.runs.log_batch(other.run_id, model_metrics={model.model_id: {"acc": 0.5}})
    assert ((await other.refresh()).model_inputs, other.model_outputs) == ([model.model_id], {model.model_id: 2})
    held = await aio.logged_models.create(None, "external", experiment_id=run.experiment_id)
    assert (await aio.logged_models.finalize(held.model_id, stored_files=True)).status is ModelStatus.READY
    hook = await aio.webhooks.create("ci", "https://example.invalid/hook")
    assert hook.webhook_id in [one.webhook_id async for one in aio.webhooks.list()]
    await aio.webhooks.delete(hook.webhook_id)


async def test_asynchronous_handles_change_what_they_show(aio: milepost.AsyncClient, name: str) -> None:
    model = await aio.registered_models.create(name)
    version = await aio.model_versions.create(name, source_uri="s3://bucket/model", status="pending")
    await version.update(status="ready", description="first")
    await version.set_tags({"a": "1", "b": "2"})
    await version.delete_tags("a")
    await model.update(description="finds fraud", tags={"a": "1"})
    await model.set_tags({"b": "2"})
    await model.delete_tags("a")
    await model.set_alias("champion", 1, expected_version=0)
    copied = await version.copy(f"{name}-prod", create_model=True)
    await version.refresh()
    assert (version.status, version.description, version.tags) == (ModelStatus.READY, "first", {"b": "2"})
    assert (model.description, model.tags, model.aliases) == ("finds fraud", {"b": "2"}, {"champion": 1})
    assert [one.name async for one in aio.registered_models.list(filter=f"name = '{copied.name}'")] == [copied.name]
    await model.delete_alias("champion")
    await copied.delete()
    assert (await model.rename(f"{name}-2")).aliases == {}


async def test_asynchronous_handles_of_logged_models_and_webhooks(aio: milepost.AsyncClient) -> None:
    model = await aio.logged_models.create((await aio.runs.create()).run_id, "net")
    await model.log_metrics({"accuracy": 0.9})
    await model.set_tags({"a": "1"})
    await model.delete_tags("a")
    await model.delete()
    await model.restore()
    await model.refresh()
    assert ([metric.value for metric in model.metrics], model.tags, model.deleted) == ([0.9], {}, False)
    hook = await aio.webhooks.create("ci", "https://example.invalid/hook")
    changed = await aio.webhooks.update(hook.webhook_id, name="cd", active=False)
    assert (await aio.webhooks.get(hook.webhook_id)) == changed
    assert (await aio.webhooks.test(hook.webhook_id)).error
    assert await aio.webhooks.deliveries(hook.webhook_id).to_list() == []
