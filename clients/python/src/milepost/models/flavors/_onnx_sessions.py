"""Sessions of ONNX Runtime: how they are opened, and how data become their inputs."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from milepost.errors import MilepostWarning, ModelError, ModelFormatError, SchemaMismatch
from milepost.models._lazy import require

from . import _onnx_files
from .base import Predict

SESSION_OPTIONS = "onnx_session_options"
FREE_ENTRIES = "extra_session_config"
OPTION_TYPES: Mapping[str, type] = {
    "inter_op_num_threads": int,
    "intra_op_num_threads": int,
    "execution_mode": str,
    "graph_optimization_level": int,
}
MODES = {"sequential": "ORT_SEQUENTIAL", "parallel": "ORT_PARALLEL"}
CPU = "CPUExecutionProvider"
DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
    **{f"tensor({sign}int{bits})": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}


def open_session(model: Any, config: Mapping[str, Any], reader: Mapping[str, Any] | None = None) -> Any:
    """Opens a session.

    Args:
        model: An `onnx.ModelProto` with its weights, or the path of a file that `_onnx_files.read` has checked.
        config: The flavor's entry in the descriptor. Providers of it that are not there are passed over, and of their
            options none is used: some name libraries to load.
        reader: `providers` and `onnx_session_options` of the reader, which hold instead; all providers must be there.

    Raises:
        ModelError: A provider that the reader asks for is not there.
        ModelFormatError: Options are wrong, or ONNX Runtime cannot run the model.
    """
    runtime = require("onnxruntime", "onnx")
    asked = dict(reader or {})
    if SESSION_OPTIONS in asked:
        given = check_options(asked[SESSION_OPTIONS], free=True)
    else:
        given = _options_of_descriptor(config.get(SESSION_OPTIONS))
    if "providers" in asked:
        providers = _asked_providers(asked["providers"], runtime.get_available_providers())
    else:
        providers = _usual_providers(config.get("providers"), runtime.get_available_providers())
    try:
        chosen = _session_options(runtime, given)
        if isinstance(model, Path):
            return runtime.InferenceSession(model, chosen, providers=providers)
        if model.ByteSize() <= _onnx_files.MESSAGE_LIMIT_BYTES:
            return runtime.InferenceSession(model.SerializeToString(), chosen, providers=providers)
        with tempfile.TemporaryDirectory(prefix="milepost-") as folder:
            _onnx_files.write(model, Path(folder), external_data=True)
            return runtime.InferenceSession(Path(folder) / _onnx_files.DATA, chosen, providers=providers)
    except _failures(runtime) as error:
        raise ModelFormatError(f"ONNX Runtime {runtime.__version__} cannot run the model: {error}") from error


def _failures(runtime: Any) -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises: also classes without a common base, other ones in each release."""
    kinds = vars(runtime.capi.onnxruntime_pybind11_state).values()
    own = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Exception)]
    return (TypeError, ValueError, RuntimeError, *own)


def _usual_providers(named: Any, available: Sequence[str]) -> list[str]:
    entries: Any = [named] if isinstance(named, str) else named or []
    if not isinstance(entries, Sequence):
        raise ModelFormatError(f"MLmodel: flavors.onnx.providers is {named!r}, not a list of names.")
    return [name for name in map(_provider_name, entries) if name in available] or [CPU]


def _asked_providers(asked: Any, available: Sequence[str]) -> list[Any]:
    providers = [asked] if isinstance(asked, str) else list(asked)
    for entry in providers:
        name = _provider_name(entry)
        if name not in available:
            raise ModelError(f"This ONNX Runtime has no provider {name!r}. It has: {', '.join(available)}.")
    return providers


def _provider_name(entry: Any) -> Any:
    """Of a name, or of a pair of a name and options."""
    return entry[0] if isinstance(entry, (list, tuple)) and entry else entry


def check_options(given: Any, *, free: bool) -> Mapping[str, Any]:
    """Session options by MLflow's names.

    Args:
        given: What somebody gave as such; None for none.
        free: Whether `extra_session_config` is among them: entries of ONNX Runtime's own, some of which name files.

    Raises:
        ModelFormatError: It is no mapping, a name is unknown, or a value is of the wrong type.
    """
    if given is None:
        return {}
    known = {**OPTION_TYPES, FREE_ENTRIES: Mapping} if free else OPTION_TYPES
    if not isinstance(given, Mapping):
        raise ModelFormatError(f"{SESSION_OPTIONS} is {given!r}, not a mapping of names to values.")
    for name, value in given.items():
        if name not in known:
            raise ModelFormatError(f"{SESSION_OPTIONS} has {name!r}. Known are: {', '.join(known)}.")
        wrong = not isinstance(value, known[name]) or isinstance(value, bool)
        if wrong or (name == "execution_mode" and value.lower() not in MODES):
            raise ModelFormatError(f"{SESSION_OPTIONS}: {name} cannot be {value!r}.")
    return given


