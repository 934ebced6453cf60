"""Datasets to log as inputs of runs: name, fingerprint of the content, where it came from, columns and size.

Only this description is sent, never the data.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    import pandas

    from milepost import v1 as pb

DIGEST_LENGTH = 16


@dataclass(frozen=True)
class Dataset:
    """Data that a run reads.

    Args:
        name: Name for people, 1-500 characters.
        digest: Fingerprint of the content. An experiment keeps one dataset per name and digest.
        source: Where the data can be found again, for example a URL.
        source_type: Kind of source, for example `local`, `s3`, `sklearn`.
        schema: Columns and types; stored as JSON.
        profile: Sizes and statistics; stored as JSON.
    """

    name: str
    digest: str = ""
    source: str = ""
    source_type: str = ""
    schema: Mapping[str, Any] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=dict)

    def to_proto(self) -> pb.Dataset:
        """The resource."""
        from milepost import v1 as pb

        return pb.Dataset(
            name=self.name,
            digest=self.digest,
            source=self.source,
            source_type=self.source_type,
            schema=json.dumps(self.schema) if self.schema else "",
            profile=json.dumps(self.profile) if self.profile else "",
        )


def from_pandas(frame: pandas.DataFrame, name: str, source: str = "", *, source_type: str = "") -> Dataset:
    """Describes a pandas data frame. The digest depends on its values, index, column names and types."""
    columns = [{"name": str(column), "type": str(kind)} for column, kind in frame.dtypes.items()]
    return Dataset(
        name=name,
        digest=_digest(json.dumps(columns).encode(), _frame_bytes(frame)),
        source=source,
        source_type=source_type,
        schema={"columns": columns},
        profile={"rows": len(frame), "columns": len(columns)},
    )


def from_numpy(
    features: numpy.ndarray[Any, Any],
    name: str,
    source: str = "",
    *,
    targets: numpy.ndarray[Any, Any] | None = None,
    source_type: str = "",
) -> Dataset:
    """Describes an array, and optionally one of targets. The digest depends on their values, shapes and types."""
    arrays = {"features": features} if targets is None else {"features": features, "targets": targets}
    schema = {part: {"type": str(array.dtype), "shape": list(array.shape)} for part, array in arrays.items()}
    return Dataset(
        name=name,
        digest=_digest(json.dumps(schema).encode(), *(array.tobytes() for array in arrays.values())),
        source=source,
        source_type=source_type,
        schema=schema,
        profile={"rows": len(features), "bytes": sum(array.nbytes for array in arrays.values())},
    )


def _frame_bytes(frame: pandas.DataFrame) -> bytes:
    from pandas.util import hash_pandas_object

    try:
        hashes = hash_pandas_object(frame)
    except TypeError:  # cells such as lists, which have no hash
        hashes = hash_pandas_object(frame.astype(str))
    content: bytes = hashes.to_numpy().tobytes()
    return content


def _digest(*parts: bytes) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()[:DIGEST_LENGTH]
