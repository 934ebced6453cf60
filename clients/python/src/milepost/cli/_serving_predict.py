"""`milepost serving predict`: a file in, a file or standard output out."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from milepost.cli._model_predict import params_of

if TYPE_CHECKING:
    from milepost.models.signatures.signature import ModelSignature
    from milepost.serving import ModelServer


def predict_file(
    server: ModelServer, name: str, version: int, data: Path, output: Path | None, params: str, rows: int
) -> int:
    """Asks a served model the rows of a file; prints the answer when there is no file for it.

    Returns:
        The number of rows.

    Raises:
        MilepostError: Predicting failed.
        typer.BadParameter: An option is wrong.
    """
    if output is not None:
        return _answer(server, name, version, data, output, params, rows)
    with tempfile.TemporaryDirectory(prefix="milepost-") as scratch:
        answer = Path(scratch) / "answer.json"
        asked = _answer(server, name, version, data, answer, params, rows)
        with answer.open(encoding="utf-8", newline="") as file:
            shutil.copyfileobj(file, sys.stdout)
    return asked


def _answer(server: ModelServer, name: str, version: int, data: Path, output: Path, params: str, rows: int) -> int:
    from milepost.models.batch.reading import check_suffixes, read_pieces
    from milepost.models.batch.writing import appearing_file, open_writer

    check_suffixes(data, output)
    given = params_of(params)
    signature = _signature(server, name, version)
    asked = 0
    with (
        closing(read_pieces(data, signature, rows)) as pieces,
        appearing_file(output) as new,
        open_writer(new, signature) as writer,
    ):
        for piece in pieces:
            prediction = server.predict(name, piece.data, {**piece.params, **given}, version=version)
            writer.write(prediction.data, {})
            asked += piece.rows or 0
    return asked


def _signature(server: ModelServer, name: str, version: int) -> ModelSignature | None:
    """What the model takes: types that texts of a file are read as."""
    from milepost.models.signatures.signature import ModelSignature

    model = server.get(name)
    wanted = version or model.live_version
    for one in model.versions:
        if one.version == wanted and one.signature:
            parts = json.loads(one.signature).items()
            return ModelSignature.from_dict({name: json.dumps(part) for name, part in parts})
    return None
