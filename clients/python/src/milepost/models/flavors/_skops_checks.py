"""Checks of arrays by which scikit-learn's compiled code finds its way without looking.

Trees and neighbours are walked by indices that are stored in the model. A file that was made to harm can point them
anywhere, so that predicting would read memory that is not the model's. Code can be kept out by types, this cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any

from milepost.errors import ModelFormatError


def check_indices(model: object, file: str) -> None:
    """Looks at all parts of a model that was just read.

    Args:
        model: What was read.
        file: Its name, for the message.

    Raises:
        ModelFormatError: An index leads out of its array.
    """
    try:
        checks = [(check, part) for part in _parts(model) if (check := _check_of(part)) is not None]
        # Boosting asks the model that it starts from, so everything else, and what lies deeper, has its turn before.
        checks.reverse()
        for check, part in sorted(checks, key=lambda pair: pair[0] is _check_boosting):
            check(part)
    except ModelFormatError as wrong:
        raise ModelFormatError(f"{file} is damaged or was made to harm: {wrong}") from wrong
    except Exception as failed:  # parts that were never filled have no arrays to look at
        raise ModelFormatError(f"{file} is damaged: {type(failed).__name__}: {failed}") from failed


def _parts(model: object) -> Iterator[object]:
    """Everything that an object holds, itself included, each once."""
    import numpy as np

    seen: dict[int, object] = {}
    waiting = [model]
    while waiting:
        part = waiting.pop()
        if id(part) in seen or isinstance(part, str | bytes | int | float | None):
            continue
        seen[id(part)] = part
        yield part
        if isinstance(part, Mapping):
            waiting += [*part.keys(), *part.values()]
        elif isinstance(part, list | tuple | set | frozenset):
            waiting += part
        elif isinstance(part, np.ndarray):
            waiting += part.ravel().tolist() if part.dtype == object else []
        if not isinstance(part, type | FunctionType):
            waiting += getattr(part, "__dict__", {}).values()


def _check_of(part: object) -> Callable[[Any], None] | None:
    if type(part).__module__.partition(".")[0] not in ("sklearn", "scipy"):
        return None
    return _CHECKS.get(type(part).__name__.removesuffix("32").removesuffix("64"))


def _require(holds: Any, what: str) -> None:
    if not holds:
        raise ModelFormatError(what)


def _check_tree(tree: Any) -> None:
    """`sklearn.tree._tree.Tree`: children come after their parent, as all builders make them, so there are no rings."""
    import numpy as np

    left, right, feature = tree.children_left, tree.children_right, tree.feature
    count = tree.node_count
    _require(count > 0 and len(left) == count, "a tree has no nodes")
    inner = left != -1
    own = np.arange(count)
    for child in (left[inner], right[inner]):
        _require(
            np.all((child > own[inner]) & (child < count)), "a child of a tree's node is no later node of the tree"
        )
    _require(np.all(right[~inner] == -1), "a leaf of a tree has a child")
    _require(
        np.all((feature[inner] >= 0) & (feature[inner] < tree.n_features)), "a tree splits by no feature of its own"
    )
    level, nodes = 0, np.zeros(1, dtype=np.int64)
    while len(nodes := nodes[inner[nodes]]):
        level, nodes = level + 1, np.concatenate((left[nodes], right[nodes]))
        _require(level <= tree.max_depth and len(nodes) <= count, "a tree is deeper than it says, or no tree")


def _check_tree_estimator(estimator: Any) -> None:
    if hasattr(estimator, "tree_"):
        _require(estimator.tree_.n_features == estimator.n_features_in_, "a tree has other features than its estimator")
        _require(estimator.tree_.n_outputs == estimator.n_outputs_, "a tree has other outputs than its estimator")


def _check_ensemble(ensemble: Any) -> None:
    """Forests and gradient boosting hand their own, checked data to their trees unchecked."""
    import numpy as np

    for estimator in np.ravel(np.asarray(getattr(ensemble, "estimators_", []), dtype=object)):
        same = estimator.n_features_in_ == ensemble.n_features_in_
        _require(same, "a tree has other features than its ensemble")


def _check_isolation(forest: Any) -> None:
    """`IsolationForest`: its trees may have learned from some of the features."""
    for tree, features in zip(
        getattr(forest, "estimators_", []), getattr(forest, "estimators_features_", []), strict=True
    ):
        whole = forest._max_features == forest.n_features_in_
        count = forest.n_features_in_ if whole else len(features)
        _require(tree.tree_.n_features == tree.n_features_in_ == count, "a tree has other features than its ensemble")


def _check_boosting(boosting: Any) -> None:
    """`GradientBoosting…`: compiled code adds the trees' answers to a table of other size, if the model says so."""
    import numpy as np

    _check_ensemble(boosting)
    if not hasattr(boosting, "estimators_"):
        return
    for tree in boosting.estimators_.ravel():
        _require(tree.tree_.n_features == boosting.n_features_in_, "a tree has other features than its ensemble")
        _require(tree.tree_.value.shape[1:] == (1, 1), "a tree of a boosting model has several answers")
    start = boosting._raw_predict_init(np.zeros((1, boosting.n_features_in_), dtype=np.float32))
    _require(start.shape == (1, boosting.estimators_.shape[1]), "a boosting model has other trees than classes")


