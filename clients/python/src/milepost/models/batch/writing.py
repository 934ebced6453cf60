"""Answers into files, piece by piece, in the forms of `SUFFIXES`."""

from __future__ import annotations

import csv
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from milepost.errors import ModelError
from milepost.models._data_files import answer_columns, answer_rows, cells, plain

if TYPE_CHECKING:
    from milepost.models.signatures.signature import ModelSignature


class Writer(Protocol):
    """A file that grows."""

    def write(self, answer: Any, kept: Mapping[str, Any]) -> int | None:
        """Adds an answer, with columns of the batch beside it. Gives its number of rows; None when it has none.

        Raises:
            ModelError: The answer is no table, or does not look like those before, and the format needs that.
            MissingPackage: Writing Parquet takes pyarrow.
        """

    def close(self) -> None:
        """Writes what is left. The file is complete after this, and only after this."""


@contextmanager
def appearing_file(target: Path) -> Iterator[Path]:
    """A path beside the target, which replaces it when the block ends well; when it does not, nothing is left of it.

    Raises:
        OSError: There is no folder for the target.
    """
    target.parent.resolve(strict=True)
    new = target.with_name(f".{target.stem}.{secrets.token_hex(4)}{target.suffix}")
    try:
        yield new
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def open_writer(path: Path, signature: ModelSignature | None) -> Iterator[Writer]:
    """A new file, in the format that its suffix says; complete when the block ends well.

    Args:
        path: The file.
        signature: Of the model, whose outputs say the types of columns that begin without values.
    """
    kind = path.suffix.lower()
    if kind == ".parquet":
        from milepost.models.batch._parquet_writer import ParquetWriter

        parquet = ParquetWriter(path, signature.outputs if signature else None)
        try:
            yield parquet
            parquet.close()
        finally:
            parquet.abandon()
        return
    with path.open("w", newline="" if kind == ".csv" else "\n", encoding="utf-8") as file:
        forms: dict[str, Callable[[TextIO], Writer]] = {
            ".csv": CsvWriter,
            ".json": JsonWriter,
            ".jsonl": JsonLinesWriter,
        }
        writer = forms[kind](file)
        yield writer
        writer.close()


def joined(answer: Any, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Columns that were kept, and those of the answer.

    Raises:
        ModelError: They share a name, or have not the same number of rows.
    """
    columns = answer_columns(answer)
    if twice := [name for name in kept if name in columns]:
        raise ModelError(f"The answer has a column {twice[0]!r} too. Rename the one that is to be kept.")
    found = {**kept, **columns}
    sizes = {name: size_of(column) for name, column in found.items()}
    if len(set(sizes.values())) > 1:
        raise ModelError(f"The columns have different numbers of rows, and make no table: {sizes!r:.300}.")
    return found


def size_of(column: Any) -> int:
    """Number of values of a column."""
    return len(column) if hasattr(column, "__len__") and not isinstance(column, (str, bytes)) else len(cells(column))


class CsvWriter:
    """Rows of text below a line with the names."""

    def __init__(self, file: TextIO) -> None:
        self._writer = csv.writer(file)
        self._names: list[str] | None = None

    def write(self, answer: Any, kept: Mapping[str, Any]) -> int:
        """See `Writer`."""
        columns = joined(answer, kept)
        if self._names is None:
            self._names = list(columns)
            self._writer.writerow(self._names)
        check_names(self._names, list(columns))
        rows = list(zip(*map(cells, columns.values()), strict=True))
        self._writer.writerows(rows)
        return len(rows)

    def close(self) -> None:
        """See `Writer`."""


class JsonLinesWriter:
    """An object for each row."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, answer: Any, kept: Mapping[str, Any]) -> int:
        """See `Writer`."""
        rows = answer_rows(joined(answer, kept))
        self._file.writelines(f"{_text(row)}\n" for row in rows)
        return len(rows)

    def close(self) -> None:
        """See `Writer`."""


class JsonWriter:
    """A document `{"predictions": …}`, with data frames as records."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._pieces = 0
        self._whole = False

    def write(self, answer: Any, kept: Mapping[str, Any]) -> int | None:
        """See `Writer`."""
        value = answer_rows(joined(answer, kept)) if kept else plain(answer)
        if self._pieces and (self._whole or not isinstance(value, list)):
            raise ModelError(
                "The answer is no list, and cannot be joined with those of other rows. Write .jsonl, .csv or .parquet."
            )
        text = _text(value)
        if not self._pieces:
            self._whole = not isinstance(value, list)
            self._file.write('{"predictions": ')
            self._file.write(text if self._whole else f"[{text[1:-1]}")
        elif value:
            self._file.write(f", {text[1:-1]}")
        self._pieces += 1
        return len(value) if isinstance(value, list) else None

    def close(self) -> None:
        """See `Writer`."""
        self._file.write("}\n" if self._whole else "]}\n")


def check_names(expected: list[str], names: list[str]) -> None:
    """Refuses an answer whose columns are not those of the answers before."""
    if names != expected:
        raise ModelError(f"The answer has the columns {names!r:.300}, and had {expected!r:.300} for the rows before.")


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
