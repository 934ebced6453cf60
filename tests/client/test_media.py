"""Figures, images, tables and documents as files."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.figure import Figure
from PIL import Image

from milepost import _media


def pixels(data: bytes) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(data)))


def test_a_document_is_json() -> None:
    assert json.loads(_media.document_bytes({"a": [1, "é"]}, "x.json")) == {"a": [1, "é"]}


@pytest.mark.parametrize(("suffix", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_figure_has_the_format_of_its_suffix(suffix: str, begin: bytes) -> None:
    assert _media.figure_bytes(Figure(), f"plots/x.{suffix}").startswith(begin)


def test_what_is_no_figure_is_refused() -> None:
    with pytest.raises(TypeError, match="figure"):
        _media.figure_bytes(object(), "x.png")


def test_a_name_without_a_suffix_is_refused() -> None:
    with pytest.raises(ValueError, match="suffix"):
        _media.figure_bytes(Figure(), "plot")


def test_integer_pixels_stay_as_they_are() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert np.array_equal(pixels(_media.image_bytes(image, "x.png")), image)


def test_float_pixels_are_between_0_and_1_and_clipped() -> None:
    image = np.array([[0.0, 0.5], [1.0, 7.0]])
    assert pixels(_media.image_bytes(image, "x.png")).tolist() == [[0, 128], [255, 255]]


def test_one_channel_is_grey() -> None:
    assert pixels(_media.image_bytes(np.zeros((2, 3, 1), np.uint8), "x.png")).shape == (2, 3)


def test_a_pil_image_is_taken_as_it_is() -> None:
    assert pixels(_media.image_bytes(Image.new("RGB", (3, 2), (1, 2, 3)), "x.png"))[0, 0].tolist() == [1, 2, 3]


def test_a_shape_that_is_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        _media.image_bytes(np.zeros((2, 2, 2)), "x.png")


def test_an_unknown_image_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format"):
        _media.image_bytes(np.zeros((2, 2)), "x.nothing")


ROWS = {"columns": ["a", "b"], "data": [[1, "x"], [2, "y"]]}


@pytest.mark.parametrize(
    "table",
    [
        {"a": [1, 2], "b": ["x", "y"]},
        [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
        pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
        pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
    ],
    ids=["dict", "list", "pandas", "polars"],
)
def test_every_kind_of_table_becomes_the_same_json_and_csv(table: Any) -> None:
    assert json.loads(_media.table_bytes(table, "t.json")) == ROWS
    assert _media.table_bytes(table, "t.csv").decode() == "a,b\n1,x\n2,y\n"


def test_rows_of_a_list_may_lack_columns() -> None:
    assert json.loads(_media.table_bytes([{"a": 1}, {"b": 2}], "t.json"))["data"] == [[1, None], [None, 2]]


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        _media.table_bytes({"a": [1], "b": []}, "t.json")


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(TypeError, match="table"):
        _media.table_bytes(3, "t.json")


def test_another_suffix_is_refused() -> None:
    with pytest.raises(ValueError, match="parquet"):
        _media.table_bytes({"a": [1]}, "t.xlsx")
