"""Versions of registered models: what they consist of, what is said about them, stages, copies."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from milepost import v1 as pb
from milepost.models.format.manifest import manifest_digest
from support.api import Api
from support.errors import refused
from support.values import sha256, unique

SOURCE = "s3://bucket/model"
FILES = {"MLmodel": b"flavors: {}\n", "data/weights.bin": b"\0" * 1000, "data.txt": b"not below data"}
Stage = pb.ModelVersion.Stage
Status = pb.ModelVersion.Status


@pytest.fixture
async def name(api: Api) -> str:
    """Name of a registered model of the test's own."""
    return (await api.create_registered_model()).name


async def kinds(api: Api, name: str) -> list[str]:
    """What happened to a model, first one first, after it was created."""
    events = reversed((await api.list_registry_events(name)).events)
    return [pb.RegistryEvent.Kind.Name(event.kind).removeprefix("KIND_") for event in events][1:]


async def upload(api: Api, run_id: str, folder: str) -> None:
    """Stores `FILES`, with a manifest, below a folder."""
    for path, content in {**FILES, "SHA256SUMS": b"anything"}.items():
        await api.upload_artifact(run_id, f"{folder}/{path}", content)


async def test_created_version_is_returned_as_stored(api: Api, name: str) -> None:
    origin = pb.ModelVersionOrigin(server="https://other.example", name="theirs", version=7)
    created = await api.create_model_version(
        name,
        description="…",
        model_card="# Card",
        tags={"k": "v"},
        source_uri=SOURCE,
        sha256="0" * 64,
        user="me",
        status_message="uploading",
        status=Status.STATUS_PENDING,
        copied_from=origin,
    )
    assert created == await api.get_model_version(name, 1)
    assert (created.name, created.version, created.stage) == (name, 1, Stage.STAGE_NONE)
    assert (created.model_card, dict(created.tags), created.user) == ("# Card", {"k": "v"}, "me")
    assert (created.status, created.status_message) == (Status.STATUS_PENDING, "uploading")
    assert (created.source_uri, created.sha256, created.size) == (SOURCE, "0" * 64, 0)
    assert created.copied_from == origin
    assert created.etag
    model = await api.get_registered_model(name)
    assert (model.latest_version, model.version_count) == (1, 1)


async def test_version_of_artifacts_has_their_digest_size_and_lineage(api: Api, name: str, run: pb.Run) -> None:
    data = pb.DatasetInput(dataset=pb.Dataset(name="train", digest="1"), context="training", tags={"a": "b"})
    await api.log_inputs(run.run_id, [data])
    await upload(api, run.run_id, "model")
    await api.upload_artifact(run.run_id, "model.txt")
    created = await api.create_model_version(name, run_id=run.run_id, path="model")
    assert created.sha256 == manifest_digest({path: sha256(content) for path, content in FILES.items()})
    assert created.size == sum(map(len, FILES.values())) + len(b"anything")
    assert list(created.inputs) == [data]
    assert created.status == Status.STATUS_READY
    await api.log_inputs(run.run_id, [pb.DatasetInput(dataset=pb.Dataset(name="later", digest="1"))])
    assert list((await api.get_model_version(name, 1)).inputs) == [data]


