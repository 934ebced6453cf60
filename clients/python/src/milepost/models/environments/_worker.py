"""The process that asks a model in its own environment, started as `python -I -m` this module and `REQUEST.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from milepost.errors import MilepostError, ModelError

if TYPE_CHECKING:
    from milepost.pyfunc import PyFuncModel


def answer_file(
    folder: Path, data: Path, output: Path, params: Mapping[str, Any] | None, *, trust: bool, verify: bool = True
) -> None:
    """Loads a model, asks it the batch of one file, and writes the answer to another.

    Raises:
        MilepostError: What reading the file, loading and predicting raise.
    """
    from milepost import pyfunc
    from milepost.models._data_files import check_suffixes, read_batch, write_answer

    check_suffixes(data, output)
    model = pyfunc.load_model(folder, trust=trust, verify=verify)
    batch = read_batch(data, model.metadata.signature)
    write_answer(asked(model, batch.data, {**batch.params, **(params or {})}), output)


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


def _main(request_file: str) -> int:
    request = json.loads(Path(request_file).read_text())
    try:
        answer_file(
            Path(request["folder"]),
            Path(request["data"]),
            Path(request["output"]),
            request["params"],
            trust=request["trust"],
        )
    except (MilepostError, OSError, ValueError) as error:
        details = {name: value for name, value in vars(error).items() if _is_plain(value)}
        told = {"error": type(error).__name__, "message": str(error), "details": details}
        Path(request["answer"]).write_text(json.dumps(told))
        return 1
    return 0


def _is_plain(value: object) -> bool:
    return isinstance(value, (str, int, float, list, dict, type(None)))


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
