"""`python -m benchmarks.fill.mlflow_database PATH RUNS`: an SQLite database as of MLflow 3.17, with synthetic runs.

Columns, keys and indexes of the tables that hold runs and their points are MLflow's; its other tables are left out, as
databases of old versions lack them too. Each run has 10 metrics of 100 points, 10 params and 5 tags.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from random import Random

METRICS, POINTS = 10, 100
POINTS_OF_RUN = METRICS * POINTS

_TABLES = """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('dc11669786a5');
CREATE TABLE experiments (
    experiment_id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(256) NOT NULL, artifact_location VARCHAR(256),
    lifecycle_stage VARCHAR(32), creation_time BIGINT, last_update_time BIGINT,
    workspace VARCHAR(63) DEFAULT 'default' NOT NULL
);
INSERT INTO experiments VALUES (0, 'Default', '', 'active', 1700000000000, 1700000000000, 'default');
INSERT INTO experiments VALUES (1, 'synthetic', '', 'active', 1700000000000, 1700000000000, 'default');
CREATE TABLE runs (
    run_uuid VARCHAR(32) NOT NULL PRIMARY KEY, name VARCHAR(250), source_type VARCHAR(20), source_name VARCHAR(500),
    entry_point_name VARCHAR(50), user_id VARCHAR(256), status VARCHAR(9), start_time BIGINT, end_time BIGINT,
    source_version VARCHAR(50), lifecycle_stage VARCHAR(20), artifact_uri VARCHAR(200), experiment_id INTEGER,
    deleted_time BIGINT
);
CREATE TABLE params (
    "key" VARCHAR(250) NOT NULL, value VARCHAR(8000) NOT NULL, run_uuid VARCHAR(32) NOT NULL,
    PRIMARY KEY ("key", run_uuid)
);
CREATE INDEX index_params_run_uuid ON params (run_uuid);
CREATE TABLE tags (
    "key" VARCHAR(250) NOT NULL, value VARCHAR(8000), run_uuid VARCHAR(32) NOT NULL, PRIMARY KEY ("key", run_uuid)
);
CREATE INDEX index_tags_run_uuid ON tags (run_uuid);
CREATE TABLE metrics (
    "key" VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT NOT NULL, run_uuid VARCHAR(32) NOT NULL,
    step BIGINT DEFAULT '0' NOT NULL, is_nan BOOLEAN DEFAULT '0' NOT NULL,
    PRIMARY KEY ("key", timestamp, step, run_uuid, value, is_nan)
);
"""
# Made at the end, which gives the same trees in a tenth of the time.
_INDEXES = """
CREATE INDEX index_metrics_run_uuid ON metrics (run_uuid);
CREATE INDEX index_metrics_run_uuid_key_step ON metrics (run_uuid, "key", step);
"""


def fill(path: str, runs: int) -> None:
    """Makes the database at a path where there is none."""
    random = Random(1)  # the same runs each time
    connection = sqlite3.connect(path)
    connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-200000;" + _TABLES)
    ids = [random.randbytes(16).hex() for _ in range(runs)]
    connection.executemany(
        "INSERT INTO runs VALUES (?, ?, 'LOCAL', 'train.py', '', 'ann', 'FINISHED', ?, ?, '', 'active', '', 1, NULL)",
        ((run_id, f"run-{number}", _start(number), _start(number) + 60_000) for number, run_id in enumerate(ids)),
    )
    for table, count in (("params", 10), ("tags", 5)):
        connection.executemany(
            f"INSERT INTO {table} VALUES (?, ?, ?)",
            ((f"{table}_{index}", str(random.random()), run_id) for run_id in ids for index in range(count)),
        )
    connection.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, 0)", _points(ids, random))
    connection.executescript(_INDEXES)
    connection.commit()
    connection.close()


def _start(number: int) -> int:
    return 1_700_000_000_000 + number * 60_000


def _points(ids: list[str], random: Random) -> Iterator[tuple[str, float, int, str, int]]:
    """Points as they come from training: all metrics step by step."""
    for number, run_id in enumerate(ids):
        for step in range(POINTS):
            for metric in range(METRICS):
                yield f"metric_{metric}", random.random(), _start(number) + 100 * step, run_id, step


if __name__ == "__main__":
    fill(sys.argv[1], int(sys.argv[2]))