async def test_version_of_a_logged_model_has_its_files(api: Api, name: str, run: pb.Run) -> None:
    logged = await api.create_logged_model(run.run_id)
    source: dict[str, Any] = {"model_id": logged.model_id}
    with refused("FAILED_PRECONDITION", "LOGGED_MODEL_NOT_READY"):
        await api.create_model_version(name, **source)
    await api.upload_artifact(run.run_id, f"{logged.path}/MLmodel", FILES["MLmodel"])
    with refused("FAILED_PRECONDITION", "LOGGED_MODEL_NOT_READY"):
        await api.create_model_version(name, run_id=run.run_id, path=logged.path)
    file = pb.ModelFile(path="MLmodel", size=len(FILES["MLmodel"]), sha256=sha256(FILES["MLmodel"]))
    ready = await api.finalize_logged_model(logged.model_id, files=[file])
    created = await api.create_model_version(name, **source)
    assert (created.run_id, created.path, created.model_id) == (run.run_id, logged.path, logged.model_id)
    assert (created.sha256, created.size) == (ready.sha256, ready.size)
    with refused("NOT_FOUND", "LOGGED_MODEL_NOT_FOUND"):
        await api.create_model_version(name, model_id="m-" + "0" * 32)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ({}, "BAD_MODEL_SOURCE"),
        ({"run_id": "r"}, "BAD_MODEL_SOURCE"),
        ({"path": "model"}, "BAD_MODEL_SOURCE"),
        ({"run_id": "r", "path": "model", "source_uri": SOURCE}, "BAD_MODEL_SOURCE"),
        ({"model_id": "m-" + "0" * 32, "run_id": "r", "path": "model"}, "BAD_MODEL_SOURCE"),
        ({"run_id": "r", "path": "../../etc"}, "BAD_PATH"),
        ({"run_id": "r", "path": "/etc"}, "BAD_PATH"),
        ({"source_uri": "file:///etc/passwd"}, "INVALID_FIELD"),
        ({"source_uri": "FILE:/etc"}, "INVALID_FIELD"),
        ({"source_uri": "models:/other/1"}, "INVALID_FIELD"),
        ({"source_uri": "/etc/passwd"}, "INVALID_FIELD"),
        ({"source_uri": SOURCE, "sha256": "no digest"}, "INVALID_FIELD"),
        ({"source_uri": SOURCE, "copied_from": pb.ModelVersionOrigin(name="mine", version=1)}, "INVALID_FIELD"),
        ({"run_id": "r", "path": "model", "status": Status.STATUS_PENDING}, "INVALID_FIELD"),
    ],
    ids=str,
)
async def test_bad_source_is_refused(api: Api, name: str, source: dict[str, Any], reason: str) -> None:
    with refused("INVALID_ARGUMENT", reason):
        await api.create_model_version(name, **source)
    assert (await api.get_registered_model(name)).version_count == 0


async def test_files_elsewhere_may_say_which_run_and_model_they_are_of(api: Api, name: str) -> None:
    owners: dict[str, Any] = {"run_id": "of-another-server", "model_id": "m-" + "0" * 32}
    created = await api.create_model_version(name, source_uri=SOURCE, **owners)
    assert (created.source_uri, created.path, created.sha256) == (SOURCE, "", "")
    assert {"run_id": created.run_id, "model_id": created.model_id} == owners


async def test_source_that_is_not_there_is_refused(api: Api, name: str, run: pb.Run) -> None:
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.create_model_version(name, run_id="none", path="model")
    with refused("NOT_FOUND", "ARTIFACT_NOT_FOUND", path="model"):
        await api.create_model_version(name, run_id=run.run_id, path="model")
    await upload(api, run.run_id, "model")
    with refused("INVALID_ARGUMENT", "BAD_MODEL_SOURCE"):
        await api.create_model_version(name, run_id=run.run_id, path="model", sha256="0" * 64)
    await api.delete_run(run.run_id)
    with refused("FAILED_PRECONDITION", "RUN_DELETED"):
        await api.create_model_version(name, run_id=run.run_id, path="model")


async def test_refused_version_leaves_no_model_behind(api: Api) -> None:
    name = unique("model")
    with refused("NOT_FOUND", "RUN_NOT_FOUND"):
        await api.create_model_version(name, create_model=True, run_id="none", path="model")
    with refused("NOT_FOUND", "MODEL_NOT_FOUND"):
        await api.get_registered_model(name)


async def test_files_of_a_version_neither_change_nor_go(api: Api, name: str, run: pb.Run) -> None:
    await upload(api, run.run_id, "model")
    await api.create_model_version(name, run_id=run.run_id, path="model")
    with refused("FAILED_PRECONDITION", "MODEL_IN_USE"):
        await api.upload_artifact(run.run_id, "model/MLmodel", b"other")
    await api.delete_run(run.run_id)
    with refused("FAILED_PRECONDITION", "MODEL_IN_USE"):
        await api.purge_run(run.run_id)
    await api.delete_model_version(name, 1)
    await api.purge_run(run.run_id)


