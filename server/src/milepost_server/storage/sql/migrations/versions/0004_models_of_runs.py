"""Logged models as inputs and outputs of runs, how far the times of metrics reach, and the count of experiments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from milepost_server.storage.sql.columns import blob, row_id, text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Applies the revision."""
    op.create_table(
        "run_model",
        sa.Column("run_id", row_id(), nullable=False),
        sa.Column("model_id", text(34), nullable=False),
        sa.Column("role", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("entry", blob(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_model_run_id_run", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "model_id", "role", name="pk_run_model"),
        sqlite_with_rowid=False,
    )
    op.add_column("series", sa.Column("high_time_ms", sa.BigInteger(), nullable=True))
    _experiment_numbers()


def _experiment_numbers() -> None:
    numbers = op.create_table(
        "experiment_number",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_experiment_number"),
    )
    op.bulk_insert(numbers, [{"id": 1, "last": _last_number(op.get_bind())}])


def _last_number(connection: sa.Connection) -> int:
    """The greatest number that an experiment ever had, also one that is purged."""
    counts = {
        "sqlite": "SELECT max(seq) FROM sqlite_sequence WHERE name = 'experiment'",
        "postgresql": "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM experiment_id_seq",
    }
    of_mariadb = (
        "SELECT auto_increment - 1 FROM information_schema.tables "
        "WHERE table_schema = DATABASE() AND table_name = 'experiment'"
    )
    counted = connection.scalar(sa.text(counts.get(connection.dialect.name, of_mariadb)))
    stored = connection.scalar(sa.text("SELECT max(id) FROM experiment"))
    return max(int(counted or 0), int(stored or 0))
