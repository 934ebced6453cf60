"""Figures, images, tables and documents as the bytes of a file, by its suffix. Libraries are imported on first use."""

from __future__ import annotations

import io
import json
from pathlib import PurePosixPath
from typing import Any

from milepost._frames import load


def document_bytes(data: Any, path: str) -> bytes:
    """JSON, or YAML for the suffixes `.yaml` and `.yml`, which needs the package pyyaml."""
    if PurePosixPath(path).suffix in (".yaml", ".yml"):
        text: str = load("yaml").safe_dump(data, sort_keys=False, allow_unicode=True)
        return text.encode()
    return json.dumps(data, indent=2, ensure_ascii=False, default=str).encode()


def figure_bytes(figure: Any, path: str) -> bytes:
    """A figure of matplotlib or plotly in the format of the suffix; `.html` for plotly only."""
    suffix = _suffix(path)
    if hasattr(figure, "savefig"):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=suffix, bbox_inches="tight")
        return buffer.getvalue()
    if hasattr(figure, "to_html") and hasattr(figure, "to_image"):
        if suffix == "html":
            html: str = figure.to_html(include_plotlyjs="cdn")
            return html.encode()
        image: bytes = figure.to_image(format=suffix)
        return image
    raise TypeError(f"a {type(figure).__name__} is no figure of matplotlib or plotly. Save it and use log_artifact.")


def image_bytes(image: Any, path: str) -> bytes:
    """A PIL image, or an array of height x width (x 1, 3 or 4 channels), in the format of the suffix.

    Integers are 0-255, floats and booleans 0-1; what lies outside is clipped. Needs the extra `images`.
    """
    suffix = _suffix(path)
    module = load("PIL.Image", "images")
    picture = image if isinstance(image, module.Image) else module.fromarray(_pixels(image))
    buffer = io.BytesIO()
    extension = f".{suffix}"
    formats = module.registered_extensions()
    if extension not in formats:
        raise ValueError(
            f"{path!r}: Pillow knows no image format with the suffix {extension!r}. Use .png, for example."
        )
    picture.save(buffer, format=formats[extension])
    return buffer.getvalue()


def table_bytes(data: Any, path: str) -> bytes:
    """A table as `.json` (columns and rows), `.csv` or `.parquet`.

    Takes a data frame of pandas or polars, a dict of columns, or a list of dicts. CSV and Parquet need the extra
    `pandas`, except of a polars frame.
    """
    suffix = _suffix(path)
    if suffix == "json":
        return json.dumps(_split(data), ensure_ascii=False, default=_plain).encode()
    buffer = io.BytesIO()
    if suffix not in ("csv", "parquet"):
        raise ValueError(f"{path!r}: a table is stored as .json, .csv or .parquet.")
    if hasattr(data, "write_parquet"):
        data.write_parquet(buffer) if suffix == "parquet" else data.write_csv(buffer)
        return buffer.getvalue()
    frame = data if hasattr(data, "to_parquet") else load("pandas", "pandas").DataFrame(data)
    frame.to_parquet(buffer, index=False) if suffix == "parquet" else frame.to_csv(buffer, index=False)
    return buffer.getvalue()


def _split(data: Any) -> dict[str, list[Any]]:
    if hasattr(data, "write_parquet"):  # polars
        return {"columns": list(data.columns), "data": [list(row) for row in data.rows()]}
    if hasattr(data, "to_parquet"):  # pandas
        return {"columns": [str(name) for name in data.columns], "data": data.to_numpy(dtype=object).tolist()}
    if isinstance(data, dict):
        columns = list(data)
        return {"columns": columns, "data": [list(row) for row in zip(*data.values(), strict=True)]}
    if isinstance(data, list) and all(isinstance(row, dict) for row in data):
        columns = list(dict.fromkeys(name for row in data for name in row))
        return {"columns": columns, "data": [[row.get(name) for name in columns] for row in data]}
    raise TypeError(f"a {type(data).__name__} is no table. Give a data frame, a dict of columns or a list of dicts.")


def _plain(value: Any) -> Any:
    if callable(getattr(value, "tolist", None)):
        return value.tolist()
    return str(value)


def _pixels(image: Any) -> Any:
    numpy = load("numpy")
    pixels = numpy.asarray(image)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    if pixels.ndim != 2 and not (pixels.ndim == 3 and pixels.shape[2] in (3, 4)):
        raise ValueError(
            f"an image has the shape (height, width), or with 1, 3 or 4 channels; this has {pixels.shape}."
        )
    if pixels.dtype.kind in "fb":
        pixels = numpy.nan_to_num(pixels.astype("float64")) * 255
    return numpy.clip(numpy.rint(pixels), 0, 255).astype("uint8")


def _suffix(path: str) -> str:
    suffix = PurePosixPath(path).suffix.lower().removeprefix(".")
    if not suffix:
        raise ValueError(f"{path!r} has no suffix, so its format is not known. Name it like 'chart.png'.")
    return suffix