async def test_numbers_are_never_given_out_again(api: Api, name: str) -> None:
    async def create(name: str) -> int:
        return (await api.create_model_version(name, source_uri=SOURCE, create_model=True)).version

    assert [await create(name) for _ in range(3)] == [1, 2, 3]
    await api.delete_model_version(name, 3)
    assert await create(name) == 4
    other = unique("other")
    await api.rename_registered_model(name, other)
    assert (await create(name), await create(other)) == (5, 5)
    await api.delete_registered_model(name)
    assert await create(name) == 6
    await api.delete_registered_model(other)
    await api.rename_registered_model(name, other)
    assert await create(other) == 7


async def test_update_writes_the_masked_fields_and_tells_of_each(api: Api, name: str) -> None:
    created = await api.create_model_version(name, source_uri=SOURCE, status=Status.STATUS_PENDING, tags={"a": "1"})
    given = pb.ModelVersion(
        name=name, version=1, description="d", model_card="c", tags={"b": "2"}, status=Status.STATUS_READY
    )
    after = await api.update_model_version(given, "*")
    assert after == await api.get_model_version(name, 1)
    assert (after.description, after.model_card, dict(after.tags)) == ("d", "c", {"b": "2"})
    assert after.status == Status.STATUS_READY
    assert after.etag != created.etag
    events = reversed((await api.list_registry_events(name, page_size=5)).events)
    assert [(event.field, event.before, event.after, event.version) for event in events] == [
        ("description", "", "d", 1),
        ("model_card", "", "c", 1),
        ("status", "STATUS_PENDING", "STATUS_READY", 1),
        ("a", "1", "", 1),
        ("b", "", "2", 1),
    ]


async def test_ready_version_stays_ready(api: Api, name: str) -> None:
    await api.create_model_version(name, source_uri=SOURCE)
    with refused("FAILED_PRECONDITION", "MODEL_VERSION_READY"):
        await api.update_model_version(pb.ModelVersion(name=name, version=1, status=Status.STATUS_FAILED))
    with refused("INVALID_ARGUMENT", "BAD_MASK"):
        await api.update_model_version(pb.ModelVersion(name=name, version=1), "source_uri")
    with refused("ABORTED", "ETAG_MISMATCH"):
        await api.update_model_version(pb.ModelVersion(name=name, version=1, description="x", etag="other"))


async def test_tags_of_a_version_are_its_own(api: Api, name: str) -> None:
    for _ in range(2):
        await api.create_model_version(name, source_uri=SOURCE, tags={"a": "1"})
    after = await api.update_model_tags(name, {"b": "2"}, ["a"], version=2)
    assert dict(after.model_version.tags) == {"b": "2"}
    assert not after.registered_model.tags
    assert dict((await api.get_model_version(name, 1)).tags) == {"a": "1"}
    with refused("NOT_FOUND", "MODEL_VERSION_NOT_FOUND"):
        await api.update_model_tags(name, {"b": "2"}, version=3)


async def test_transition_archives_the_others_on_request(api: Api, name: str) -> None:
    for _ in range(3):
        await api.create_model_version(name, source_uri=SOURCE)
    for number in (1, 2):
        await api.transition_model_version(name, number, Stage.STAGE_PRODUCTION)
    moved = await api.transition_model_version(name, 3, Stage.STAGE_PRODUCTION, archive_existing=True)
    assert list(moved.archived_versions) == [1, 2]
    assert moved.model_version.stage == Stage.STAGE_PRODUCTION
    assert (await api.get_model_version(name, 1)).stage == Stage.STAGE_ARCHIVED
    events = (await api.list_registry_events(name, page_size=3)).events
    assert [(event.version, event.before, event.after) for event in reversed(events)] == [
        (1, "STAGE_PRODUCTION", "STAGE_ARCHIVED"),
        (2, "STAGE_PRODUCTION", "STAGE_ARCHIVED"),
        (3, "STAGE_NONE", "STAGE_PRODUCTION"),
    ]
    for stage in (Stage.STAGE_NONE, Stage.STAGE_ARCHIVED):
        with refused("INVALID_ARGUMENT", "INVALID_FIELD"):
            await api.transition_model_version(name, 3, stage, archive_existing=True)
    with refused("INVALID_ARGUMENT", "REQUIRED_FIELD"):
        await api.transition_model_version(name, 3, Stage.STAGE_UNSPECIFIED)


