"""Models in an open format: saved as a folder, loaded as their library knows them. `docs/models.md` is the guide.

Frameworks, numpy and YAML are imported on first use only.
"""

from __future__ import annotations

from milepost.models._functions import set_model
from milepost.models.format.descriptor import ModelDescriptor
from milepost.models.loading import load_model
from milepost.models.saving import save_model
from milepost.models.signatures.inference import infer_signature
from milepost.models.signatures.signature import ModelSignature

__all__ = ["ModelDescriptor", "ModelSignature", "infer_signature", "load_model", "save_model", "set_model"]
