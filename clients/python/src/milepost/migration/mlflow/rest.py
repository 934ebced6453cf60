"""MLflow's REST API, spoken by the standard library: kept connections, repeats, bounded answers."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

TIMEOUT_S = 120.0
MAX_ANSWER_BYTES = 512 * 1024 * 1024
API = "/api/2.0/mlflow"
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"

_ATTEMPTS = 7
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.5, 30.0
_REPEATABLE = frozenset({408, 429, 500, 502, 503, 504})

Json = dict[str, Any]


class MlflowRefused(ValueError):
    """MLflow's server answered with an error.

    Args:
        status: HTTP status.
        code: MLflow's name of the error, perhaps empty.
        message: What it said.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"the MLflow server answered {status} {code}: {message}")
        self.status = status
        self.code = code

    @property
    def missing(self) -> bool:
        """Whether there is no such thing, or the server has no such call."""
        return self.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)


class Rest:
    """Calls a server. Safe to use from several threads.

    `MLFLOW_TRACKING_USERNAME`, `MLFLOW_TRACKING_PASSWORD` and `MLFLOW_TRACKING_TOKEN` are sent, as MLflow does.

    Args:
        url: Its URL, perhaps with a path, a user and a password.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if not parts.hostname:
            raise ValueError(f"{url!r} names no server.")
        self._https = parts.scheme.lower() == "https"
        self._address = (parts.hostname, parts.port)
        self._prefix = parts.path.rstrip("/")
        self._headers = _authorization(parts.username, parts.password)
        self._idle: list[http.client.HTTPConnection] = []
        port = "" if parts.port is None else f":{parts.port}"
        self.location = f"{parts.scheme}://{parts.hostname}{port}{self._prefix}"

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Json:
        """Reads. Raises `MlflowRefused` and `OSError`."""
        text = urlencode([(key, value) for key, value in (query or {}).items() if value not in (None, "")])
        return self._json("GET", f"{path}?{text}" if text else path, None)

    def post(self, path: str, body: Json, verb: str = "POST") -> Json:
        """Sends a document, by `POST` or another verb. Raises `MlflowRefused` and `OSError`."""
        return self._json(verb, path, {key: value for key, value in body.items() if value not in (None, "")})

    def text(self, path: str) -> str:
        """Reads a short text. Raises `MlflowRefused` and `OSError`."""
        found: str = self._answered(
            "GET", path, None, {}, lambda response: response.read(1000).decode(errors="replace")
        )
        return found.strip()

    def pages(self, path: str, request: Json, items: str, *, post: bool) -> Iterator[Json]:
        """The items of all pages of a list."""
        token, seen = "", set[str]()
        while True:
            asked = {**request, "page_token": token}
            answer = self.post(path, asked) if post else self.get(path, asked)
            yield from (one for one in answer.get(items) or () if isinstance(one, dict))
            token = str(answer.get("next_page_token") or "")
            if not token:
                return
            if token in seen:
                raise ValueError(f"{self.location}{path} gives the same page again and again.")
            seen.add(token)

    def download(self, path: str, target: Path) -> None:
        """Writes the answer's bytes to a file. Raises `MlflowRefused` and `OSError`."""

        def save(response: http.client.HTTPResponse) -> None:
            with target.open("wb") as file:
                shutil.copyfileobj(response, file, 1024 * 1024)
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)

        self._answered("GET", path, None, {}, save)

    def upload(self, path: str, source: Path) -> None:
        """Sends the bytes of a file by `PUT`. Raises `MlflowRefused` and `OSError`."""
        headers = {"Content-Length": str(source.stat().st_size), "Content-Type": "application/octet-stream"}
        self._answered("PUT", path, source, headers, lambda response: response.read())

    def close(self) -> None:
        """Ends all connections that nobody uses."""
        while self._idle:
            self._idle.pop().close()

    def _json(self, verb: str, path: str, body: Json | None) -> Json:
        data = None if body is None else json.dumps(body).encode()
        headers = {} if data is None else {"Content-Type": "application/json"}

        def parse(response: http.client.HTTPResponse) -> Any:
            content = response.read(MAX_ANSWER_BYTES + 1)
            if len(content) > MAX_ANSWER_BYTES:
                raise ValueError(f"{self.location}{path} answers with more than {MAX_ANSWER_BYTES:,} bytes.")
            return json.loads(content or b"{}")

        answer = self._answered(verb, path, data, headers, parse)
        if not isinstance(answer, dict):
            raise ValueError(f"{self.location}{path} answers with no JSON object: is it a server of MLflow?")
        return answer

    def _answered(self, verb: str, path: str, body: Any, headers: Mapping[str, str], read: Any) -> Any:
        """What `read` makes of a good answer; what may be repeated is."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._once(verb, path, body, headers, read)
            except MlflowRefused as error:
                if error.status not in _REPEATABLE or attempt == _ATTEMPTS:
                    raise
            except (OSError, http.client.HTTPException) as error:
                if attempt == _ATTEMPTS:
                    raise ConnectionError(f"{self.location} does not answer: {error}") from None
            time.sleep(min(_FIRST_DELAY_S * 2 ** (attempt - 1), _LONGEST_DELAY_S))
        raise AssertionError

    def _once(self, verb: str, path: str, body: Any, headers: Mapping[str, str], read: Any) -> Any:
        connection = self._connection()
        try:
            with body.open("rb") if isinstance(body, Path) else nullcontext(body) as sent:
                connection.request(verb, self._prefix + path, sent, {**self._headers, **headers})
            response = connection.getresponse()
            if response.status != HTTPStatus.OK:
                raise _refusal(response)
            answer = read(response)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        """One that nobody uses, or a new one."""
        try:
            return self._idle.pop()
        except IndexError:
            pass
        host, port = self._address
        if self._https:
            return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)


def artifact_path(path: str) -> str:
    """The path of a call about an artifact of the proxy."""
    return f"{ARTIFACTS}/{quote(path, safe='/')}"


def _refusal(response: http.client.HTTPResponse) -> MlflowRefused:
    content = response.read(10_000)
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        return MlflowRefused(response.status, str(answer.get("error_code", "")), str(answer.get("message", "")))
    return MlflowRefused(response.status, "", content[:200].decode(errors="replace"))


def _authorization(user: str | None, password: str | None) -> dict[str, str]:
    user = unquote(user) if user else os.environ.get("MLFLOW_TRACKING_USERNAME")
    password = unquote(password) if password else os.environ.get("MLFLOW_TRACKING_PASSWORD")
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    if user and password:
        return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
    return {"Authorization": f"Bearer {token}"} if token else {}