async def test_of_concurrent_transitions_that_archive_one_stays(api: Api, name: str) -> None:
    for _ in range(8):
        await api.create_model_version(name, source_uri=SOURCE)
    production = Stage.STAGE_PRODUCTION
    await asyncio.gather(
        *(api.transition_model_version(name, number, production, archive_existing=True) for number in range(1, 9))
    )
    found = await api.list_model_versions(filter=f"name = '{name}' AND stage = 'production'")
    assert len(found.model_versions) == 1


async def test_deleted_version_is_gone_with_its_aliases(api: Api, name: str) -> None:
    await api.create_model_version(name, source_uri=SOURCE, tags={"a": "1"})
    for alias in ("b", "a"):
        await api.set_model_alias(name, alias, 1)
    assert list((await api.get_model_version(name, 1)).aliases) == ["a", "b"]
    await api.delete_model_version(name, 1)
    model = await api.get_registered_model(name)
    assert (dict(model.aliases), model.latest_version, model.version_count) == ({}, 0, 0)
    with refused("NOT_FOUND", "MODEL_VERSION_NOT_FOUND", name=name, version="1"):
        await api.get_model_version(name, 1)
    assert (await kinds(api, name))[3:] == ["ALIAS_DELETED", "ALIAS_DELETED", "VERSION_DELETED"]


async def test_copy_takes_all_but_aliases_and_stage(api: Api, name: str) -> None:
    source = await api.create_model_version(
        name, source_uri=SOURCE, description="d", model_card="c", tags={"a": "1"}, sha256="0" * 64
    )
    await api.set_model_alias(name, "champion", 1)
    await api.transition_model_version(name, 1, Stage.STAGE_STAGING)
    other = unique("other")
    copied = await api.copy_model_version(name, 1, other, create_model=True)
    assert copied == await api.get_model_version(other, 1)
    assert (copied.description, copied.model_card, dict(copied.tags)) == ("d", "c", {"a": "1"})
    assert (copied.source_uri, copied.sha256) == (source.source_uri, source.sha256)
    assert (list(copied.aliases), copied.stage) == ([], Stage.STAGE_NONE)
    assert copied.copied_from == pb.ModelVersionOrigin(name=name, version=1)
    with refused("NOT_FOUND", "MODEL_VERSION_NOT_FOUND"):
        await api.copy_model_version(name, 2, other)


async def test_copy_back_to_where_it_comes_from_is_refused(api: Api) -> None:
    first, second, third = names = [(await api.create_registered_model()).name for _ in range(3)]
    await api.create_model_version(first, source_uri=SOURCE)
    await api.copy_model_version(first, 1, second)
    await api.copy_model_version(second, 1, third)
    for name in names:
        with refused("FAILED_PRECONDITION", "COPY_CYCLE", destination=name):
            await api.copy_model_version(third, 1, name)


async def test_model_card_is_listed_only_when_named(api: Api, name: str) -> None:
    await api.create_model_version(name, source_uri=SOURCE, model_card="card", description="d")
    mine = f"name = '{name}'"
    (listed,) = (await api.list_model_versions(filter=mine)).model_versions
    assert (listed.model_card, listed.description) == ("", "d")
    mask = FieldMask(paths=["model_card"])
    assert list((await api.list_model_versions(filter=mine, read_mask=mask)).model_versions) == [
        pb.ModelVersion(model_card="card")
    ]
    (whole,) = (await api.list_model_versions(filter=mine, read_mask=FieldMask(paths=["*"]))).model_versions
    assert whole == await api.get_model_version(name, 1)
