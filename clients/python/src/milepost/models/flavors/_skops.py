"""Files of skops, read with an allow-list of our own.

By default skops refuses types that it does not know, among them trees, neighbours and other parts of scikit-learn's own
models. What is allowed it builds with arguments and state from the file, and it calls functions that a file names. So a
name may stand below only if neither building it, setting its state, nor calling it with any arguments can run code of
the file's, open files or reach out. That its module belongs to scikit-learn, numpy or scipy says nothing: the
distributions of `scipy.stats` compile Python from their state, `numpy.memmap` overwrites files, and the fetchers of
`sklearn.datasets` go to the network. Names are compared as a whole.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError, UntrustedModel
from milepost.models._lazy import require

from ._skops_checks import check_indices

EXTRA = "sklearn"
_MAX_RATIO = 200
_SMALL_BYTES = 64 * 1024 * 1024

_TYPES = {
    "functools": ["partial"],  # calls only what is allowed too
    "numpy": ["dtype"],
    "scipy.sparse._csc": ["csc_array", "csc_matrix"],
    "scipy.sparse._csr": ["csr_array", "csr_matrix"],
    "sklearn._loss.loss": ["HalfTweedieLoss", "HalfTweedieLossIdentity"],
    "sklearn.calibration": ["_CalibratedClassifier", "_SigmoidCalibration", "_TemperatureScaling"],
    "sklearn.compose._column_transformer": ["_RemainderColsList", "make_column_selector"],
    "sklearn.ensemble._hist_gradient_boosting.predictor": ["TreePredictor"],
    "sklearn.gaussian_process._gpc": ["_BinaryGaussianProcessClassifierLaplace"],
    "sklearn.gaussian_process.kernels": [
        "CompoundKernel", "ConstantKernel", "DotProduct", "ExpSineSquared", "Exponentiation", "Matern",
        "PairwiseKernel", "Product", "RBF", "RationalQuadratic", "Sum", "WhiteKernel",
    ],
    "sklearn.metrics._dist_metrics": [
        f"{name}Distance{bits}" for name in ("Chebyshev", "Euclidean", "Manhattan") for bits in (32, 64)
    ],
    "sklearn.metrics._scorer": ["_CurveScorer", "_PassthroughScorer", "_Scorer"],
    "sklearn.model_selection._split": [
        "GroupKFold", "GroupShuffleSplit", "KFold", "LeaveOneGroupOut", "LeaveOneOut", "LeavePGroupsOut", "LeavePOut",
        "PredefinedSplit", "RepeatedKFold", "RepeatedStratifiedKFold", "ShuffleSplit", "StratifiedGroupKFold",
        "StratifiedKFold", "StratifiedShuffleSplit", "TimeSeriesSplit",
    ],
    "sklearn.multiclass": ["_ConstantPredictor"],
    "sklearn.neighbors._ball_tree": ["BallTree", "BallTree32", "BallTree64"],
    "sklearn.neighbors._kd_tree": ["KDTree", "KDTree32", "KDTree64"],
    "sklearn.neural_network._stochastic_optimizers": ["AdamOptimizer", "SGDOptimizer"],
    "sklearn.tree._tree": ["Tree"],
    "sklearn.utils._bunch": ["Bunch"],
    "sklearn.utils._metadata_requests": ["MetadataRequest", "MethodMetadataRequest"],
}  # fmt: skip
_FUNCTIONS = {
    "numpy": ["max", "mean", "median", "min", "sum"],
    "sklearn.feature_selection._mutual_info": ["mutual_info_classif", "mutual_info_regression"],
    "sklearn.feature_selection._univariate_selection": ["chi2", "f_classif", "f_regression", "r_regression"],
    "sklearn.metrics._classification": [
        "accuracy_score", "balanced_accuracy_score", "brier_score_loss", "f1_score", "jaccard_score", "log_loss",
        "matthews_corrcoef", "precision_score", "recall_score",
    ],
    "sklearn.metrics._ranking": ["average_precision_score", "roc_auc_score", "top_k_accuracy_score"],
    "sklearn.metrics._regression": [
        "d2_absolute_error_score", "explained_variance_score", "max_error", "mean_absolute_error",
        "mean_absolute_percentage_error", "mean_gamma_deviance", "mean_poisson_deviance", "mean_squared_error",
        "mean_squared_log_error", "median_absolute_error", "r2_score", "root_mean_squared_error",
        "root_mean_squared_log_error",
    ],
    "sklearn.utils.validation": ["check_array"],
}  # fmt: skip
ALLOWED = frozenset(
    f"{module}.{name}" for table in (_TYPES, _FUNCTIONS) for module, names in table.items() for name in names
)
"""Types and functions that a file may name, besides those that skops itself allows."""


def write(model: object, path: Path) -> list[str]:
    """Writes a model.

    Returns:
        The types in it that skops does not know, those of `ALLOWED` among them; sorted.

    Raises:
        ModelFormatError: skops cannot store the model.
    """
    skops = require("skops.io", EXTRA)
    try:
        skops.dump(model, path)
        types: list[str] = skops.get_untrusted_types(file=path)
    except Exception as failed:
        raise ModelFormatError(
            f"A {type(model).__qualname__} cannot be stored as skops: {failed} With format='cloudpickle' it can, and "
            "is then loaded with trust=True only."
        ) from failed
    return types


def foreign(types: Iterable[str], more: Collection[str] = ()) -> list[str]:
    """Those of some types that may not be built from a file whose writer is not trusted."""
    return sorted(set(types) - ALLOWED - set(more))


def read(path: Path, *, trust: bool, more: Collection[str] = ()) -> Any:
    """Reads a model.

    Args:
        path: The file, which `inside` has checked.
        trust: Whether any type that the file names may be built.
        more: Types of another library that are as harmless as those of `ALLOWED`.

    Raises:
        UntrustedModel: The file names types or functions that are not allowed; nothing was built.
        ModelFormatError: The file is none of skops', or its arrays point outside of themselves.
    """
    skops = require("skops.io", EXTRA)
    exceptions = require("skops.io.exceptions", EXTRA)
    _refuse_bomb(path)
    try:
        model = skops.load(path, trusted=_everything(path) if trust else [*_allowed(), *more])
    except exceptions.UntrustedTypesFoundException as found:
        types = foreign(skops.get_untrusted_types(file=path), more)
        shown = ", ".join(types[:5]) + (", …" if len(types) > 5 else "")
        raise UntrustedModel(f"{path.name!r} needs what is not known to be harmless: {shown}") from found
    except Exception as failed:  # a wrong file can raise nearly anything
        raise ModelFormatError(f"{path.name} cannot be read by skops: {type(failed).__name__}: {failed}") from failed
    if not trust:
        check_indices(model, path.name)
    return model


@cache
def _allowed() -> list[str]:
    return sorted(ALLOWED)


def _everything(path: Path) -> list[str]:
    types: list[str] = require("skops.io", EXTRA).get_untrusted_types(file=path)
    return types


def _refuse_bomb(path: Path) -> None:
    """Refuses archives that unpack to far more: each member is read whole into memory."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (OSError, zipfile.BadZipFile) as failed:
        raise ModelFormatError(f"{path.name} is no file of skops: {failed}") from failed
    if unpacked > max(_SMALL_BYTES, _MAX_RATIO * path.stat().st_size):
        raise ModelFormatError(f"{path.name} unpacks to {unpacked:,} bytes, far more than a model of its size has.")
