"""Models in an open format: saved as a folder, loaded as their library knows them. `docs/models.md` is the guide.

Frameworks, numpy and YAML are imported on first use only.
"""

from __future__ import annotations

from ._functions import set_model
from .descriptor import ModelDescriptor
from .inference import infer_signature
from .loading import load_model
from .saving import save_model
from .signature import ModelSignature

__all__ = ["ModelDescriptor", "ModelSignature", "infer_signature", "load_model", "save_model", "set_model"]
