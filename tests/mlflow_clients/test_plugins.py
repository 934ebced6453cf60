"""Plug-ins: entry points by which others extend MLflow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

ENTRY_POINTS = """\
[mlflow.run_context_provider]
team = team_plugin:TeamContext
[mlflow.request_header_provider]
team = team_plugin:TeamHeaders
[mlflow.tracking_store]
team = team_plugin:tracking_store
[mlflow.model_registry_store]
team = team_plugin:registry_store
"""
# A store with a scheme of its own, as companies have them before servers behind a sign-in of theirs.
PLUGIN = """\
import os
from mlflow.store.model_registry.rest_store import RestStore as RegistryStore
from mlflow.store.tracking.rest_store import RestStore
from mlflow.tracking.context.abstract_context import RunContextProvider
from mlflow.tracking.request_header.abstract_request_header_provider import RequestHeaderProvider
from mlflow.utils.rest_utils import MlflowHostCreds

class TeamContext(RunContextProvider):
    def in_context(self):
        return True
    def tags(self):
        return {"team.plugin": "yes"}

class TeamHeaders(RequestHeaderProvider):
    def in_context(self):
        return True
    def request_headers(self):
        return {"X-Team": "vision"}

def creds():
    return MlflowHostCreds(os.environ["TEAM_URL"])

def tracking_store(store_uri, artifact_uri=None):
    return RestStore(creds)

def registry_store(store_uri, tracking_uri=None):
    return RegistryStore(creds)
"""
SCRIPT = """\
import sys, mlflow
mlflow.set_experiment(experiment_id=sys.argv[1])
with mlflow.start_run() as run:
    mlflow.log_metric("m", 1.5)
    mlflow.MlflowClient().create_registered_model(sys.argv[2])
print("run", run.info.run_id)
"""


@pytest.mark.covers("stores, run contexts and request headers of plug-ins")
def test_a_plug_in_speaks_to_the_server(
    client: MlflowClient, url: str, experiment: str, name: str, tmp_path: Path
) -> None:
    information = tmp_path / "team_plugin-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: team-plugin\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "team_plugin.py").write_text(PLUGIN)
    environment = {
        **os.environ, "PYTHONPATH": str(tmp_path), "MLFLOW_TRACKING_URI": "team://server", "TEAM_URL": url,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, experiment, name], env=environment, capture_output=True, text=True, timeout=90
    )
    assert done.returncode == 0, done.stderr
    run = client.get_run(done.stdout.split()[-1])
    assert (run.data.metrics, run.data.tags["team.plugin"]) == ({"m": 1.5}, "yes")
    assert client.get_registered_model(name).name == name
