"""Every test that takes `api` runs over each transport and each database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from milepost import v1 as pb
from support.api import Api
from support.grpc_api import GrpcApi
from support.mlflow_http import MlflowHttp, mlflow_http
from support.rest_api import RestApi
from support.servers import RunningServer


def _database(backend: RunningServer) -> str:
    return backend.settings.sql_url.partition(":")[0]


@pytest.fixture(scope="session")
async def grpc_api(backend: RunningServer) -> AsyncIterator[GrpcApi]:
    api = GrpcApi(backend.grpc_address, _database(backend))
    yield api
    await api.close()


@pytest.fixture(scope="session")
async def rest_api(backend: RunningServer) -> AsyncIterator[RestApi]:
    api = RestApi(backend.http_url, _database(backend))
    yield api
    await api.close()


@pytest.fixture(scope="session", params=["grpc", "rest"])
def api(request: pytest.FixtureRequest, grpc_api: GrpcApi, rest_api: RestApi) -> Api:
    """The way in under test."""
    return grpc_api if request.param == "grpc" else rest_api


@pytest.fixture(scope="session")
async def mlflow(backend: RunningServer) -> AsyncIterator[MlflowHttp]:
    """MLflow's REST API of the server."""
    async with mlflow_http(backend.http_url) as calls:
        yield calls


@pytest.fixture
async def experiment(api: Api) -> pb.Experiment:
    """An experiment of the test's own."""
    return await api.create_experiment()


@pytest.fixture
async def run(api: Api, experiment: pb.Experiment) -> pb.Run:
    """A run of the test's own."""
    return await api.create_run(experiment.experiment_id)
