"""The manifest of a model's folder: `SHA256SUMS`, in the format of coreutils. `docs/model-format.md` specifies it."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from milepost._digests import sha256_of
from milepost.errors import ModelCorrupt, ModelFormatError

FILE_NAME = "SHA256SUMS"

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
# A backslash or a line break would need the escapes of coreutils, the rest cannot be stored as an artifact.
_FORBIDDEN = re.compile("[\\\\%\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_MAX_SEGMENTS = 64  # what the path of an artifact may have
_MAX_BYTES = 64 * 1024 * 1024
# Below this, threads take longer to start than the digests to compute.
_PARALLEL_BYTES = 4 * 1024 * 1024
_SHOWN = 5


def write_manifest(folder: str | os.PathLike[str]) -> dict[str, str]:
    """Writes the manifest of all files that the folder has now, in place of the one that may be there.

    Returns:
        The SHA-256 of each file in hexadecimal digits, by its path in the folder, sorted.

    Raises:
        ModelFormatError: The folder has a link, something that is no file, or a name that cannot be stored.
    """
    root = Path(folder)
    sizes = _regular_files(root)
    for path in sizes:
        if problem := _name_problem(path):
            raise ModelFormatError(f"{path!r:.300} {problem}; rename the file.")
    entries = file_digests(root, sizes)
    with suppress(FileNotFoundError):
        _refuse_irregular(root / FILE_NAME)
    new = root / f".{FILE_NAME}.new"
    new.write_bytes(_lines(entries))
    new.replace(root / FILE_NAME)
    return entries


def read_manifest(folder: str | os.PathLike[str]) -> dict[str, str] | None:
    """The digests by path as the manifest has them, or None when the folder has no manifest. Checks no file.

    Raises:
        ModelFormatError: The manifest cannot be read.
    """
    path = Path(folder) / FILE_NAME
    try:
        _refuse_irregular(path)
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as failed:
        raise ModelFormatError(f"{path} cannot be read: {failed.strerror}.") from failed
    if len(content) > _MAX_BYTES:
        raise ModelFormatError(f"{FILE_NAME} has more than {_MAX_BYTES:,} bytes.")
    return parse_manifest(content)


def verify_manifest(folder: str | os.PathLike[str], *, required: bool = False) -> dict[str, str] | None:
    """Compares all files of the folder with its manifest.

    Args:
        folder: The model's folder.
        required: Whether a folder without manifest is refused. MLflow writes none.

    Returns:
        The digests by path, sorted; None when there is no manifest.

    Raises:
        ModelCorrupt: Files are missing, extra or changed; `paths` has all of them.
        ModelFormatError: The manifest cannot be read, or the folder has a link or something that is no file.
    """
    root = Path(folder)
    expected = read_manifest(root)
    if expected is None:
        if required:
            raise ModelCorrupt(f"{root} has lost its manifest {FILE_NAME}. Fetch the model again.", [FILE_NAME])
        return None
    sizes = _regular_files(root)
    present = file_digests(root, {path: size for path, size in sizes.items() if path in expected})
    faults = {
        "missing": sorted(expected.keys() - sizes.keys()),
        "changed": [path for path in present if present[path] != expected[path]],
        "not in the manifest": sorted(sizes.keys() - expected.keys()),
    }
    if any(faults.values()):
        shown = "; ".join(f"{fault}: {_some(paths)}" for fault, paths in faults.items() if paths)
        raise ModelCorrupt(
            f"{root} is not the model that was saved ({shown}). Fetch it again, or save it anew.",
            sorted(path for paths in faults.values() for path in paths),
        )
    return present


def manifest_digest(entries: Mapping[str, str]) -> str:
    """One digest for the content of a folder: what `sha256sum SHA256SUMS` prints for the manifest of these files.

    Args:
        entries: The SHA-256 of each file in hexadecimal digits, by its path; without the manifest itself.
    """
    return hashlib.sha256(_lines(entries)).hexdigest()


def file_digests(folder: Path, sizes: Mapping[str, int]) -> dict[str, str]:
    """The SHA-256 of files in hexadecimal digits by path, sorted. Large folders take all cores.

    Args:
        folder: What the paths are relative to.
        sizes: Bytes of each file by its path. Only the order of work follows from them.
    """
    largest_first = sorted(sizes, key=lambda path: -sizes[path])
    if len(sizes) > 1 and sum(sizes.values()) >= _PARALLEL_BYTES:
        with ThreadPoolExecutor(min(len(sizes), os.cpu_count() or 1)) as threads:
            digests = list(threads.map(lambda path: sha256_of(folder / path), largest_first))
    else:
        digests = [sha256_of(folder / path) for path in largest_first]
    return dict(sorted(zip(largest_first, digests, strict=True)))


def _lines(entries: Mapping[str, str]) -> bytes:
    # Python orders texts by code points, which is the order of their UTF-8 bytes.
    return "".join(f"{entries[path]}  {path}\n" for path in sorted(entries)).encode()


def parse_manifest(content: bytes) -> dict[str, str]:
    """The digests by path of a manifest's bytes. Raises `ModelFormatError` when it cannot be read."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise ModelFormatError(f"{FILE_NAME} is not UTF-8.") from None
    entries: dict[str, str] = {}
    lines = text.removesuffix("\n").split("\n") if text else []
    for number, line in enumerate(lines, 1):
        parts = _LINE.fullmatch(line)
        if parts is None or _name_problem(parts[2]) or parts[2] in entries or parts[2] == FILE_NAME:
            raise ModelFormatError(
                f"{FILE_NAME}: line {number} is {line!r:.200}, not '<64 hexadecimal digits>  <path of another file>'."
            )
        entries[parts[2]] = parts[1]
    return entries


def _refuse_irregular(path: Path) -> None:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ModelFormatError(f"{path.name} is no regular file, but a link, a folder or a device.")


def _regular_files(root: Path) -> dict[str, int]:
    """The sizes of all files but the manifest, by path."""
    return {path: size for path, size in _walk(root, "") if path != FILE_NAME}


def _walk(folder: Path, prefix: str) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + entry.name
            if path.count("/") >= _MAX_SEGMENTS:
                raise ModelFormatError(f"{path!r:.300} is nested deeper than {_MAX_SEGMENTS} levels.")
            if entry.is_symlink():
                raise ModelFormatError(f"{path!r:.300} is a link; a model's folder has only files and folders.")
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{path}/")
            elif entry.is_file(follow_symlinks=False):
                yield path, entry.stat(follow_symlinks=False).st_size
            else:
                raise ModelFormatError(f"{path!r:.300} is neither a file nor a folder.")


def _name_problem(path: str) -> str:
    """Why a path cannot be in a manifest; empty when it can."""
    if found := _FORBIDDEN.search(path):
        return f"holds the character U+{ord(found.group()):04X}"
    try:
        path.encode()
    except UnicodeEncodeError:
        return "has no UTF-8 form"
    if unicodedata.normalize("NFC", path) != path:
        return "is not in Unicode normal form C"
    if any(segment in {"", ".", ".."} for segment in path.split("/")):
        return "is not the path of a file below the folder"
    return ""


def _some(paths: list[str]) -> str:
    rest = len(paths) - _SHOWN
    return ", ".join(paths[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