def _check_hist_boosting(boosting: Any) -> None:
    """`HistGradientBoosting…`: the features of its predictors, and the bits of their categories."""
    import numpy as np

    categorical = getattr(getattr(boosting, "_bin_mapper", None), "is_categorical_", np.zeros(0, dtype=bool))
    for stage in getattr(boosting, "_predictors", []):
        _require(len(stage) == boosting.n_trees_per_iteration_, "a boosting model has other trees than classes")
        for predictor in stage:
            inner = predictor.nodes[predictor.nodes["is_leaf"] == 0]
            _require(np.all(inner["feature_idx"] < boosting._n_features), "a tree splits by no feature of the model")
            used = inner[inner["is_categorical"] != 0]["feature_idx"]
            known = np.all(used < len(categorical)) and np.all(categorical[used])
            _require(known, "a tree splits by categories of a feature that has none")


def _check_bins(mapper: Any) -> None:
    """`_BinMapper`: known categories become bits of a table with room for 256."""
    import numpy as np

    for feature in np.flatnonzero(getattr(mapper, "is_categorical_", [])):
        known = mapper.bin_thresholds_[feature]
        _require(np.all((known >= 0) & (known < 256)), "a category has a number beyond 255")


def _check_support_vectors(model: Any) -> None:
    """`SVC` and its kind: libsvm copies as many coefficients as the counts of vectors and classes say."""
    import numpy as np

    if not hasattr(model, "support_"):
        return
    vectors, counts = len(model.support_), model._n_support
    coefficients, pairs = (len(counts) - 1) * vectors, len(counts) * (len(counts) - 1) // 2
    _require(np.all(counts >= 0), "a class has fewer than no support vectors")
    _require(model.support_vectors_.shape[0] in (vectors, 0), "support vectors are missing")
    stored = model._dual_coef_.data.size if hasattr(model._dual_coef_, "indptr") else model._dual_coef_.size
    _require(stored == coefficients, "support vectors have other coefficients than classes")
    _require(model._intercept_.size == pairs, "a model of support vectors has other intercepts than classes")
    for probabilities in (model._probA, model._probB):
        _require(probabilities.size in (0, pairs), "a model of support vectors has other probabilities than classes")
    if model.support_vectors_.shape[0] != vectors:  # a kernel that is not libsvm's own: vectors are columns of the data
        _require(
            np.all((model.support_ >= 0) & (model.support_ < model.shape_fit_[0])), "a support vector is no column"
        )
    elif not hasattr(model.support_vectors_, "indptr"):
        _require(counts.sum() in (vectors, 2 * vectors), "support vectors are missing")


