"""What tests of stock clients share: one server, and the settings that a user of MLflow would make.

`MILEPOST_TEST_SERVER=URL` runs the same tests against that server instead, which should be MLflow's own: what passes
there and here is the same. Tests of deliberate differences are left out then. MLflow's server has to be started with
`MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true MLFLOW_WEBHOOK_ALLOWED_SCHEMES=http,https MLFLOW_WEBHOOK_CACHE_TTL=1`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import mlflow
import pytest
from mlflow import MlflowClient

from mlflow_clients.rest import Rest
from mlflow_clients.server import Server

OTHER_SERVER = os.environ.get("MILEPOST_TEST_SERVER")
SETTINGS = {
    # A failure should be seen, and not be tried again for minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    # Models that log themselves are loaded in a new process to see what they need: after this they need the usual.
    "MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker from which tools/mlflow_compatibility.py makes the table."""
    config.addinivalue_line("markers", "covers(what, difference=None): a line of docs/mlflow-compatibility.md")
    # MLflow and the libraries that it joins warn of each other.
    config.addinivalue_line("filterwarnings", "ignore")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leaves out what is different on purpose when the server is another one."""
    for item in items:
        marker = item.get_closest_marker("covers")
        if OTHER_SERVER and marker and "difference" in marker.kwargs:
            item.add_marker(pytest.mark.skip(reason="different on purpose"))


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the server under test."""
    if OTHER_SERVER:
        yield OTHER_SERVER
        return
    server = Server(tmp_path_factory.mktemp("server") / "data", "--webhook-host", "127.0.0.1")
    yield server.url
    server.stop()


@pytest.fixture(scope="session", autouse=True)
def settings(url: str) -> Iterator[str]:
    """Points MLflow at the server, here and in the processes that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", url)
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        yield url


@pytest.fixture(scope="session")
def rest(url: str) -> Iterator[Rest]:
    """The server without a client."""
    calls = Rest(url)
    yield calls
    calls.close()


@pytest.fixture(scope="session")
def client(settings: str) -> MlflowClient:
    """MLflow's typed client."""
    return MlflowClient(settings)


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test has, also when tests are repeated against one server."""
    return f"{request.function.__name__}-{os.urandom(4).hex()}"


@pytest.fixture
def experiment(rest: Rest, name: str) -> str:
    """Id of a new experiment, which has the test's name."""
    return rest.new_experiment(name)


@pytest.fixture
def run(rest: Rest, experiment: str) -> str:
    """Id of a new run in the test's experiment."""
    return rest.new_run(experiment)


@pytest.fixture
def fluent(experiment: str) -> Iterator[str]:
    """Id of the test's experiment, which is that of the fluent interface too."""
    mlflow.set_experiment(experiment_id=experiment)
    yield experiment
    while mlflow.active_run():
        mlflow.end_run()