def _options_of_descriptor(given: Any) -> Mapping[str, Any]:
    """Session options that a model brings along, but for those that reach beyond it."""
    if not isinstance(given, Mapping) or FREE_ENTRIES not in given:
        return check_options(given, free=False)
    warnings.warn(
        f"MLmodel: flavors.onnx.{SESSION_OPTIONS}.{FREE_ENTRIES} is not used, since its entries can name files outside "
        f"of the model. Pass {SESSION_OPTIONS} to load_model if you need them.",
        MilepostWarning,
        stacklevel=2,
    )
    return check_options({name: value for name, value in given.items() if name != FREE_ENTRIES}, free=False)


def _session_options(runtime: Any, given: Mapping[str, Any]) -> Any:
    options = runtime.SessionOptions()
    for name in ("inter_op_num_threads", "intra_op_num_threads"):
        if name in given:
            setattr(options, name, given[name])
    if "execution_mode" in given:
        options.execution_mode = getattr(runtime.ExecutionMode, MODES[given["execution_mode"].lower()])
    if "graph_optimization_level" in given:
        options.graph_optimization_level = runtime.GraphOptimizationLevel(given["graph_optimization_level"])
    for key, value in given.get(FREE_ENTRIES, {}).items():
        options.add_session_config_entry(key, value)
    return options


def runner(session: Any) -> Predict:
    """Answers by a session; see `OnnxFlavor.predictor`."""
    inputs = {each.name: DTYPES.get(each.type) for each in session.get_inputs()}
    outputs = [each.name for each in session.get_outputs()]
    refusals = _failures(require("onnxruntime", "onnx"))

    def predict(data: Any, params: Mapping[str, Any]) -> Any:
        for name in params:
            raise SchemaMismatch(f"The model takes no param {name!r}. ONNX models take none.", field=name)
        framed = hasattr(data, "columns")
        arrays = {name: converted(array, inputs[name], name) for name, array in _named(data, inputs, framed)}
        try:
            answers = dict(zip(outputs, session.run(outputs, arrays), strict=True))
        except refusals as error:
            raise SchemaMismatch(f"ONNX Runtime does not take these data: {error}") from error
        return _frame(answers) if framed else answers

    return predict


def _named(data: Any, inputs: Mapping[str, Any], framed: bool) -> list[tuple[str, Any]]:
    if len(inputs) == 1 and not isinstance(data, Mapping):
        return [(next(iter(inputs)), data.to_numpy() if framed else data)]
    columns = set(data.columns) if framed else set(data) if isinstance(data, Mapping) else None
    if columns is None:
        raise SchemaMismatch(f"The model has several inputs: give arrays by the names {', '.join(inputs)}.")
    if wrong := sorted(map(str, columns ^ set(inputs))):
        raise SchemaMismatch(
            f"The model has the inputs {', '.join(inputs)}; {wrong[0]!r} is "
            f"{'missing' if wrong[0] in inputs else 'none of them'}.",
            field=wrong[0],
        )
    return [(name, data[name].to_numpy() if framed else data[name]) for name in inputs]


def converted(data: Any, dtype: str | None, name: str) -> Any:
    """The array that an input takes.

    Args:
        data: Whatever numpy makes an array of.
        dtype: The input's type; None for inputs that are no tensors, which are passed as they are.
        name: Name of the input, for messages.

    Raises:
        SchemaMismatch: A value has no equal in the input's type.
    """
    if dtype is None:
        return data
    numpy = require("numpy", "models")
    array = numpy.asarray(data)
    if array.dtype == dtype:
        return array
    if dtype == "object":
        if array.dtype.kind in "UT":
            return array.astype(object)
    elif array.dtype.kind == "O":  # a frame's columns of several types
        array = numpy.array(array.tolist())
    if dtype == "object" or array.dtype.kind not in "biuf":
        raise SchemaMismatch(f"Input {name!r} takes {dtype}, not {array.dtype}.", field=name)
    with numpy.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(dtype)
    rounding = array.dtype.kind == cast.dtype.kind == "f"
    if not (numpy.array_equal(numpy.isinf(cast), numpy.isinf(array)) if rounding else _equal(cast, array)):
        raise SchemaMismatch(
            f"Input {name!r} takes {dtype}, which cannot hold all of these {array.dtype} values.", field=name
        )
    return cast


def _equal(cast: Any, array: Any) -> bool:
    """Whether all values are equal. numpy alone rounds an integer before it compares it with a float."""
    numpy = require("numpy", "models")
    if not numpy.array_equal(cast, array):
        return False
    floats = [each for each in (cast, array) if each.dtype.kind == "f"]
    if not floats:
        return True
    rounded = numpy.abs(floats[0]) >= 2 ** (numpy.finfo(floats[0].dtype).nmant + 1)
    return bool(cast[rounded].tolist() == array[rounded].tolist())


def _frame(answers: Mapping[str, Any]) -> Any:
    """A frame with a column for each output; of outputs with several values a row, each row is a list."""
    pandas = require("pandas", "onnx")
    numpy = require("numpy", "models")
    columns = {}
    for name, answer in answers.items():
        if isinstance(answer, list):  # of mappings: what ONNX calls a sequence
            columns[name] = answer
            continue
        array = numpy.asarray(answer)
        columns[name] = array.reshape(-1) if array.ndim < 2 or array.size == len(array) else list(array)
    return pandas.DataFrame(columns)
