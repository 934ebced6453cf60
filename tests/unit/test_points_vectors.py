"""What was stored stays readable, by any reader that passes these vectors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from milepost_server.points.codec import DamagedChunk, decode, encode
from milepost_server.points.summary import summarize
from support.metric_vectors import PATH, points_of, text
from support.plain_decoder import plain_decode
from support.point_strategies import columns, rows

_VECTORS = json.loads(PATH.read_text())


def _named(kind: str) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in _VECTORS[kind]]


@pytest.mark.parametrize("vector", _named("chunks"))
def test_a_chunk_holds_its_points(vector: dict[str, Any]) -> None:
    assert rows(decode(bytes.fromhex(vector["data"]), vector["count"])) == points_of(vector)


@pytest.mark.parametrize("vector", _named("chunks"))
def test_a_reader_written_from_the_specification_reads_it(vector: dict[str, Any]) -> None:
    assert plain_decode(bytes.fromhex(vector["data"])) == points_of(vector)


@pytest.mark.parametrize("vector", _named("chunks"))
def test_its_summary_is_stored_as_these_bytes(vector: dict[str, Any]) -> None:
    points = points_of(vector)
    assert (summarize(columns(points)).tobytes().hex() if points else None) == vector["summary"]


@pytest.mark.parametrize("vector", _named("damaged"))
def test_a_damaged_chunk_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(DamagedChunk, match="metric chunk"):
        decode(bytes.fromhex(vector["data"]), vector["count"])


def test_the_encoder_still_writes_these_chunks() -> None:
    assert PATH.read_text() == text()


def test_few_bytes_are_written_for_a_typical_metric() -> None:
    points = columns(points_of(_VECTORS["chunks"][2]))
    assert len(encode(points)) == 48 + 4 * len(points) + 4
