"""Files of logged models: complete or refused, and then as they are for good."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from typing import Any

import pytest

from milepost import v1 as pb
from support.api import Api
from support.errors import ApiError, refused
from support.grpc_api import GrpcApi
from support.model_files import FILES, listed, ready_model, upload_files
from support.values import sha256, unique

READY, FAILED = pb.LoggedModel.STATUS_READY, pb.LoggedModel.STATUS_FAILED


@pytest.fixture
async def model(api: Api, run: pb.Run) -> pb.LoggedModel:
    """A pending model without files."""
    return await api.create_logged_model(run.run_id)


async def test_ready_model_has_its_files_size_and_digest(api: Api, model: pb.LoggedModel) -> None:
    files = {**FILES, "SHA256SUMS": b"the manifest is no part of the digest", "Zoë.txt": b"x"}
    await upload_files(api, model, files)
    ready = await api.finalize_logged_model(
        model.model_id, files=listed(files), flavors=["sklearn"], signature_json="{}"
    )
    lines = sorted(
        (path.encode(), f"{sha256(content)}  {path}\n".encode())
        for path, content in files.items()
        if path != "SHA256SUMS"
    )
    assert ready.sha256 == hashlib.sha256(b"".join(line for _, line in lines)).hexdigest()
    assert (ready.status, ready.size) == (READY, sum(map(len, files.values())))
    assert (list(ready.flavors), ready.signature_json, list(ready.files)) == (["sklearn"], "{}", [])
    found = await api.get_logged_model(model.model_id)
    assert list(found.files) == sorted(listed(files), key=lambda file: file.path.encode())


async def test_model_is_not_ready_while_files_differ_from_the_list(api: Api, model: pb.LoggedModel) -> None:
    await upload_files(api, model, {"kept": b"1", "damaged": b"12", "longer": b"123", "extra": b"4"})
    tampered = listed({"kept": b"1", "damaged": b"21", "longer": b"1234", "absent": b"", "gone/too": b"x"})
    with refused("FAILED_PRECONDITION", "LOGGED_MODEL_INCOMPLETE", missing="2", different="2", unlisted="1") as refusal:
        await api.finalize_logged_model(model.model_id, files=tampered)
    for path in ("absent", "gone/too", "damaged", "longer", "extra"):
        assert repr(path) in refusal.error.message
    assert (await api.get_logged_model(model.model_id)).status == pb.LoggedModel.STATUS_PENDING
    await upload_files(api, model, {"damaged": b"21", "longer": b"1234", "absent": b"", "gone/too": b"x"})
    await api.delete_artifacts(model.run_id, f"{model.path}/extra")
    assert (await api.finalize_logged_model(model.model_id, files=tampered)).status == READY


async def test_long_list_of_differences_is_cut(api: Api, model: pb.LoggedModel) -> None:
    files = listed({f"file-{number:03}": b"" for number in range(300)})
    with refused("FAILED_PRECONDITION", "LOGGED_MODEL_INCOMPLETE", missing="300") as refusal:
        await api.finalize_logged_model(model.model_id, files=files)
    assert "'file-000'" in refusal.error.message
    assert len(refusal.error.message) < 1000


async def test_files_of_other_models_do_not_count(api: Api, run: pb.Run) -> None:
    first, second = [await api.create_logged_model(run.run_id) for _ in range(2)]
    await upload_files(api, first, FILES)
    await api.upload_artifact(run.run_id, f"{first.path}-other/x")
    with refused("FAILED_PRECONDITION", "LOGGED_MODEL_INCOMPLETE", missing="3", unlisted="0"):
        await api.finalize_logged_model(second.model_id, files=listed(FILES))
    assert (await api.finalize_logged_model(first.model_id, files=listed(FILES))).status == READY


@pytest.mark.parametrize("path", ["", "../x", "/etc/passwd", "a/../b", "a\\b", ".milepost-x", "a\u202eb", "C:/x"])
async def test_hostile_path_in_the_list_is_refused(api: Api, model: pb.LoggedModel, path: str) -> None:
    with refused("INVALID_ARGUMENT", "BAD_PATH", "REQUIRED_FIELD") as refusal:
        await api.finalize_logged_model(model.model_id, files=[*listed({"a": b""}), *listed({path: b""})])
    assert refusal.error.fields == ["files[1].path"]


async def test_list_names_at_least_one_file_and_each_once(api: Api, model: pb.LoggedModel) -> None:
    with refused("INVALID_ARGUMENT", "REQUIRED_FIELD") as refusal:
        await api.finalize_logged_model(model.model_id)
    assert refusal.error.fields == ["files"]
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        # One name in two Unicode forms.
        await api.finalize_logged_model(model.model_id, files=[*listed({"\u00e9": b""}), *listed({"e\u0301": b""})])
    assert refusal.error.fields == ["files[1].path"]


@pytest.mark.parametrize("status", [pb.LoggedModel.STATUS_PENDING, 17])
async def test_upload_ends_as_ready_or_failed_only(api: Api, model: pb.LoggedModel, status: int) -> None:
    with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
        await api.finalize_logged_model(model.model_id, status)  # type: ignore[arg-type]
    assert refusal.error.fields == ["status"]


async def test_finalizing_again_alike_changes_nothing_and_otherwise_is_refused(api: Api, run: pb.Run) -> None:
    ready = await ready_model(api, run.run_id)
    assert await api.finalize_logged_model(ready.model_id, files=listed(FILES)) == ready
    for status, files in ((FAILED, {}), (READY, {"other": b""}), (READY, {**FILES, "MLmodel": b"tampered"})):
        with refused("FAILED_PRECONDITION", "LOGGED_MODEL_FINAL"):
            await api.finalize_logged_model(ready.model_id, status, listed(files))
    assert (await api.get_logged_model(ready.model_id)).sha256 == ready.sha256


async def test_stored_files_make_the_list_for_a_client_that_has_none(api: Api, model: pb.LoggedModel) -> None:
    await upload_files(api, model, FILES)
    ready = await api.finalize_logged_model(model.model_id, stored_files=True)
    assert list((await api.get_logged_model(model.model_id)).files) == sorted(listed(FILES), key=lambda file: file.path)
    assert await api.finalize_logged_model(model.model_id, stored_files=True) == ready
    assert await api.finalize_logged_model(model.model_id, files=listed(FILES)) == ready
    with refused("FAILED_PRECONDITION", "LOGGED_MODEL_FINAL"):
        await api.upload_artifact(model.run_id, f"{model.path}/late", b"")


async def test_stored_files_may_be_none(api: Api, model: pb.LoggedModel) -> None:
    ready = await api.finalize_logged_model(model.model_id, stored_files=True)
    assert (ready.status, ready.size, ready.sha256) == (READY, 0, hashlib.sha256(b"").hexdigest())
    version = await api.create_model_version(unique("model"), model_id=model.model_id, create_model=True)
    assert (version.version, version.size) == (1, 0)


async def test_stored_files_go_with_ready_and_without_a_list(api: Api, model: pb.LoggedModel) -> None:
    for status, files in ((FAILED, []), (READY, listed(FILES))):
        with refused("INVALID_ARGUMENT", "INVALID_FIELD") as refusal:
            await api.finalize_logged_model(model.model_id, status, files, stored_files=True)
        assert refusal.error.fields == ["stored_files"]


async def test_failed_model_says_why_and_its_files_can_go(api: Api, model: pb.LoggedModel) -> None:
    await upload_files(api, model, FILES)
    failed = await api.finalize_logged_model(model.model_id, FAILED, status_message="out of memory")
    assert (failed.status, failed.status_message, failed.sha256) == (FAILED, "out of memory", "")
    assert await api.finalize_logged_model(model.model_id, FAILED) == failed
    with refused("FAILED_PRECONDITION", "LOGGED_MODEL_FINAL"):
        await api.finalize_logged_model(model.model_id, files=listed(FILES))
    assert await api.delete_artifacts(model.run_id, model.path) == 3


async def test_files_of_a_ready_model_cannot_be_added_replaced_or_deleted(api: Api, run: pb.Run) -> None:
    await api.upload_artifact(run.run_id, "models/notes.txt", b"no model's")
    ready = await ready_model(api, run.run_id)
    for path in ("MLmodel", "new.bin", "data/model.skops/below"):
        with refused("FAILED_PRECONDITION", "LOGGED_MODEL_FINAL", modelId=ready.model_id):
            await api.upload_artifact(run.run_id, f"{ready.path}/{path}", b"other")
    for path in (f"{ready.path}/MLmodel", f"{ready.path}/data", ready.path, "models"):
        with refused("FAILED_PRECONDITION", "LOGGED_MODEL_FINAL", modelId=ready.model_id):
            await api.delete_artifacts(run.run_id, path)
    await api.delete_logged_model(ready.model_id)
    with refused("FAILED_PRECONDITION", "LOGGED_MODEL_FINAL"):
        await api.delete_artifacts(run.run_id, ready.path)
    assert await api.delete_artifacts(run.run_id, "models/notes.txt") == 1
    for path, content in FILES.items():
        assert (await api.download_artifact(run.run_id, f"{ready.path}/{path}")).content == content


async def test_interrupted_upload_counts_only_once_it_is_complete(api: Api, model: pb.LoggedModel) -> None:
    path, content = f"{model.path}/weights", b"0123456789"
    upload: dict[str, Any] = {"size": 10, "sha256": sha256(content), "upload_id": unique("upload")}
    with refused("INVALID_ARGUMENT", "TRUNCATED_UPLOAD"):
        await api.upload_artifact(model.run_id, path, content[:4], **upload)
    with refused("FAILED_PRECONDITION", "LOGGED_MODEL_INCOMPLETE", missing="1"):
        await api.finalize_logged_model(model.model_id, files=listed({"weights": content}))
    await api.upload_artifact(model.run_id, path, content[4:], offset=4, **upload)
    assert (await api.finalize_logged_model(model.model_id, files=listed({"weights": content}))).size == 10


async def test_upload_from_before_the_model_was_ready_is_not_completed_after(
    grpc_api: GrpcApi, experiment: pb.Experiment
) -> None:
    run = await grpc_api.create_run(experiment.experiment_id)
    model = await grpc_api.create_logged_model(run.run_id)
    await upload_files(grpc_api, model, FILES)
    first = pb.UploadArtifactRequest(
        run_id=run.run_id, path=f"{model.path}/MLmodel", size=8, upload_id=unique("upload")
    )

    async def messages() -> AsyncIterator[bytes]:
        yield first.SerializeToString()
        while True:
            with suppress(ApiError):
                await grpc_api.get_artifact_upload(run.run_id, first.upload_id)
                break
        await grpc_api.finalize_logged_model(model.model_id, files=listed(FILES))
        rest = pb.UploadArtifactRequest()
        rest.body.data = b"tampered"
        yield rest.SerializeToString()

    with refused("FAILED_PRECONDITION", "LOGGED_MODEL_FINAL"):
        await grpc_api.upload_messages(messages())
    with refused("NOT_FOUND", "UPLOAD_NOT_FOUND"):
        await grpc_api.get_artifact_upload(run.run_id, first.upload_id)
    stored = await grpc_api.download_artifact(run.run_id, f"{model.path}/MLmodel")
    assert stored.content == FILES["MLmodel"]


def _change(api: Api, model: pb.LoggedModel, change: str) -> Awaitable[Any]:
    if change == "delete":
        return api.delete_artifacts(model.run_id, f"{model.path}/b")
    return api.upload_artifact(model.run_id, f"{model.path}/{'a' if change == 'replace' else 'c'}", b"other")


@pytest.mark.parametrize("change", ["replace", "add", "delete"])
async def test_files_are_those_listed_whoever_wins_a_race(api: Api, run: pb.Run, change: str) -> None:
    files = {"a": b"first", "b": b"second"}

    async def race(number: int) -> None:
        model = await api.create_logged_model(run.run_id, f"race-{number}")
        await upload_files(api, model, files)
        finalizing = api.finalize_logged_model(model.model_id, files=listed(files))
        calls: list[Awaitable[Any]] = [finalizing, _change(api, model, change)]
        outcomes = await asyncio.gather(*(calls if number % 2 else reversed(calls)), return_exceptions=True)
        reasons = [outcome.reason for outcome in outcomes if isinstance(outcome, ApiError)]
        assert reasons in (["LOGGED_MODEL_FINAL"], ["LOGGED_MODEL_INCOMPLETE"]), outcomes
        after = await api.get_logged_model(model.model_id)
        if reasons == ["LOGGED_MODEL_FINAL"]:
            assert (after.status, list(after.files)) == (READY, listed(files))
        else:
            assert after.status == pb.LoggedModel.STATUS_PENDING

    await asyncio.gather(*(race(number) for number in range(8)))


async def test_files_that_a_version_consists_of_cannot_change(api: Api, run: pb.Run) -> None:
    for path in ("plain/model/MLmodel", "plain/model/data/x", "plain/other", "plain/model-2"):
        await api.upload_artifact(run.run_id, path)
    name = unique("model")
    version = await api.create_model_version(name, create_model=True, run_id=run.run_id, path="plain/model")
    for path in ("plain/model/MLmodel", "plain/model/new"):
        with refused("FAILED_PRECONDITION", "MODEL_IN_USE", versions=f"{name}/{version.version}"):
            await api.upload_artifact(run.run_id, path, b"other")
    for path in ("plain", "plain/model", "plain/model/data", "plain/model/data/x"):
        with refused("FAILED_PRECONDITION", "MODEL_IN_USE", versions=f"{name}/{version.version}"):
            await api.delete_artifacts(run.run_id, path)
    await api.upload_artifact(run.run_id, "plain/model-2", b"free")
    await api.delete_model_version(name, version.version)
    assert await api.delete_artifacts(run.run_id, "plain") == 4
