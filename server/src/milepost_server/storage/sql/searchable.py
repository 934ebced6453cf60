"""Which tables and columns hold what the filters and orders of each entity can name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Table, and_, exists, func, not_, or_, true, tuple_

from milepost_server.filters.ast import Metric, Operand, Param, Tag
from milepost_server.storage.sql.comparisons import Bool, Compared, Plain, Texts
from milepost_server.storage.sql.model_schema import (
    logged_model,
    logged_model_metric,
    logged_model_param,
    logged_model_tag,
    model_alias,
    model_version,
    model_version_tag,
    registered_model,
    registered_model_tag,
)
from milepost_server.storage.sql.schema import (
    HEAD_LENGTH,
    experiment,
    experiment_tag,
    run,
    run_param,
    run_tag,
    series,
)
from milepost_server.storage.sql.statements import named


def _of_summary(summary: str) -> tuple[str, str]:
    return f"{summary}_value", f"{summary}_kind"


def _one_value(_: str) -> tuple[str, str]:
    return "value", "value_kind"


@dataclass(frozen=True)
class Keyed:
    """The params, tags or metrics of an entity: rows that have a key.

    Args:
        table: The rows.
        number: Name of the column with the number of the entity's row.
        interned: Whether keys are numbers of `attribute_key`, in a column `key_id`, and not texts, in a column `key`.
        floats: For metrics, names of the columns with the value and the kind of a summary.
        sorting: Where an entity may have several rows of one key, which then meet a condition when one does: name of
            the column that is true for the one that it is sorted by.
        datasets: For metrics, names and digests of the datasets whose values count, any digest where it is empty.
            Empty for all.
    """

    table: Table
    number: str
    interned: bool = True
    floats: Callable[[str], tuple[str, str]] = _of_summary
    sorting: str | None = None
    datasets: tuple[tuple[str, str], ...] = ()

    def has_key(self, rows: FromClause, key: str, numbers: Mapping[str, int]) -> Bool | None:
        """Whether rows of the table or an alias of it have a key. None when nothing has it.

        Args:
            rows: The table or its alias.
            key: The key.
            numbers: Numbers of the keys that have one, by name.
        """
        if not self.interned:
            return rows.c.key == key
        number = numbers.get(key)
        return None if number is None else and_(rows.c.key_id == number, *self._measured(rows))

    def _measured(self, rows: FromClause) -> list[Bool]:
        """The condition for metrics of the datasets."""
        if not self.datasets:
            return []
        named_ = (
            and_(rows.c.dataset_name == name, *([rows.c.dataset_digest == digest] if digest else []))
            for name, digest in self.datasets
        )
        return [or_(*named_)]

    def is_sorted_by(self, rows: FromClause) -> list[Bool]:
        """The condition for the one row of a key that an entity is sorted by, where it may have several."""
        if self.sorting is None:
            return []
        if not self.datasets:
            return [rows.c[self.sorting] == true()]
        later = named(self.table, "later")
        mine, theirs = (
            tuple_(table.c.time_ms, table.c.step, table.c.dataset_name, table.c.dataset_digest)
            for table in (rows, later)
        )
        same = (later.c[self.number] == rows.c[self.number], later.c.key_id == rows.c.key_id)
        return [not_(exists().where(*same, *self._measured(later), theirs > mine).correlate(rows))]

    def tag_compared(self, rows: FromClause) -> Compared:
        """What a tag is compared by."""
        return Texts(rows.c.head, rows.c.value) if "head" in rows.c else Plain(rows.c.value)

    def tag_head(self, rows: FromClause) -> ColumnElement[str]:
        """What a tag is sorted by."""
        return rows.c.head if "head" in rows.c else func.substr(rows.c.value, 1, HEAD_LENGTH)


@dataclass(frozen=True)
class Listed:
    """An attribute of which an entity has any number: a row for each, without null.

    Args:
        table: The rows.
        number: Name of the column with the number of the entity's row.
        value: Name of the column with the text.
    """

    table: Table
    number: str
    value: str


@dataclass(frozen=True, eq=False)
class Searchable:
    """An entity that can be searched.

    Args:
        table: Its rows, with their number in a column `id`.
        attributes: Name of the column of each attribute.
        keyed: Its params, tags and metrics.
        listed: Attributes of which it has any number.
        long: Attributes that are sorted by their first characters.
    """

    table: Table
    attributes: Mapping[str, str]
    keyed: Mapping[type[Operand], Keyed]
    listed: Mapping[str, Listed] = field(default_factory=dict)
    long: frozenset[str] = frozenset({"description"})

    def column(self, table: FromClause, attribute: str) -> ColumnElement[Any]:
        """The column of an attribute in `table` or an alias of it."""
        return table.c[self.attributes[attribute]]

    def of_datasets(self, datasets: Sequence[tuple[str, str]]) -> Searchable:
        """The entity with the metrics of some datasets only, or of all if there are none."""
        if not datasets:
            return self
        metrics = replace(self.keyed[Metric], datasets=tuple(datasets))
        return replace(self, keyed={**self.keyed, Metric: metrics})

    @property
    def interned(self) -> bool:
        """Whether any keys are numbers of `attribute_key`."""
        return any(keyed.interned for keyed in self.keyed.values())


def _attributes(*names: str, **columns: str) -> dict[str, str]:
    return {**{name: name for name in names}, **columns}


_times = partial(_attributes, "name", "description", create_time="create_us", update_time="update_us")

RUN = Searchable(
    run,
    _times("run_id", "experiment_id", "state", "user", "parent_run_id", start_time="start_us", end_time="end_us"),
    {Param: Keyed(run_param, "run_id"), Tag: Keyed(run_tag, "run_id"), Metric: Keyed(series, "run_id")},
)
EXPERIMENT = Searchable(
    experiment, _times(experiment_id="id"), {Tag: Keyed(experiment_tag, "experiment_id", interned=False)}
)
REGISTERED_MODEL = Searchable(
    registered_model,
    _times(),
    {Tag: Keyed(registered_model_tag, "model_id", interned=False)},
    {"alias": Listed(model_alias, "model_id", "alias")},
)
MODEL_VERSION = Searchable(
    model_version,
    _times("version", "stage", "status", "run_id", "source_uri", "sha256", "user", model_id="logged_model_id"),
    {Tag: Keyed(model_version_tag, "version_id", interned=False)},
    {"alias": Listed(model_alias, "version_id", "alias")},
    long=frozenset({"description", "source_uri"}),
)
LOGGED_MODEL = Searchable(
    logged_model,
    _attributes(
        "model_id",
        "name",
        "experiment_id",
        "status",
        "model_type",
        run_id="run_key",
        create_time="create_us",
        update_time="update_us",
    ),
    {
        Param: Keyed(logged_model_param, "model_id"),
        Tag: Keyed(logged_model_tag, "model_id"),
        Metric: Keyed(logged_model_metric, "model_id", floats=_one_value, sorting="is_last"),
    },
)