def _check_predictor(predictor: Any) -> None:
    """`TreePredictor` of histogram gradient boosting."""
    import numpy as np

    nodes = predictor.nodes
    _require(nodes.ndim == 1 and len(nodes) > 0, "a tree has no nodes")
    own = np.arange(len(nodes))
    inner = nodes["is_leaf"] == 0
    for name in ("left", "right"):
        child = nodes[name][inner].astype(np.int64)
        _require(np.all((child > own[inner]) & (child < len(nodes))), "a child of a tree's node is no later node")
    _require(np.all(nodes["feature_idx"][inner] >= 0), "a tree splits by no feature")
    sets = nodes["bitset_idx"][inner & (nodes["is_categorical"] != 0)]
    for name in ("raw_left_cat_bitsets", "binned_left_cat_bitsets"):
        bits = getattr(predictor, name)
        _require(bits.ndim == 2 and bits.shape[1] == 8, "the categories of a tree have no 256 bits")
        _require(not len(sets) or sets.max() < len(bits), "a tree splits by categories that it does not have")


def _check_neighbours(tree: Any) -> None:
    """`KDTree` and `BallTree`: a full binary tree, whose nodes are ranges of an array of indices."""
    import numpy as np

    data, indices, nodes, bounds, _, levels, count, *_, weights = tree.__getstate__()
    rows, columns = data.shape
    _require(count == len(nodes) == 2**levels - 1, "a tree of neighbours has other nodes than levels")
    _require(bounds.shape[1:] == (count, columns), "a tree of neighbours has no bounds for its nodes")
    _require(len(indices) == rows and np.all((indices >= 0) & (indices < rows)), "a neighbour is no point of the tree")
    start, end = nodes["idx_start"], nodes["idx_end"]
    _require(np.all((start >= 0) & (start <= end) & (end <= rows)), "a node of neighbours has points out of range")
    _require(np.all(nodes["is_leaf"][count // 2 :] != 0), "a tree of neighbours has no leaves")
    _require(weights is None or len(weights) == rows, "a tree of neighbours has other weights than points")


def _check_centres(model: Any) -> None:
    """`KMeans`: distances to its centres take as many features of each as the data have."""
    if hasattr(model, "cluster_centers_"):
        _require(
            model.cluster_centers_.shape[1:] == (model.n_features_in_,), "a centre has other features than the model"
        )


def _check_sparse(matrix: Any) -> None:
    matrix.check_format(full_check=True)


_ENSEMBLES = ("ExtraTrees", "RandomForest")
_ESTIMATORS = ("DecisionTree", "ExtraTree")
_KINDS = ("Classifier", "Regressor")
_CHECKS: Mapping[str, Callable[[Any], None]] = {
    "Tree": _check_tree,
    "_BinMapper": _check_bins,
    "TreePredictor": _check_predictor,
    "IsolationForest": _check_isolation,
    "RandomTreesEmbedding": _check_ensemble,
    **{f"{name}{kind}": _check_ensemble for name in _ENSEMBLES for kind in _KINDS},
    **{f"{name}{kind}": _check_tree_estimator for name in _ESTIMATORS for kind in _KINDS},
    **{f"GradientBoosting{kind}": _check_boosting for kind in _KINDS},
    **{f"HistGradientBoosting{kind}": _check_hist_boosting for kind in _KINDS},
    **dict.fromkeys(("NuSVC", "NuSVR", "OneClassSVM", "SVC", "SVR"), _check_support_vectors),
    **dict.fromkeys(("KMeans", "MiniBatchKMeans"), _check_centres),
    "KDTree": _check_neighbours,
    "BallTree": _check_neighbours,
    **{f"{name}_{kind}": _check_sparse for name in ("csr", "csc") for kind in ("array", "matrix")},
}
