"""Artifact bytes: validated paths, and a store over the local file system or any URL that fsspec knows.

The store knows files and nothing else. Which artifacts exist, their sizes and digests are rows of the database; the
service keeps the two in step.
"""

from milepost_server.storage.artifacts.backend import StoredFile
from milepost_server.storage.artifacts.path import ArtifactPath
from milepost_server.storage.artifacts.reading import ArtifactFile
from milepost_server.storage.artifacts.staging import StagedFile
from milepost_server.storage.artifacts.store import ArtifactStore

__all__ = ["ArtifactFile", "ArtifactPath", "ArtifactStore", "StagedFile", "StoredFile"]
