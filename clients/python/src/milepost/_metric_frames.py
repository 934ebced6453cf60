"""Data frames of metric points: labels that repeat over parts, beside columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from milepost._frames import load

if TYPE_CHECKING:
    import pandas
    import polars


def to_pandas(
    labels: Mapping[str, Sequence[str]], lengths: Sequence[int], columns: Mapping[str, Any]
) -> pandas.DataFrame:
    """A pandas data frame.

    Args:
        labels: Columns of text: one for each part, to be repeated over its rows.
        lengths: Number of rows of each part.
        columns: Columns of numbers, over all parts.
    """
    module = load("pandas", "pandas")
    made: dict[str, Any] = {}
    for name, texts in labels.items():
        codes, categories = _codes(texts, lengths)
        made[name] = module.Categorical.from_codes(codes, categories)
    frame: pandas.DataFrame = module.DataFrame({**made, **columns})
    return frame


def to_polars(
    labels: Mapping[str, Sequence[str]], lengths: Sequence[int], columns: Mapping[str, Any]
) -> polars.DataFrame:
    """A polars data frame; arguments as of `to_pandas`."""
    module = load("polars", "polars")
    made: dict[str, Any] = {}
    for name, texts in labels.items():
        codes, categories = _codes(texts, lengths)
        made[name] = module.Series(name, categories, dtype=module.Categorical).gather(codes)
    made.update({name: _polars_column(module, name, column) for name, column in columns.items()})
    frame: polars.DataFrame = module.DataFrame(made)
    return frame


def _polars_column(module: Any, name: str, column: Any) -> Any:
    # Without numpy, which polars can do without, the column is an array.array.
    types = {"q": module.Int64, "d": module.Float64}
    code = getattr(column, "typecode", None)
    return module.Series(name, column) if code is None else module.Series(name, column.tolist(), dtype=types[code])


def _codes(texts: Sequence[str], lengths: Sequence[int]) -> tuple[Any, list[str]]:
    """For each row the index of its text, and the texts, each once."""
    numpy = load("numpy")
    known = {text: index for index, text in enumerate(dict.fromkeys(texts))}
    return numpy.repeat(numpy.array([known[text] for text in texts], "q"), lengths), list(known)
