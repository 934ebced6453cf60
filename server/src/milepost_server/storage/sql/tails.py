"""The newest points of many metric series, read by one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from itertools import groupby
from operator import itemgetter

from sqlalchemy import BigInteger, column, func, select, text

from milepost_server.points.codec import decode_many
from milepost_server.storage.metric_reads import PointRange
from milepost_server.storage.sql.schema import metric_chunk
from milepost_server.storage.sql.statements import Connection, Row, Statement, pair_list

# Rows of a JSON array of pairs.
_WANTED = {
    "sqlite": "SELECT json_extract(value, '$[0]') AS number, json_extract(value, '$[1]') AS start "
    "FROM json_each(:begins)",
    "postgresql": "SELECT CAST(pair->>0 AS bigint) AS number, CAST(pair->>1 AS bigint) AS start "
    "FROM json_array_elements(CAST(:begins AS json)) AS pair",
    "mysql": "SELECT number, start FROM JSON_TABLE(:begins, "
    "'$[*]' COLUMNS (number BIGINT PATH '$[0]', start BIGINT PATH '$[1]')) AS pairs",
}


@cache
def _statement(dialect: str) -> Statement:
    wanted = text(_WANTED[dialect]).columns(column("number", BigInteger), column("start", BigInteger)).subquery()
    before = metric_chunk.alias()
    # The chunk that has a point begins at it or before.
    first_chunk = (
        select(func.max(before.c.sequence))
        .where(before.c.series_id == wanted.c.number, before.c.sequence <= wanted.c.start)
        .scalar_subquery()
    )
    return Statement(
        select(metric_chunk.c.series_id, metric_chunk.c.sequence, metric_chunk.c.count, metric_chunk.c.data)
        .join_from(wanted, metric_chunk, metric_chunk.c.series_id == wanted.c.number)
        .where(metric_chunk.c.sequence >= func.coalesce(first_chunk, wanted.c.start))
    )


async def tails(connection: Connection, begins: Mapping[int, int]) -> dict[int, PointRange]:
    """See `storage.base.Changes.tails`."""
    rows = await connection.fetch(_statement(connection.dialect.name), begins=pair_list(begins.items()))
    return await connection.compute(partial(_ranges, rows, begins))


def _ranges(rows: Sequence[Row], begins: Mapping[int, int]) -> dict[int, PointRange]:
    # Sorted here: databases would copy the points to sort them.
    rows = sorted(rows, key=itemgetter(0, 1))
    points = decode_many([(data, count) for _, _, count, data in rows])
    ranges: dict[int, PointRange] = {}
    last = 0
    for number, chunks in groupby(rows, key=itemgetter(0)):
        begin, first = begins[number], last
        for _, sequence, count, _ in chunks:
            # Only in the first chunk there are points from before.
            first += min(max(begin - sequence, 0), count)
            last += count
            end = sequence + count
        ranges[number] = PointRange(points.slice(first, last), max(begin, end), False)
    return ranges
