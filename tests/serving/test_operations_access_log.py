"""The access log of a model server."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from milepost import v1 as pb
from milepost.models.worker.payload import Payload
from milepost_server.errors import InvalidArgument, NotFound, Unavailable
from milepost_server.serving.operations.access_log import AccessLog
from milepost_server.serving.predicting import Asked
from support.serving_requests import ask, failing, loaded

ROWS = Payload("array", [np.full((5, 2), 4711.0)])
STANDARD = set(vars(logging.makeLogRecord({}))) | {"message"}


def fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in STANDARD}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "milepost_server.serving.access")
    return caplog


async def test_a_line_tells_of_the_request_and_not_of_its_data(log: pytest.LogCaptureFixture) -> None:
    await ask([AccessLog(successes=True)], loaded(), ROWS, Asked("digits", interface="v2", call_id="abc"))
    (line,) = log.records
    assert line.levelname == "INFO"
    assert fields(line) == {
        "ms": fields(line)["ms"],
        "interface": "v2",
        "transport": "grpc",
        "code": "OK",
        "call_id": "abc",
        "model": "digits",
        "version": 3,
        "rows": 5,
        "queue_ms": 3.0,
        "predict_ms": 20.0,
        "batch_rows": 7,
    }
    assert "4711" not in str(vars(line))


async def test_successes_are_logged_only_when_asked_for(log: pytest.LogCaptureFixture) -> None:
    await ask([AccessLog(successes=False)], loaded(), ROWS)
    assert not log.records


@pytest.mark.parametrize(
    ("error", "level", "reason"),
    [
        (InvalidArgument("4711", reason=pb.ERROR_REASON_BAD_MODEL_INPUT), "INFO", "BAD_MODEL_INPUT"),
        (Unavailable("4711", reason=pb.ERROR_REASON_WORKER_LOST), "WARNING", "WORKER_LOST"),
    ],
)
async def test_failures_are_logged_by_whose_fault_they_are(
    log: pytest.LogCaptureFixture, error: InvalidArgument | Unavailable, level: str, reason: str
) -> None:
    with pytest.raises(type(error)):
        await ask([AccessLog(successes=False)], loaded(answer=failing(error)), ROWS)
    (line,) = log.records
    assert (line.levelname, fields(line)["reason"]) == (level, reason)
    assert "4711" not in str(vars(line))


async def test_a_name_that_nobody_serves_is_not_repeated(log: pytest.LogCaptureFixture) -> None:
    with pytest.raises(NotFound):
        await ask([AccessLog(successes=False)], loaded(), ROWS, Asked("guess-4711"))
    assert "4711" not in str(vars(log.records[0]))
