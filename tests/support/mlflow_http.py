"""MLflow's REST API, called as its clients do, and what it answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

API = "/api/2.0/mlflow"
# Paths that are not below it begin so.
WHOLE = ("/api", "/ajax-api", "/get-artifact", "/model-versions/get-artifact")


class MlflowError(Exception):
    """An error answer.

    Args:
        status: Of HTTP.
        code: The `error_code`.
        message: For people.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message


class MlflowHttp:
    """Sends requests to one server.

    Args:
        url: Of the server, without a final slash.
        client: Sends them.
    """

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self.url = url
        self._client = client

    async def get(self, path: str, /, **query: Any) -> Any:
        """A `GET` with a query; `path` begins behind `/api/2.0/mlflow` or is a whole path."""
        return await self.send("GET", path, params=query)

    async def post(self, path: str, /, **body: Any) -> Any:
        """A `POST` with a JSON body."""
        return await self.send("POST", path, json=body)

    async def patch(self, path: str, /, **body: Any) -> Any:
        """A `PATCH` with a JSON body."""
        return await self.send("PATCH", path, json=body)

    async def delete(self, path: str, /, **body: Any) -> Any:
        """A `DELETE` with a JSON body, as the stock client sends it."""
        return await self.send("DELETE", path, json=body)

    async def send(self, verb: str, path: str, **given: Any) -> Any:
        """Any request; the JSON of its answer.

        Raises:
            MlflowError: The answer is an error.
        """
        answer = await self.raw(verb, path, **given)
        if answer.status_code >= 300:
            error = answer.json()
            raise MlflowError(answer.status_code, error["error_code"], error["message"])
        return json.loads(answer.content)

    async def raw(self, verb: str, path: str, **given: Any) -> httpx.Response:
        """Any request, and its answer as it is."""
        whole = path if path.startswith(WHOLE) else API + path
        return await self._client.request(verb, self.url + whole, **given)


@asynccontextmanager
async def mlflow_http(url: str) -> AsyncIterator[MlflowHttp]:
    """Calls of a server for as long as the block lasts."""
    # Direct, whatever proxy the environment names.
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
        yield MlflowHttp(url, client)


@dataclass
class Refused:
    """What was refused in a `refused` block."""

    message: str = ""


@contextmanager
def refused(status: int, code: str) -> Iterator[Refused]:
    """Expects an error answer."""
    seen = Refused()
    try:
        yield seen
    except MlflowError as error:
        if (error.status, error.code) != (status, code):
            raise AssertionError(f"{error} where {status} {code} was expected") from error
        seen.message = error.message
    else:
        raise AssertionError(f"nothing was refused where {status} {code} was expected")
