"""Typed contracts: a model's signature as a `.proto` with its own messages (`docs/typed-contracts.md`)."""

from milepost.models.contracts.contract import contract_file, package_of
from milepost.models.contracts.rendering import render

__all__ = ["contract_file", "package_of", "render"]
