"""TensorFlow: modules as SavedModels, and the Keras models that MLflow keeps under this flavor."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError, SchemaMismatch, UntrustedModel
from milepost.models._lazy import require
from milepost.models._paths import inside

from ._batches import arrays, is_frame
from ._libraries import class_of, distribution
from ._options import chosen_format, refuse_unknown
from .base import LoadOptions, Predict, Saved, SaveOptions

SAVED_MODEL = "tf2model"
MODULE, KERAS = "tf2-module", "keras"
SERVING = "serving_default"
# Operators by which a graph reads and writes files that are none of its own, or calls Python. Those that restore
# weights are in every SavedModel.
FILE_OPERATORS = re.compile(
    r"(Read|Write)File|MatchingFiles|(Eager)?PyFunc(Stateless)?|Save(Slices)?|PrintV2|Debug\w+|ImmutableConst"
    r"|LoadAndRemapMatrix|RecordInput|FileSystemSetConfiguration|\w*Reader(V2)?|\w*SummaryWriter\w*"
    r"|(TextLine|TFRecord|FixedLengthRecord|CSV|Sql|Save|Load|Snapshot|DataService)\w*Dataset\w*|\w*SnapshotDataset\w*"
)


class TensorFlowFlavor:
    """Modules of TensorFlow, stored as SavedModels, which are graphs and no Python.

    Graphs may hold operators that touch files. Those are read with trust only.
    """

    name = "tensorflow"
    formats: Sequence[str] = ("saved_model",)

    def accepts(self, model: object) -> bool:
        """Whether the object is a `tf.Module`, or what `tf.saved_model.load` gives."""
        return class_of(model, "tensorflow", ["Module", "AutoTrackable"]) is not None

    def save(self, model: Any, folder: Path, options: SaveOptions) -> Saved:
        """Writes the SavedModel.

        The option `signatures` is that of `tf.saved_model.save`. Without it, a callable module gets `serving_default`
        by being traced with the input example; the size of the first dimension stays free.
        """
        tf = require("tensorflow", "tensorflow")
        chosen_format(self, options.format)
        refuse_unknown(self, options.extra, ["signatures"])
        signatures = options.extra.get("signatures")
        if signatures is None and options.input_example is not None and callable(model):
            signatures = _traced(model, options.input_example)
        try:
            tf.saved_model.save(model, str(folder / SAVED_MODEL), signatures=signatures)
        except (ValueError, AssertionError) as error:
            raise ModelFormatError(f"TensorFlow cannot store this {type(model).__name__}: {error}") from error
        return Saved(
            config={"saved_model_dir": SAVED_MODEL, "model_type": MODULE},
            loader_module="mlflow.tensorflow",
            data=None,
            requirements=[distribution("tensorflow", "tensorflow-cpu")],
        )

    def load(self, folder: Path, config: Mapping[str, Any], options: LoadOptions) -> Any:
        """What `tf.saved_model.load` gives: functions and signatures, not the class that was saved."""
        tf = require("tensorflow", "tensorflow")
        refuse_unknown(self, options.extra)
        if config.get("model_type", KERAS if "data" in config else MODULE) == KERAS:
            return _load_keras(inside(folder, config.get("data"), "flavors.tensorflow.data"), options.trust)
        path = inside(folder, config.get("saved_model_dir"), "flavors.tensorflow.saved_model_dir")
        if not options.trust:
            _check_graph(path)
        try:
            return tf.saved_model.load(str(path))
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise ModelFormatError(f"{path.name}: TensorFlow {tf.__version__} cannot read it: {error}") from error

    def predictor(self, model: Any, config: Mapping[str, Any]) -> Predict:
        """Asks the signature `serving_default` where there is one, else the module itself.

        A signature takes a dict or data frame with its inputs by name, or an array for its only input, and answers with
        a dict of numpy arrays, or with the array when there is one output. A model takes no params.
        """
        signature = getattr(model, "signatures", {}).get(SERVING)

        def predict(data: Any, params: Mapping[str, Any]) -> Any:
            for name in params:
                raise SchemaMismatch(f"A SavedModel takes no param {name!r}; it takes none.", field=name)
            return _to_numpy(model(_tensors(arrays(data))) if signature is None else _ask(signature, data))

        return predict


def _traced(model: Any, example: Any) -> Any:
    tf = require("tensorflow", "tensorflow")
    batch = arrays(example)

    def spec(value: Any, name: str | None = None) -> Any:
        return tf.TensorSpec([None, *value.shape[1:]], value.dtype, name=name)

    if isinstance(batch, dict):
        function = tf.function(lambda **named: model(named))
        return {SERVING: function.get_concrete_function(**{name: spec(value, name) for name, value in batch.items()})}
    return {SERVING: tf.function(lambda inputs: model(inputs)).get_concrete_function(spec(batch, "inputs"))}


def _ask(signature: Any, data: Any) -> Any:
    names = list(signature.structured_input_signature[1])
    if is_frame(data) and set(data.columns) == set(names):
        data = {name: data[name].to_numpy() for name in names}
    batch = arrays(data)
    if not isinstance(batch, dict):
        if len(names) != 1:
            raise SchemaMismatch(f"The model has the inputs {', '.join(names)}: give a dict of arrays by these names.")
        batch = {names[0]: batch}
    if set(batch) != set(names):
        raise SchemaMismatch(f"The model has the inputs {', '.join(names)}, not {', '.join(batch)}.")
    answer = signature(**_tensors(batch))
    return next(iter(answer.values())) if len(answer) == 1 else answer


def _tensors(batch: Any) -> Any:
    tf = require("tensorflow", "tensorflow")
    return (
        {name: tf.constant(value) for name, value in batch.items()} if isinstance(batch, dict) else tf.constant(batch)
    )


def _to_numpy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _to_numpy(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_to_numpy(part) for part in value)
    return value.numpy() if hasattr(value, "numpy") else value


def _check_graph(path: Path) -> None:
    """Refuses graphs with operators that touch files or call Python; TensorFlow runs some while it loads."""
    protos: Any = require("tensorflow.core.protobuf.saved_model_pb2", "tensorflow")
    messages: Any = require("google.protobuf.message", "tensorflow")
    try:
        saved = protos.SavedModel.FromString(
            inside(path, "saved_model.pb", "flavors.tensorflow.saved_model_dir").read_bytes()
        )
    except messages.DecodeError as error:
        raise ModelFormatError(f"{path.name}/saved_model.pb is no SavedModel: {error}") from error
    for meta in saved.meta_graphs:
        nodes = [meta.graph_def.node, *(function.node_def for function in meta.graph_def.library.function)]
        used = {node.op for group in nodes for node in group if FILE_OPERATORS.fullmatch(node.op)}
        if used:
            raise UntrustedModel(
                f"The graph in {path.name!r} can touch files or call Python by {', '.join(sorted(used))}"
            )


def _load_keras(data: Path, trust: bool) -> Any:
    """A Keras model as MLflow's TensorFlow flavor stores it, with custom objects as pickles beside it."""
    keras = require("keras", "keras")
    if list(data.glob("*.cloudpickle")) or not (data / "model.keras").exists():
        raise ModelFormatError(
            f"{data.name} has a Keras model with pickled objects, or in an old format. Load it with Keras, and save it."
        )
    try:
        return keras.saving.load_model(inside(data, "model.keras", "flavors.tensorflow.data"), safe_mode=not trust)
    except ValueError as failed:
        raise UntrustedModel(f"'model.keras' may hold Python code, or Keras cannot read it: {failed}") from failed
