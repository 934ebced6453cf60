"""The process that asks a model in its own environment, started as `python -I -m` this module and `REQUEST.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from milepost.errors import MilepostError
from milepost.models.batch.predicting import Asking, predict_file


def _main(request_file: str) -> int:
    request = json.loads(Path(request_file).read_text())
    told = Path(request["progress"])

    def tell(rows: int, share: float) -> None:
        new = told.with_suffix(".new")
        new.write_text(json.dumps([rows, share]))
        new.replace(told)

    try:
        predict_file(
            Path(request["folder"]),
            Path(request["data"]),
            Path(request["output"]),
            Asking(**request["asking"]),
            trust=request["trust"],
            progress=tell,
        )
    except (MilepostError, OSError, ValueError) as error:
        details = {name: value for name, value in vars(error).items() if _is_plain(value)}
        failure = {"error": type(error).__name__, "message": str(error), "details": details}
        Path(request["answer"]).write_text(json.dumps(failure))
        return 1
    return 0


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int, float, list, dict, type(None)))


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
