"""The client's verbs on imports: a history of each kind of entry, by both clients."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import milepost
from milepost import errors
from milepost import v1 as pb
from support.servers import RunningServer
from support.values import at, points, unique

CREATED = pb.IMPORT_OUTCOME_CREATED
Verb = Callable[..., Awaitable[Any]]


async def _story(verb: Callable[[str], Verb]) -> str:
    """Imports one entry of each kind and deletes the run; returns its id."""
    (experiment,) = await verb("experiments")([pb.Experiment(name=unique("old"))])
    run = pb.Run(run_id=secrets.token_hex(16), experiment_id=experiment.experiment_id, state=pb.Run.STATE_FINISHED)
    (made,) = await verb("runs")([pb.ImportedRun(run=run, metrics=[points("loss", [1.0])])])
    assert (experiment.outcome, made.outcome) == (CREATED, CREATED)
    more = pb.ImportedPoints(run_id=run.run_id, position=1, points=points("loss", [2.0, 3.0]))
    assert await verb("metric_points")([more]) == [3]
    more.position = 9
    with pytest.raises(errors.InvalidArgumentError, match="has 3 points"):
        await verb("metric_points")([more])
    model = pb.LoggedModel(
        model_id=f"m-{secrets.token_hex(16)}", run_id=run.run_id, name="m", status=pb.LoggedModel.STATUS_READY
    )
    (logged,) = await verb("logged_models")([model])
    name = unique("model")
    version = pb.ModelVersion(name=name, version=4, model_id=model.model_id, create_time=at(2))
    entry = pb.ImportedRegisteredModel(
        registered_model=pb.RegisteredModel(name=name, create_time=at(1)), model_versions=[version]
    )
    (registered,) = await verb("registered_models")([entry])
    assert (logged.outcome, registered.outcome, registered.versions[0].outcome) == (CREATED, CREATED, CREATED)
    gone, used = pb.ImportedDeletion(id=run.run_id, delete_time=at(3)), pb.ImportedDeletion(id=model.model_id)
    assert await verb("deletions")(runs=[gone], logged_models=[used]) == [model.model_id]
    return run.run_id


async def test_the_asynchronous_client_imports_a_history(server: RunningServer) -> None:
    async with milepost.AsyncClient(server.grpc_address) as client:
        run_id = await _story(lambda name: getattr(client.imports, name))
        assert (await client.runs.get(run_id)).metrics["loss"] == 3.0


async def test_the_synchronous_client_imports_a_history(server: RunningServer) -> None:
    with milepost.Client(server.grpc_address) as client:

        def verb(name: str) -> Verb:
            async def called(*args: Any, **kwargs: Any) -> Any:
                return await asyncio.to_thread(getattr(client.imports, name), *args, **kwargs)

            return called

        run_id = await _story(verb)
        assert client.runs.get(run_id).metrics["loss"] == 3.0
