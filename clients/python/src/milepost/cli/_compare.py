"""Runs side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from milepost.cli._output import add_row, message_dict, print_json, print_table, table
from milepost.cli._run_table import experiment_names, marked_state
from milepost.cli._text import lasting, number, plain, printable, when

if TYPE_CHECKING:
    from milepost.client import Client, Run


def print_comparison(client: Client, runs: Sequence[Run], *, only_different: bool, as_json: bool) -> None:
    """Prints a column per run and a row per attribute, param and metric; rows that differ are marked."""
    if as_json:
        print_json(_document(runs, only_different))
        return
    made = table("", "", *(run.run_id for run in runs))
    rows = [
        *_attribute_rows(client, runs),
        *_rows("params", [run.params for run in runs], plain),
        *_rows("metrics", [run.metrics for run in runs], number),
    ]
    for label, cells, different in rows:
        if different or not only_different:
            add_row(made, ("*" if different else "", label, *cells), "bold yellow" if different else "")
    print_table(made, "The runs do not differ.")


Row = tuple[str, list[str], bool]


def _attribute_rows(client: Client, runs: Sequence[Run]) -> list[Row]:
    names = experiment_names(client, runs)
    shown: dict[str, Callable[[Run], str]] = {
        "name": lambda run: printable(run.name),
        "experiment": lambda run: printable(names[run.experiment_id]),
        "state": marked_state,
        "user": lambda run: printable(run.user),
        "started": lambda run: when(run.start_time),
        "duration": lambda run: lasting(run.start_time, run.end_time),
    }
    rows = []
    for label, cell in shown.items():
        cells = [cell(run) for run in runs]
        if any(cells):
            rows.append((label, cells, len(set(cells)) > 1))
    return rows


def _rows(family: str, columns: Sequence[dict[str, Any]], text: Callable[[Any], str]) -> list[Row]:
    rows = []
    for key in sorted({key for column in columns for key in column}):
        different = _differ(columns, key)
        cells = [text(column[key]) if key in column else "" for column in columns]
        if different and len(set(cells)) == 1:  # they differ in digits, or a type, that this does not show
            cells = [repr(column[key]) for column in columns]
        rows.append((f"{family}.{key}", cells, different))
    return rows


def _differ(columns: Sequence[dict[str, Any]], key: str) -> bool:
    # By type and text: 1 and 1.0 and True are different params, and NaN is the same as NaN.
    return len({(type(column[key]), repr(column[key])) if key in column else None for column in columns}) > 1


def _document(runs: Sequence[Run], only_different: bool) -> dict[str, Any]:
    """Resources by field as lists in the order of the runs; null where a run has no such key."""

    def family(name: str) -> dict[str, list[Any]]:
        columns: list[dict[str, Message]] = [dict(getattr(run.proto, name)) for run in runs]
        keys = sorted({key for column in columns for key in column})
        found = {key: [message_dict(column[key]) if key in column else None for column in columns] for key in keys}
        return {
            key: values
            for key, values in found.items()
            if not only_different or any(value != values[0] for value in values)
        }

    return {
        "runs": [{"runId": run.run_id, "name": run.name, "experimentId": run.experiment_id} for run in runs],
        "params": family("params"),
        "metrics": family("metrics"),
    }
