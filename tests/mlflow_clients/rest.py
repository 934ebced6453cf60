"""MLflow's REST interface without a client: what a stock client never sends, and what it never shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

API = "/api/2.0/mlflow/"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"
Json = Mapping[str, Any]


class Rest:
    """Calls one server.

    Paths are those below `/api/2.0/mlflow/`; one that begins with `/` is whole.

    Args:
        url: Address of the server.
    """

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=60, trust_env=False)

    def close(self) -> None:
        """Closes all connections."""
        self._http.close()

    def send(self, verb: str, path: str, **options: Any) -> httpx.Response:
        """Whatever the server answers. Options are those of `httpx.Client.request`."""
        return self._http.request(verb, path if path.startswith("/") else API + path, **options)

    def get(self, path: str, /, **query: Any) -> dict[str, Any]:
        """What a GET answers, which must be a success."""
        return _answer(self.send("GET", path, params=query))

    def post(self, path: str, body: Json) -> dict[str, Any]:
        """What a POST answers, which must be a success."""
        return _answer(self.send("POST", path, json=body))

    def patch(self, path: str, body: Json) -> dict[str, Any]:
        """What a PATCH answers, which must be a success."""
        return _answer(self.send("PATCH", path, json=body))

    def delete(self, path: str, body: Json) -> dict[str, Any]:
        """What a DELETE with a body answers, which must be a success."""
        return _answer(self.send("DELETE", path, json=body))

    def post_text(self, path: str, body: str) -> httpx.Response:
        """The answer to a body that need not be JSON, sent as JSON."""
        return self.send("POST", path, content=body.encode(), headers={"content-type": "application/json"})

    # What tests need to begin with.

    def new_experiment(self, name: str) -> str:
        """Id of a new experiment."""
        return str(self.post("experiments/create", {"name": name})["experiment_id"])

    def new_run(self, experiment_id: str, **fields: Any) -> str:
        """Id of a new run."""
        return str(self.post("runs/create", {"experiment_id": experiment_id, **fields})["run"]["info"]["run_id"])

    def run(self, run_id: str) -> dict[str, Any]:
        """A run as the server gives it."""
        run: dict[str, Any] = self.get("runs/get", run_id=run_id)["run"]
        return run

    def history(self, run_id: str, key: str) -> list[dict[str, Any]]:
        """All points of a metric."""
        points: list[dict[str, Any]] = self.get("metrics/get-history", run_id=run_id, metric_key=key).get("metrics", [])
        return points


def refusal(response: httpx.Response, status: int, code: str) -> str:
    """The message of an error of MLflow's kind, which must have this status and code."""
    assert response.status_code == status, response.text
    error = response.json()
    assert error["error_code"] == code, error
    assert error["message"]
    return str(error["message"])


def invalid(response: httpx.Response) -> str:
    """The message of a refusal of what was sent."""
    return refusal(response, 400, "INVALID_PARAMETER_VALUE")


def entries(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Keys and values of params, tags or metrics."""
    return {item["key"]: item["value"] for item in items}


def _answer(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = json.loads(response.content)
    return answer
