"""H2O: MOJO archives, which all releases read, and binary models, which only the release that wrote them reads."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError, SchemaMismatch, UntrustedModel
from milepost.models._lazy import require
from milepost.models._paths import inside

from ._batches import is_frame
from ._libraries import class_of
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

DATA = "model.h2o"
MOJO, BINARY = "mojo", "binary"
MOJO_FILE = "model.zip"
SETTINGS = "h2o.yaml"


class H2OFlavor:
    """Models of H2O. They live in a Java process: the one that is connected to, else one started for this process."""

    name = "h2o"
    formats: Sequence[str] = (MOJO, BINARY)

    def accepts(self, model: object) -> bool:
        """Whether the object is a model of H2O."""
        return class_of(model, "h2o", ["ModelBase"]) is not None

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes the folder `model.h2o`. MLflow reads binary models only.

        Raises:
            ModelFormatError: The algorithm has no MOJO, or this release writes none: from 3.46.0.12 on they need a
                licence of H2O-3 Secure.
        """
        h2o = require("h2o", "h2o")
        refuse_unknown(self, options.extra)
        format_ = chosen_format(self, options.format)
        data = folder / DATA
        data.mkdir()
        config = {"h2o_version": h2o.__version__, "data": DATA, "serialization_format": format_}
        if format_ == MOJO:
            _write_mojo(h2o, model, data / MOJO_FILE)
        else:
            file = Path(h2o.download_model(model, path=str(data))).name
            settings = {"full_file": f"{DATA}/{file}", "model_file": file, "model_dir": DATA}
            (data / SETTINGS).write_text(require("yaml", "models").safe_dump(settings), encoding="utf-8")
        return Saved(
            config=config,
            loader_module="mlflow.h2o" if format_ == BINARY else None,
            data=DATA,
            requirements=["h2o"],
            runs_code=format_ == BINARY,
        )

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """A model of H2O; a MOJO is an `H2OGenericEstimator`."""
        h2o = require("h2o", "h2o")
        refuse_unknown(self, options.extra)
        data = inside(folder, config.get("data", DATA), "flavors.h2o.data")
        format_ = config.get("serialization_format", BINARY)
        if format_ not in self.formats:
            raise ModelFormatError(
                f"MLmodel: flavors.h2o.serialization_format is {format_!r}, not one of {self.formats}."
            )
        if format_ == BINARY and not options.trust:
            raise UntrustedModel("A binary model of H2O makes Java objects of classes that the file names")
        path = inside(data, MOJO_FILE if format_ == MOJO else _model_file(data), f"flavors.h2o.data, in {SETTINGS}")
        _connect(h2o)
        try:
            return h2o.upload_mojo(str(path)) if format_ == MOJO else h2o.upload_model(str(path))
        except (h2o.exceptions.H2OError, OSError, ValueError) as error:
            raise ModelFormatError(f"{path.name}: H2O {h2o.__version__} cannot read it: {error}") from error

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Takes a data frame or an array; answers with a pandas data frame: `predict`, and probabilities of classes.

        An array's columns are named `C1`, `C2` and so on, as H2O names them. There are no params.
        """
        h2o, pandas = require("h2o", "h2o"), require("pandas", "h2o")

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            for name in params:
                raise SchemaMismatch(f"A model of H2O takes no param {name!r}; it takes none.", field=name)
            frame = data.to_pandas() if is_frame(data) and hasattr(data, "to_pandas") else data
            # What `as_data_frame` does, without its warning that another package would be faster.
            text = model.predict(h2o.H2OFrame(frame)).get_frame_data()
            answer = pandas.read_csv(io.StringIO(text), low_memory=False, skip_blank_lines=False)
            return answer.set_axis(frame.index) if is_frame(frame) else answer

        return predict


def _write_mojo(h2o: Any, model: Any, path: Path) -> None:
    remedy = "Use format='binary', which is read with trust only."
    if not getattr(model, "have_mojo", False):
        raise ModelFormatError(f"{model.algo} has no MOJO. {remedy}")
    try:
        model.download_mojo(path=str(path))
    except h2o.exceptions.H2OValueError as refused:
        raise ModelFormatError(f"H2O {h2o.__version__} writes no MOJO: {refused}. {remedy}") from refused


def _model_file(data: Path) -> Any:
    yaml: Any = require("yaml", "models")
    try:
        settings = yaml.safe_load(inside(data, SETTINGS, "flavors.h2o.data").read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelFormatError(f"{DATA}/{SETTINGS} is no YAML: {error}") from error
    return settings.get("model_file") if isinstance(settings, dict) else None


def _connect(h2o: Any) -> None:
    """Starts a server for this process, which only this machine can reach, unless there is a connection.

    `h2o.init` would take whatever server listens at its default port, another user's too.
    """
    connection = h2o.connection()
    if connection is None or not connection.connected:
        server = require("h2o.backend", "h2o").H2OLocalServer.start(verbose=False)
        h2o.connect(server=server, verbose=False, strict_version_check=True)
        h2o.cluster().timezone = "UTC"
    h2o.no_progress()
