"""Served models from a real registry: loaded, tried out, swapped, rolled back, followed and unloaded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import milepost
from milepost import v1 as pb
from milepost.models.registry.cache import Cache
from milepost.models.worker.payload import Payload
from milepost_server.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable
from milepost_server.serving.models.registry_source import RegistrySource
from milepost_server.serving.models.repository import Repository
from milepost_server.serving.options import Options
from milepost_server.serving.predicting import Asked, Predictions
from support.servers import RunningServer
from support.serving_registry import RegisteredModel, until

OPTIONS = Options(trust=True, spares=0)


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[milepost.Client]:
    with milepost.Client(server.grpc_address) as connected:
        yield connected


@pytest.fixture
def model(client: milepost.Client, tmp_path: Path) -> RegisteredModel:
    return RegisteredModel(client, tmp_path)


@pytest.fixture
async def repository(server: RunningServer) -> AsyncIterator[Repository]:
    made = Repository(RegistrySource(server.grpc_address), OPTIONS)
    yield made
    await made.close(10)


async def ask(repository: Repository, name: str = "", version: int = 0, row: float = 1.0) -> float:
    given = Payload("array", [np.array([[row]])])
    answered = await Predictions(repository, []).predict(Asked(name, version), lambda contract: (given, None))
    return float(answered.payload.arrays[0][0])


def states(repository: Repository, name: str) -> dict[int, str]:
    return {one.version: pb.ServedVersion.State.Name(one.state)[6:] for one in repository.get(name).versions}


def is_only(repository: Repository, name: str, version: int) -> bool:
    return states(repository, name) == {version: "READY"}


async def test_every_uri_of_the_registry_and_a_folder_is_served(
    repository: Repository, model: RegisteredModel, client: milepost.Client, tmp_path: Path
) -> None:
    model.add(1, champion=True)
    version = client.model_versions.get(model.name, 1)
    served = await repository.load(f"models:/{model.name}/1")
    assert (served.name, served.live_version, served.followed_alias) == (model.name, 1, "")
    assert (await repository.load(model.uri, "by alias")).followed_alias == "champion"
    assert (await repository.load(f"models:/{model.name}/latest", "latest")).live_version == 1
    assert (await repository.load(f"models:/{version.model_id}", "logged")).live_version == 0
    assert (await repository.load(str(tmp_path / f"{model.name}-1"))).name == f"{model.name}-1"
    assert {one.name for one in repository.list()} == {model.name, "by alias", "latest", "logged", f"{model.name}-1"}
    for one in repository.list():
        assert await ask(repository, one.name) == 1
        assert one.versions[0].sha256 == version.sha256
        assert one.versions[0].flavor == "python_function"
    assert repository.readiness() == dict.fromkeys((one.name for one in repository.list()), True)


async def test_what_cannot_be_loaded_says_why_and_nothing_is_left_of_it(
    repository: Repository, model: RegisteredModel
) -> None:
    model.add(1, fails=True)
    with pytest.raises(FailedPrecondition, match="does not answer its input example") as refused:
        await repository.load(f"models:/{model.name}/1")
    assert refused.value.reason == pb.ERROR_REASON_MODEL_NOT_LOADABLE
    assert "secret" not in str(refused.value)
    with pytest.raises(NotFound) as missing:
        await repository.load(f"models:/{model.name}/2")
    assert missing.value.reason == pb.ERROR_REASON_MODEL_VERSION_NOT_FOUND
    with pytest.raises(NotFound) as without_alias:
        await repository.load(model.uri)
    assert without_alias.value.reason == pb.ERROR_REASON_ALIAS_NOT_FOUND
    with pytest.raises(InvalidArgument, match="source"):
        await repository.load(f"models:/{model.name}/v1")
    with pytest.raises(InvalidArgument, match="name"):
        await repository.load(f"models:/m-{'0' * 32}")
    with pytest.raises(FailedPrecondition) as untrusted:
        await repository.load(f"models:/{model.name}/1", "", Options())
    assert "trust" in str(untrusted.value)
    assert repository.list() == []
    with pytest.raises(NotFound, match="load one first"):
        await ask(repository)


async def test_no_refusal_tells_a_path_of_this_machine(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="no file 'MLmodel'") as no_model:
        await repository.load(str(tmp_path))
    with pytest.raises(FailedPrecondition) as no_folder:
        await repository.load(str(tmp_path / "nothing"))
    assert str(tmp_path) not in str(no_model.value) + str(no_folder.value)


async def test_a_copy_that_was_damaged_here_is_fetched_anew(repository: Repository, model: RegisteredModel) -> None:
    model.add(1)
    key = (await repository.load(f"models:/{model.name}/1")).versions[0].sha256
    await repository.unload(model.name)
    script = Cache.configured().root / "models" / key / f"{model.name}-1.py"
    script.chmod(0o600)
    script.write_text("import sys; sys.exit()")
    await repository.load(f"models:/{model.name}/1")
    assert await ask(repository) == 1


async def test_a_load_that_is_given_up_leaves_nothing(repository: Repository, model: RegisteredModel) -> None:
    model.add(1)
    loading = asyncio.create_task(repository.load(f"models:/{model.name}/1"))
    await until(lambda: repository.list() != [] and states(repository, model.name) == {1: "LOADING"})
    assert repository.readiness() == {}
    with pytest.raises(NotFound, match="being loaded"):
        await ask(repository)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    assert (repository.list(), list(repository.versions())) == ([], [])
    await repository.load(f"models:/{model.name}/1")
    assert await ask(repository) == 1


async def test_a_model_that_is_loaded_anew_has_another_source_and_no_canary(
    repository: Repository, model: RegisteredModel
) -> None:
    model.add(1, champion=True)
    model.add(2)
    await repository.load(model.uri)
    await repository.set_canary(model.name, 2, 100.0)
    served = await repository.load(f"models:/{model.name}/2", "", replace(OPTIONS, workers=2))
    assert (served.source, served.live_version, served.previous_version) == (f"models:/{model.name}/2", 2, 1)
    assert not served.HasField("canary")
    await until(lambda: is_only(repository, model.name, 2))
    (version,) = repository.get(model.name).versions
    assert (version.workers, version.ready_workers) == (2, 2)


async def test_an_alias_that_moves_is_followed_and_no_request_fails(
    repository: Repository, model: RegisteredModel
) -> None:
    model.add(1, champion=True)
    await repository.load(model.uri)
    done = asyncio.Event()

    async def caller() -> list[float]:
        answers = []
        while not done.is_set():
            answers.append(await ask(repository))
        return answers

    callers = [asyncio.create_task(caller()) for _ in range(8)]
    for version in (2, 3):
        await asyncio.to_thread(model.add, version, champion=True)
        await until(partial(is_only, repository, model.name, version))
    done.set()
    for answers in await asyncio.gather(*callers):
        assert {1, 2, 3} >= set(answers) >= {1, 3}
        assert answers == sorted(answers)
    assert repository.get(model.name).previous_version == 2


async def test_a_version_that_fails_its_trial_leaves_the_live_one_until_the_alias_moves_again(
    repository: Repository, model: RegisteredModel
) -> None:
    model.add(1, champion=True)
    await repository.load(model.uri)
    model.add(2, fails=True, champion=True)
    await until(lambda: states(repository, model.name) == {1: "READY", 2: "FAILED"})
    failed = repository.get(model.name).versions[1]
    assert "input example" in failed.message
    assert await ask(repository) == 1
    model.move(model.add(3))
    await until(lambda: states(repository, model.name) == {2: "FAILED", 3: "READY"})


async def test_roll_back_and_a_chosen_version_pin_until_the_alias_is_followed_again(
    repository: Repository, model: RegisteredModel
) -> None:
    model.add(1, champion=True)
    model.add(2)
    await repository.load(model.uri)
    with pytest.raises(FailedPrecondition) as first:
        await repository.roll_back(model.name)
    assert first.value.reason == pb.ERROR_REASON_NO_PREVIOUS_VERSION
    await repository.set_live(model.name, 2)
    assert await ask(repository) == 2
    served = await repository.roll_back(model.name)
    assert (served.live_version, served.previous_version, served.pinned) == (1, 2, True)
    model.move(2)
    assert await ask(repository) == 1
    served = await repository.follow(model.name)
    assert (served.live_version, served.pinned, served.followed_alias) == (2, False, "champion")
    await repository.load(f"models:/{model.name}/1")
    with pytest.raises(FailedPrecondition) as nothing:
        await repository.follow(model.name)
    assert nothing.value.reason == pb.ERROR_REASON_NOTHING_TO_FOLLOW


async def test_an_alias_that_is_removed_leaves_its_version_and_says_so(
    repository: Repository, model: RegisteredModel, client: milepost.Client
) -> None:
    model.add(1, champion=True)
    await repository.load(model.uri)
    client.registered_models.delete_alias(model.name, "champion")
    await until(lambda: "champion" in repository.get(model.name).versions[0].message)
    assert await ask(repository) == 1
    model.move(1)
    await until(lambda: repository.get(model.name).versions[0].message == "")


async def test_unloading_answers_what_was_accepted_and_refuses_the_rest(
    repository: Repository, model: RegisteredModel, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    model.add(1, gate=str(gate))
    await repository.load(f"models:/{model.name}/1")
    (entry,) = [entry for entry in Cache.configured().entries() if entry.key == sha256(repository, model.name)]
    asking = asyncio.create_task(ask(repository, row=7))
    await until((tmp_path / "gate.entered").exists)
    unloading = asyncio.create_task(repository.unload(model.name))
    await until(lambda: repository.list() == [])
    with pytest.raises(NotFound, match="No model"):
        await ask(repository, model.name)
    assert not unloading.done()
    assert not Cache.configured().remove(entry)
    gate.touch()
    assert await asking == 1
    await unloading
    assert list(repository.versions()) == []
    assert Cache.configured().remove(entry)


async def test_models_beside_each_other_are_asked_by_their_names(
    repository: Repository, model: RegisteredModel, client: milepost.Client, tmp_path: Path
) -> None:
    other = RegisteredModel(client, tmp_path)
    model.add(1, champion=True)
    other.add(2, champion=True)
    await asyncio.gather(repository.load(model.uri), repository.load(other.uri))
    assert await ask(repository, model.name) == 1
    assert await ask(repository, other.name) == 2
    with pytest.raises(NotFound, match="has to be said"):
        await ask(repository)
    with pytest.raises(NotFound, match=r"Version 5 .* is not loaded"):
        await ask(repository, model.name, 5)


async def test_a_model_that_mixes_rows_is_not_asked_for_several_requests_at_once(
    repository: Repository, model: RegisteredModel, caplog: pytest.LogCaptureFixture
) -> None:
    model.add(1, mixes=True, batching=True)
    await repository.load(f"models:/{model.name}/1")
    assert "one by one" in caplog.text
    assert await asyncio.gather(*(ask(repository, row=row) for row in range(20))) == [1.0] * 20


async def test_a_model_without_an_example_is_live_and_says_that_it_was_not_tried(
    repository: Repository, model: RegisteredModel
) -> None:
    model.add(1, example=False)
    served = await repository.load(f"models:/{model.name}/1")
    assert "was not tried" in served.versions[0].message
    assert await ask(repository) == 1


async def test_a_registry_that_is_away_stops_no_served_model_and_is_followed_when_it_is_back(tmp_path: Path) -> None:
    tracking = RunningServer(tmp_path / "tracking")
    with milepost.Client(tracking.grpc_address) as client:
        model = RegisteredModel(client, tmp_path)
        model.add(1, champion=True)
        model.add(2)
        repository = Repository(RegistrySource(tracking.grpc_address), OPTIONS, recheck_s=1.0)
        await repository.load(model.uri)
        await asyncio.to_thread(tracking.stop)
        with pytest.raises(Unavailable) as away:
            await repository.load(model.uri, "another")
        assert away.value.reason == pb.ERROR_REASON_REGISTRY_UNAVAILABLE
        assert await ask(repository, model.name) == 1
        ports = {"grpc_port": tracking.grpc_port, "http_port": tracking.http_port}
        back = await asyncio.to_thread(lambda: RunningServer(tmp_path / "tracking", **ports))
        await asyncio.to_thread(model.move, 2)
        await until(lambda: states(repository, model.name) == {2: "READY"})
        await repository.close(10)
    await asyncio.to_thread(back.stop)


def sha256(repository: Repository, name: str) -> str:
    return repository.get(name).versions[0].sha256
