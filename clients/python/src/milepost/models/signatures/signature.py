"""What a model takes and gives: `ModelSignature`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from milepost.errors import ModelFormatError
from milepost.models.signatures._schema_json import params_from_json, params_to_json, schema_from_json, schema_to_json
from milepost.models.signatures.schema import Param, Schema


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """What `predict` of a model takes and gives.

    Args:
        inputs: None when the data are not checked.
        outputs: What comes back; for readers, not checked.
        params: Settings that `predict` takes, with different names. None when nothing is said about them, so that
            they are passed on unchecked; empty when there are none.
    """

    inputs: Schema | None = None
    outputs: Schema | None = None
    params: tuple[Param, ...] | None = None

    def to_dict(self) -> dict[str, str | None]:
        """The mapping below `signature` in a descriptor: a text of JSON, or None, for each part."""
        return {
            "inputs": schema_to_json(self.inputs) if self.inputs else None,
            "outputs": schema_to_json(self.outputs) if self.outputs else None,
            "params": params_to_json(self.params) if self.params is not None else None,
        }

    @classmethod
    def from_dict(cls, parts: Mapping[str, Any], where: str = "signature") -> ModelSignature:
        """Reads what MLflow or `to_dict` wrote. Keys that are missing or empty say nothing.

        Raises:
            ModelFormatError: The message begins with `where` and names the key at fault.
        """
        if unknown := sorted(map(str, set(parts) - {"inputs", "outputs", "params"})):
            raise ModelFormatError(f"{where} has the unknown keys {unknown!r:.200}.")
        inputs, outputs, params = parts.get("inputs"), parts.get("outputs"), parts.get("params")
        return cls(
            inputs=schema_from_json(inputs, f"{where}.inputs") if inputs else None,
            outputs=schema_from_json(outputs, f"{where}.outputs") if outputs else None,
            params=params_from_json(params, f"{where}.params") if params else None,
        )
