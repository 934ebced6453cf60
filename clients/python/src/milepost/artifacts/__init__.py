"""Artifacts up and down: whole, in ranges, and in directories; checked by SHA-256 and resumed after a broken stream."""

from milepost.artifacts._aio import AsyncArtifactReader, AsyncArtifacts
from milepost.artifacts._sync import ArtifactReader, Artifacts

__all__ = ["ArtifactReader", "Artifacts", "AsyncArtifactReader", "AsyncArtifacts"]
