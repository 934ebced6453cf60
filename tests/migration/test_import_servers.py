"""Sources that are database servers."""

from __future__ import annotations

import math
import secrets

import pytest
import sqlalchemy as sa

from milepost.client import Client
from support.cli import Cli
from support.databases import DatabaseServer
from support.mlflow_stores import START_MS, new_experiment_id

_DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql"}


@pytest.fixture
def engine(database_server: DatabaseServer) -> sa.Engine:
    """A database with the tables of MLflow that hold runs."""
    url = sa.make_url(database_server.create_database())
    made = sa.create_engine(url.set(drivername=_DRIVERS[url.drivername]))
    metadata = sa.MetaData()
    text, number = sa.String(250), sa.BigInteger
    sa.Table("experiments", metadata, sa.Column("experiment_id", number), sa.Column("name", text))
    names = [sa.Column(name, text) for name in ("run_uuid", "name", "status", "user_id")]
    sa.Table("runs", metadata, *names, sa.Column("start_time", number), sa.Column("experiment_id", number))
    for name in ("params", "tags"):
        sa.Table(name, metadata, sa.Column("key", text), sa.Column("value", text), sa.Column("run_uuid", text))
    points = [sa.Column("key", text), sa.Column("value", sa.Double), sa.Column("timestamp", number)]
    sa.Table(
        "metrics",
        metadata,
        *points,
        sa.Column("step", number),
        sa.Column("is_nan", sa.Boolean),
        sa.Column("run_uuid", text),
    )
    metadata.create_all(made)
    return made


def test_points_of_a_database_server_arrive_exactly_and_once(engine: sa.Engine, cli: Cli, client: Client) -> None:
    experiment, run = new_experiment_id(), secrets.token_hex(16)
    metrics = sa.table("metrics", *map(sa.column, ("key", "value", "timestamp", "step", "is_nan", "run_uuid")))
    rows = [
        {
            "key": f"m{step % 3}",
            "value": step / 7,
            "timestamp": START_MS,
            "step": step,
            "is_nan": step == 5,
            "run_uuid": run,
        }
        for step in range(1000)
    ]
    with engine.begin() as connection:
        runs = sa.table("runs", *map(sa.column, ("run_uuid", "name", "status", "start_time", "experiment_id")))
        kept = sa.table("experiments", sa.column("experiment_id"), sa.column("name"))
        connection.execute(kept.insert(), {"experiment_id": int(experiment), "name": f"experiment {experiment}"})
        described = {"run_uuid": run, "name": "a run", "status": "FINISHED", "start_time": START_MS}
        connection.execute(runs.insert(), {**described, "experiment_id": int(experiment)})
        connection.execute(metrics.insert(), rows)
    engine.dispose()
    url = engine.url.render_as_string(hide_password=False)

    reports = [cli.json("import", "mlflow", url, "--verify", "full") for _ in range(2)]

    points = client.metrics.history(run, "m2")
    assert [report["differing"] for report in reports] == [0, 0]
    assert reports[0]["counts"]["points"] == {"source": 1000, "target": 1000}
    assert points.steps.tolist() == list(range(2, 1000, 3))
    assert math.isnan(points.values[1])
    assert points.values[0] == 2 / 7
    assert "password" not in reports[0]["source"]
