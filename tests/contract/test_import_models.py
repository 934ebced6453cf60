"""Logged and registered models of other systems."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import refused
from support.model_files import FILES, listed, upload_files
from support.values import INT64_MIN, at, param, unique

CREATED, EXISTS = pb.IMPORT_OUTCOME_CREATED, pb.IMPORT_OUTCOME_EXISTS
ID_TAKEN, NAME_TAKEN = pb.IMPORT_OUTCOME_ID_TAKEN, pb.IMPORT_OUTCOME_NAME_TAKEN
READY = pb.LoggedModel.STATUS_READY
PAST = 1_600_000_000.123456


def old_model(run_id: str, **fields: Any) -> pb.LoggedModel:
    """A logged model of another system."""
    model_id = f"m-{secrets.token_hex(16)}"
    return pb.LoggedModel(**{"model_id": model_id, "run_id": run_id, "name": "model", "status": READY, **fields})


async def with_files(api: Api, model: pb.LoggedModel, files: Mapping[str, bytes] = FILES) -> pb.LoggedModel:
    """A logged model of another system whose files are there."""
    await upload_files(api, pb.LoggedModel(run_id=model.run_id, path=f"models/{model.model_id}"), files)
    return model


def registered(name: str, *versions: pb.ModelVersion, **fields: Any) -> pb.ImportedRegisteredModel:
    """A registered model of another system."""
    greatest = fields.pop("greatest_version", 0)
    model = pb.RegisteredModel(**{"name": name, "create_time": at(PAST), **fields})
    return pb.ImportedRegisteredModel(registered_model=model, model_versions=versions, greatest_version=greatest)


def version(model: str, number: int, **fields: Any) -> pb.ModelVersion:
    """A version of another system."""
    if not fields.keys() & {"model_id", "run_id", "status", "source_uri"}:
        fields["source_uri"] = f"s3://bucket/{number}"
    return pb.ModelVersion(**{"name": model, "version": number, "create_time": at(PAST + number), **fields})


async def test_ready_model_consists_of_the_files_that_are_there(api: Api, run: pb.Run) -> None:
    given = await with_files(
        api,
        old_model(
            run.run_id,
            model_type="classifier",
            flavors=["sklearn"],
            signature_json="{}",
            status_message="fine",
            params={"depth": param(3)},
            tags={"t": "v"},
            metrics=[
                pb.ModelMetric(key="acc", value=0.5, step=INT64_MIN, timestamp_ms=7, dataset_name="d", run_id="other"),
                pb.ModelMetric(key="acc", value=0.25, timestamp_ms=8),
            ],
            create_time=at(PAST),
            update_time=at(PAST + 1),
        ),
    )
    (outcome,) = await api.import_logged_models(given)
    assert (outcome.outcome, outcome.status, outcome.run_id) == (CREATED, READY, run.run_id)
    stored = await api.get_logged_model(given.model_id)
    twin = await api.create_logged_model(run.run_id)
    await upload_files(api, twin, FILES)
    assert stored.sha256 == (await api.finalize_logged_model(twin.model_id, files=listed(FILES))).sha256
    assert (len(stored.files), stored.size) == (len(FILES), sum(map(len, FILES.values())))
    stored.metrics.sort(key=lambda metric: metric.timestamp_ms)
    for field in ("experiment_id", "path", "files", "sha256", "size"):
        stored.ClearField(field)
    assert stored == given
    with refused("FAILED_PRECONDITION", "LOGGED_MODEL_FINAL"):
        await api.upload_artifact(run.run_id, f"models/{given.model_id}/MLmodel", b"other")


async def test_logged_models_that_are_there_stay_as_they_are(api: Api, run: pb.Run) -> None:
    given = await with_files(api, old_model(run.run_id))
    await api.import_logged_models(given)
    before = await api.get_logged_model(given.model_id)
    other = await api.create_run(run.experiment_id)
    pending = old_model(run.run_id, status=pb.LoggedModel.STATUS_PENDING, status_message="soon")
    taken = old_model(other.run_id, model_id=given.model_id)
    given.status = pb.LoggedModel.STATUS_FAILED
    given.tags["new"] = "tag"
    for outcomes, expected in (
        (await api.import_logged_models(given, pending), [EXISTS, CREATED]),
        (await api.import_logged_models(taken, pending), [ID_TAKEN, EXISTS]),
    ):
        assert [outcome.outcome for outcome in outcomes] == expected
        assert (outcomes[0].status, outcomes[0].run_id) == (READY, run.run_id)
    assert await api.get_logged_model(given.model_id) == before
    assert (await api.get_logged_model(pending.model_id)).status_message == "soon"


async def test_models_in_use_survive_imported_deletions(api: Api, run: pb.Run) -> None:
    used, free = [await with_files(api, old_model(run.run_id)) for _ in range(2)]
    await api.import_logged_models(used, free)
    name = unique("model")
    await api.import_registered_models(registered(name, version(name, 1, model_id=used.model_id)))
    gone = [pb.ImportedDeletion(id=model.model_id, delete_time=at(PAST)) for model in (used, free)]
    assert await api.import_deletions(logged_models=gone) == [used.model_id]
    assert (await api.get_logged_model(free.model_id)).delete_time == at(PAST)
    assert not (await api.get_logged_model(used.model_id)).HasField("delete_time")


@pytest.mark.parametrize("field", ["model_id", "run_id", "status"])
async def test_logged_model_without_what_imports_need_is_refused(api: Api, run: pb.Run, field: str) -> None:
    bad = old_model(run.run_id)
    bad.ClearField(field)  # type: ignore[arg-type]
    good = old_model(run.run_id)
    with refused("INVALID_ARGUMENT", "REQUIRED_FIELD") as refusal:
        await api.import_logged_models(good, bad)
    assert refusal.error.fields == [f"logged_models[1].{field}"]
    with refused("NOT_FOUND", "LOGGED_MODEL_NOT_FOUND"):
        await api.get_logged_model(good.model_id)


async def test_registered_model_keeps_its_versions_numbers_and_times(api: Api, run: pb.Run) -> None:
    name = unique("model")
    model = await with_files(api, old_model(run.run_id))
    await api.import_logged_models(model)
    stage, tags = pb.ModelVersion.STAGE_PRODUCTION, {"t": "v"}
    versions = [
        version(name, 7, model_id=model.model_id, stage=stage, user="Zoë", update_time=at(PAST + 9), tags=tags),
        version(name, 2, run_id=run.run_id, path=f"models/{model.model_id}", description="d", model_card="# c"),
        version(name, 3, status=pb.ModelVersion.STATUS_PENDING, source_uri="s3://b/x", status_message="soon"),
    ]
    aliases = {"champion": 7, "old": 2}
    given = registered(
        name, *versions, description="d", tags=tags, aliases=aliases, update_time=at(PAST + 20), greatest_version=12
    )
    (outcome,) = await api.import_registered_models(given)
    assert (outcome.outcome, [each.outcome for each in outcome.versions]) == (CREATED, [CREATED] * 3)
    stored = await api.get_registered_model(name)
    assert (stored.description, dict(stored.tags), dict(stored.aliases)) == ("d", tags, aliases)
    assert (stored.create_time, stored.update_time) == (at(PAST), at(PAST + 20))
    found = {number: await api.get_model_version(name, number) for number in (2, 3, 7)}
    assert (found[7].stage, found[7].user, dict(found[7].tags), found[7].size > 0) == (stage, "Zoë", tags, True)
    assert (found[7].create_time, found[7].update_time) == (at(PAST + 7), at(PAST + 9))
    assert (found[2].description, found[2].model_card, found[2].update_time) == ("d", "# c", at(PAST + 2))
    assert found[2].sha256 == found[7].sha256 != ""
    assert (found[3].status, found[3].status_message) == (pb.ModelVersion.STATUS_PENDING, "soon")
    assert (await api.create_model_version(name, source_uri="s3://b/new")).version == 13


async def test_import_of_a_model_is_one_event(api: Api) -> None:
    name = unique("model")
    given = registered(name, *(version(name, number) for number in (1, 2, 3)), aliases={"a": 2})
    for _ in range(2):
        await api.import_registered_models(given)
    (event,) = (await api.list_registry_events(name)).events
    assert (event.kind, event.name, event.after) == (pb.RegistryEvent.KIND_MODEL_IMPORTED, name, "3")


async def test_registered_models_and_versions_that_are_there_stay_as_they_are(api: Api) -> None:
    name = unique("model")
    given = registered(name, version(name, 1), version(name, 2), aliases={"a": 1, "b": 2})
    await api.import_registered_models(given)
    await api.set_model_alias(name, "a", 2)
    await api.delete_model_version(name, 1)
    before = await api.get_registered_model(name)
    other = version(name, 2, create_time=at(PAST))
    for entry, expected in (
        (given, [ID_TAKEN, EXISTS]),
        (registered(name, other, version(name, 1), description="d"), [ID_TAKEN, ID_TAKEN]),
    ):
        (outcome,) = await api.import_registered_models(entry)
        assert (outcome.outcome, [each.outcome for each in outcome.versions]) == (EXISTS, expected)
    assert await api.get_registered_model(name) == before
    more = registered(name, *given.model_versions, version(name, 3), aliases={"a": 3, "c": 3})
    (outcome,) = await api.import_registered_models(more)
    assert [each.outcome for each in outcome.versions] == [ID_TAKEN, EXISTS, CREATED]
    assert (await api.get_registered_model(name)).aliases == {"a": 2, "b": 2, "c": 3}


async def test_name_of_another_registered_model_is_taken(api: Api) -> None:
    native = await api.create_registered_model()
    (outcome,) = await api.import_registered_models(registered(native.name, version(native.name, 1)))
    assert (outcome.outcome, len(outcome.versions)) == (NAME_TAKEN, 0)
    assert await api.get_registered_model(native.name) == native


async def test_version_whose_files_are_not_there_has_failed_and_says_so(api: Api, run: pb.Run) -> None:
    name, absent = unique("model"), f"m-{secrets.token_hex(16)}"
    versions = [
        version(name, 1, model_id=absent),
        version(name, 2, run_id=run.run_id, path="no/model"),
        version(name, 3, status=pb.ModelVersion.STATUS_FAILED, status_message="lost at /tmp/x"),
    ]
    (outcome,) = await api.import_registered_models(registered(name, *versions))
    assert [each.status for each in outcome.versions] == [pb.ModelVersion.STATUS_FAILED] * 3
    found = [await api.get_model_version(name, number) for number in (1, 2, 3)]
    assert [text in each.status_message for text, each in zip((absent, "no/model", "/tmp/x"), found, strict=True)]
    assert {(each.model_id, each.run_id, each.path, each.source_uri) for each in found} == {("", "", "", "")}


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"name": "other"}, "name"),
        ({"version": 0}, "version"),
        ({"version": 1}, "version"),
        ({"create_time": None}, "create_time"),
        ({"source_uri": "", "status": 0}, ""),
        ({"source_uri": "runs:/x/y"}, "source_uri"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_version_that_breaks_a_rule_is_named_and_nothing_stored(
    api: Api, bad: dict[str, Any], field: str
) -> None:
    name = unique("model")
    given = registered(name, version(name, 1), version(name, 2, **bad))
    with refused("INVALID_ARGUMENT", "INVALID_FIELD", "REQUIRED_FIELD", "BAD_MODEL_SOURCE") as refusal:
        await api.import_registered_models(given)
    assert refusal.error.fields == [f"registered_models[0].model_versions[1].{field}".removesuffix(".")]
    with refused("NOT_FOUND", "MODEL_NOT_FOUND"):
        await api.get_registered_model(name)


@pytest.mark.parametrize("aliases", [{"latest": 1}, {"a": 9}])
async def test_alias_that_is_none_or_points_to_nothing_is_refused(api: Api, aliases: dict[str, int]) -> None:
    name = unique("model")
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.import_registered_models(registered(name, version(name, 1), aliases=aliases))
    assert refusal.error.fields[0].startswith("registered_models[0].registered_model.aliases[")


async def test_importers_at_once_store_every_model_once(api: Api) -> None:
    names = [unique("model") for _ in range(5)]
    models = [registered(name, *(version(name, number) for number in (1, 2))) for name in names]
    orders = [models, models[::-1], models[2:] + models[:2]]
    outcomes = await asyncio.gather(*(api.import_registered_models(*order) for order in orders))
    assert sorted(each.outcome for part in outcomes for each in part) == [CREATED] * 5 + [EXISTS] * 10
    for name in names:
        assert (await api.get_registered_model(name)).version_count == 2
        assert len((await api.list_registry_events(name)).events) == 1
