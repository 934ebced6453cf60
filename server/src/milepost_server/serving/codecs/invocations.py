"""Bodies of `/invocations`, as MLflow's scoring server takes and gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from milepost.models.worker.payload import Payload
from milepost_server.rest.json_text import parse_strict
from milepost_server.serving.checks.bad_input import bad_input, malformed
from milepost_server.serving.checks.contract import Contract
from milepost_server.serving.codecs import csv_tables, json_answers, parquet_tables

CSV, JSON, PARQUET = "text/csv", "application/json", "application/vnd.apache.parquet"
CONTENT_TYPES = (JSON, CSV, PARQUET)
_KEYS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_SPLIT_KEYS = {"columns", "data", "index"}


def read(body: bytes, content_type: str, contract: Contract) -> tuple[Payload, Mapping[str, Any] | None]:
    """The batch and the params of a body.

    Args:
        body: All of it.
        content_type: One of `CONTENT_TYPES`, without parameters; the charset is UTF-8.
        contract: Of the version that will answer.

    Raises:
        InvalidArgument: `MALFORMED_BODY`: it is not of that type; `BAD_MODEL_INPUT`: it does not fit the signature.
        Unimplemented: pyarrow, which Parquet needs, is not installed.
    """
    if content_type == CSV:
        return csv_tables.read(body, contract), contract.params(None)
    if content_type == PARQUET:
        return parquet_tables.read(body, contract), contract.params(None)
    document = parse_strict(body)
    if not isinstance(document, dict):
        raise malformed(f"The body must be an object with one of {', '.join(_KEYS)}.")
    given = [key for key in _KEYS if key in document]
    params = document.get("params")
    if len(given) != 1 or len(document) > 1 + ("params" in document):
        raise malformed(_keys_problem(document, given))
    if params is not None and not isinstance(params, dict):
        raise bad_input("params must be an object.", "params")
    return _READERS[given[0]](document[given[0]], contract), contract.params(params)


def _keys_problem(document: Mapping[str, Any], given: list[str]) -> str:
    if len(given) != 1:
        found = f"has {' and '.join(given)}" if given else "has none"
        return f"The body must have exactly one of {', '.join(_KEYS)}; it {found}."
    unknown = next(key for key in document if key not in (given[0], "params"))
    return f"The body has the unknown key {unknown!r:.100} beside {given[0]}. Leave it out."


def _read_split(table: Any, contract: Contract) -> Payload:
    if not isinstance(table, dict) or "data" not in table or not table.keys() <= _SPLIT_KEYS:
        raise malformed(
            "dataframe_split must be an object with data, and perhaps columns and index.", "dataframe_split"
        )
    rows, names, index = table["data"], table.get("columns"), table.get("index")
    if not isinstance(rows, list) or not all(type(row) is list for row in rows):
        raise malformed("dataframe_split.data must be a list of rows, which are lists.", "dataframe_split.data")
    if index is not None and (not isinstance(index, list) or len(index) != len(rows)):
        raise malformed("dataframe_split.index must have one item for each row.", "dataframe_split.index")
    return contract.from_table(None if names is None else _column_names(names, contract), rows)


def _column_names(names: Any, contract: Contract) -> list[str]:
    """The names; pandas numbers columns that have none."""
    if isinstance(names, list):
        if all(type(name) is str for name in names):
            return names
        if contract.positional and names == list(range(len(names))):
            return list(map(str, names))
    raise malformed("dataframe_split.columns must be a list of texts.", "dataframe_split.columns")


def _read_records(rows: Any, contract: Contract) -> Payload:
    if not isinstance(rows, list) or not all(type(row) is dict for row in rows):
        raise malformed("dataframe_records must be a list of objects.", "dataframe_records")
    return contract.from_rows(rows)


def _read_instances(rows: Any, contract: Contract) -> Payload:
    if not isinstance(rows, list):
        raise malformed("instances must be a list.", "instances")
    return contract.from_rows(rows)


def _read_inputs(value: Any, contract: Contract) -> Payload:
    if value is None:
        raise malformed("inputs must not be null.", "inputs")
    return contract.from_inputs(value)


_READERS = {
    "dataframe_split": _read_split,
    "dataframe_records": _read_records,
    "instances": _read_instances,
    "inputs": _read_inputs,
}


def write(answer: Payload) -> bytes:
    """`{"predictions": …}`: arrays as nested lists, frames as records."""
    return json_answers.dumps({"predictions": json_answers.of_payload(answer)})
