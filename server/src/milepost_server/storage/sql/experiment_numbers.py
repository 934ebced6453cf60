"""The numbers that experiments are given.

Some databases count rows on from the greatest number that there is, and file stores of MLflow have experiments of 18
digits: behind one that was imported, new ones would have as many, or one more, which is too long. So the count is ours.
"""

from __future__ import annotations

from sqlalchemy import bindparam, select, update

from milepost_server.storage.sql.schema import experiment_number
from milepost_server.storage.sql.statements import Connection, Statement

COUNTED = 10**12
"""Numbers from here on are no part of the count. It never gets there."""

_LOCK = Statement(select(experiment_number.c.last).with_for_update())
_SET = Statement(update(experiment_number).values(last=bindparam("number")))


async def lock_numbers(connection: Connection) -> int:
    """The greatest number of the count. Nobody else creates experiments until the transaction ends."""
    rows = await connection.fetch(_LOCK)
    return int(rows[0][0])


async def set_last_number(connection: Connection, number: int) -> None:
    """Has the count go on behind a number. Lock it first."""
    await connection.execute(_SET, number=number)
