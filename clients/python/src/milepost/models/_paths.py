"""Paths that a model's files name. They come from outside and never lead out of the model's folder."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from milepost.errors import ModelFormatError


def inside(folder: Path, value: object, field: str) -> Path:
    """The file or folder that a field of the descriptor names.

    Args:
        folder: The model's folder.
        value: What the field holds: a path relative to the folder, with forward slashes. `.` is the folder itself.
        field: Name of the field, for the message, such as `flavors.sklearn.pickled_model`.

    Raises:
        ModelFormatError: The value is no such path, leads out of the folder, by links too, or nothing is there.
    """
    if not isinstance(value, str) or not value or "\0" in value:
        raise ModelFormatError(f"MLmodel: {field} is {value!r}, not the path of a file of the model.")
    posix, windows = PurePosixPath(value), PureWindowsPath(value)
    if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise ModelFormatError(f"MLmodel: {field} is {value!r}, which leads out of the model's folder.")
    path = folder / posix
    try:
        resolved = path.resolve(strict=True)
    except (OSError, RuntimeError):
        raise ModelFormatError(f"MLmodel: {field} is {value!r}, but {folder} has no such file.") from None
    if not resolved.is_relative_to(folder.resolve()):
        raise ModelFormatError(f"MLmodel: {field} is {value!r}, a link that leads out of the model's folder.")
    return path
