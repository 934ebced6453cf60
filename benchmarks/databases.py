"""Databases beside SQLite, for figures that compare them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.process import ROOT

# The tests know how to start a PostgreSQL.
sys.path.append(str(ROOT / "tests"))


@contextmanager
def postgresql() -> Iterator[str]:
    """A PostgreSQL that flushes every commit to disk; gives the URL of an empty database."""
    from support.postgres import Postgres

    postgres = Postgres(durable=True)
    try:
        yield postgres.create_database()
    finally:
        postgres.stop()
