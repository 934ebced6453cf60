"""The newest points of many metric series, read by one statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from itertools import groupby
from operator import itemgetter

from sqlalchemy import BigInteger, column, func, select, text

from milepost_server.points.codec import decode_many
from milepost_server.points.columns import Points
from milepost_server.storage.sql.schema import metric_chunk
from milepost_server.storage.sql.statements import Connection, Row, Statement, pair_list

_MARIADB = (
    "SELECT number, start FROM JSON_TABLE(:begins, "
    "'$[*]' COLUMNS (number BIGINT PATH '$[0]', start BIGINT PATH '$[1]')) AS pairs"
)
# Rows of a JSON array of pairs.
_WANTED = {
    "sqlite": "SELECT json_extract(value, '$[0]') AS number, json_extract(value, '$[1]') AS start "
    "FROM json_each(:begins)",
    "postgresql": "SELECT CAST(pair->>0 AS bigint) AS number, CAST(pair->>1 AS bigint) AS start "
    "FROM json_array_elements(CAST(:begins AS json)) AS pair",
    "mariadb": _MARIADB,
    "mysql": _MARIADB,
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


async def tails(connection: Connection, ranges: Mapping[int, tuple[int, int]]) -> dict[int, Points]:
    """See `storage.base.Changes.tails`."""
    begins = pair_list((number, begin) for number, (begin, _) in ranges.items())
    rows = await connection.fetch(_statement(connection.dialect.name), begins=begins)
    return await connection.compute(partial(_cut, rows, ranges))


def _cut(rows: Sequence[Row], ranges: Mapping[int, tuple[int, int]]) -> dict[int, Points]:
    # Sorted here: databases would copy the points to sort them.
    rows = sorted(rows, key=itemgetter(0, 1))
    points = decode_many([(data, count) for _, _, count, data in rows])
    found: dict[int, Points] = {}
    decoded = 0
    for number, chunks in groupby(rows, key=itemgetter(0)):
        begin, end = ranges[number]
        first = last = decoded
        for _, sequence, count, _ in chunks:
            # Only the first chunk has points from before, and only the last ones have points from behind.
            first += min(max(begin - sequence, 0), count)
            if sequence < end:
                last = decoded + min(count, end - sequence)
            decoded += count
        found[number] = points.slice(first, max(first, last))
    return found
