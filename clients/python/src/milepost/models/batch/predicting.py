"""A file of rows through a model into a file of answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milepost.errors import MilepostError, ModelError
from milepost.models.batch.reading import DEFAULT_ROWS, Piece, check_suffixes, read_pieces
from milepost.models.batch.writing import Writer, open_writer

if TYPE_CHECKING:
    from milepost.pyfunc import PyFuncModel

Progress = Callable[[int, float], None]
"""Called after each piece with the number of rows done and the share of the file that was read, from 0 to 1."""


@dataclass(frozen=True)
class Asking:
    """How a file is asked.

    Args:
        params: Params of the model; they win over those that stand in the file.
        rows: Most rows that the model is asked at once.
        keep: Columns of the file to write beside the answer.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    rows: int = DEFAULT_ROWS
    keep: Sequence[str] = ()


def predict_file(
    folder: Path,
    data: Path,
    output: Path,
    asking: Asking,
    *,
    trust: bool,
    verify: bool = True,
    progress: Progress | None = None,
) -> int:
    """Loads a model, asks it what is in one file, and writes the answers to another, which may be left incomplete.

    Returns:
        The number of rows that the model was asked.

    Raises:
        MilepostError: What reading the file, loading and predicting raise; the message begins with the rows at fault.
        OSError: A file cannot be read or written.
        ValueError: A file has a suffix that is not known.
    """
    from milepost import pyfunc

    check_suffixes(data, output)
    model = pyfunc.load_model(folder, trust=trust, verify=verify)
    signature = model.metadata.signature
    done = 0
    with (
        closing(read_pieces(data, signature, asking.rows, asking.keep)) as pieces,
        open_writer(output, signature) as writer,
    ):
        for piece in _numbered(pieces):
            _predict(model, writer, piece, asking.params, first=done)
            done += piece.rows or 0
            if progress is not None:
                progress(done, piece.share)
    return done


def _numbered(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """The pieces; what reading one raises says after which row that was."""
    done = 0
    while True:
        try:
            piece = next(pieces, None)
        except MilepostError as error:
            if not done:
                raise
            raise said_of(f"After row {done:,}", error) from error
        if piece is None:
            return
        yield piece
        done += piece.rows or 0


def _predict(model: PyFuncModel, writer: Writer, piece: Piece, params: Mapping[str, Any], first: int) -> None:
    where = f"Rows {first + 1:,} to {first + piece.rows:,}" if piece.rows else ""
    try:
        answered = writer.write(asked(model, piece.data, {**piece.params, **params}), piece.kept)
        more = first > 0 or piece.share < 1.0
        if more and answered is not None and answered != piece.rows:
            raise ModelError(
                f"the model answers {answered:,} rows to {piece.rows:,}, so that its answers to parts of the file "
                "cannot be joined. If it answers a batch as a whole, ask for all rows at once."
            )
    except MilepostError as error:
        if not where:
            raise
        raise said_of(where, error) from error


def asked(model: PyFuncModel, data: Any, params: Mapping[str, Any] | None) -> Any:
    """The model's answer.

    Raises:
        MilepostError: The data are not those of the signature; or the library raised something else, which is chained.
    """
    try:
        return model.predict(data, params or None)
    except MilepostError:
        raise
    except Exception as failed:
        raise ModelError(f"The model failed: {type(failed).__name__}: {failed}") from failed


def said_of(where: str, error: MilepostError) -> MilepostError:
    """The same error, whose message says first where it was met."""
    said: MilepostError = type(error).__new__(type(error), f"{where}: {error}")
    said.__dict__.update(error.__dict__)
    return said
