"""Which models may be asked rows of different requests at once."""

from __future__ import annotations

from milepost.models.format.descriptor import ModelDescriptor

METADATA_KEY = "milepost.batching"
"""Key of a model's own metadata by which its author decides."""

# statsmodels, prophet and the like answer a time series; models written in Python may do whatever they like.
_INDEPENDENT = frozenset(("sklearn", "xgboost", "lightgbm", "catboost", "onnx", "keras", "pytorch", "tensorflow"))


def treats_rows_independently(descriptor: ModelDescriptor, flavor: str) -> bool:
    """Whether a model answers each row the same, whatever other rows there are.

    Args:
        descriptor: Of the model; `milepost.batching` of its metadata decides where it is set.
        flavor: What answers.
    """
    said = descriptor.metadata.get(METADATA_KEY)
    return said if isinstance(said, bool) else flavor in _INDEPENDENT
