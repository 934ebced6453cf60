"""Folders that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from milepost.errors import ModelError


@contextmanager
def appearing(target: Path) -> Iterator[Path]:
    """A new folder beside the target, which takes its name when the block ends well and goes away when it does not.

    Args:
        target: What it becomes; does not exist, or is empty.

    Raises:
        ModelError: The file system refuses.
    """
    folder = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
        yield folder
        _flush(folder)
        # Takes the place of an empty folder at most, should one have been made meanwhile.
        folder.rename(target)
        _flush_folder(target.parent)
    except OSError as failed:
        raise ModelError(f"{target} cannot be written: {failed}") from failed
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _flush(folder: Path) -> None:
    for place, _, files in os.walk(folder):
        for name in files:
            with (Path(place) / name).open("rb") as file:
                os.fsync(file.fileno())
        _flush_folder(Path(place))


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # where folders cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
