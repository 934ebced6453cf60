"""The manifest is what `sha256sum` writes and checks, and finds every change of a folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost.errors import ModelCorrupt, ModelFormatError
from milepost.models.format.manifest import manifest_digest, read_manifest, verify_manifest, write_manifest

SEGMENTS = st.sampled_from(["a", "b c", "é", "é.txt", "*", "-x", "名", "Z", "SHA256SUMS"])
TREES = (
    st.dictionaries(st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join), st.binary(max_size=20), max_size=5)
    .filter(lambda tree: not any(path.partition("/")[0] == "SHA256SUMS" for path in tree))
    .filter(lambda tree: not any(other.startswith(f"{path}/") for path in tree for other in tree))
)
QUICK = settings(max_examples=30, deadline=None)


def make(folder: Path, tree: dict[str, bytes]) -> None:
    for path, content in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


@QUICK
@given(TREES)
def test_every_folder_is_verified_by_what_was_written(tree: dict[str, bytes]) -> None:
    tree.pop("SHA256SUMS", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, tree)
        written = write_manifest(folder)
        assert written == {path: hashlib.sha256(content).hexdigest() for path, content in sorted(tree.items())}
        assert verify_manifest(folder) == read_manifest(folder) == written
        assert manifest_digest(written) == hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest()


@QUICK
@given(TREES, TREES)
def test_the_digest_differs_if_and_only_if_the_files_do(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    digests = [
        manifest_digest({path: hashlib.sha256(content).hexdigest() for path, content in tree.items()})
        for tree in (one, other)
    ]
    assert (digests[0] == digests[1]) == (one == other)


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="coreutils are not installed")
def test_sha256sum_checks_the_manifest_and_prints_its_digest(tmp_path: Path) -> None:
    make(tmp_path, {"a": b"1", "code/é b.py": b"2", "MLmodel": b"3"})
    entries = write_manifest(tmp_path)
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=tmp_path, check=True)
    printed = subprocess.run(["sha256sum", "SHA256SUMS"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert printed.stdout == f"{manifest_digest(entries)}  SHA256SUMS\n"


def test_all_files_at_fault_are_named(tmp_path: Path) -> None:
    make(tmp_path, {"changed": b"1", "gone": b"2", "kept": b"3", "deep/gone": b"4"})
    write_manifest(tmp_path)
    (tmp_path / "changed").write_bytes(b"0")
    (tmp_path / "gone").unlink()
    (tmp_path / "deep/gone").unlink()
    (tmp_path / "extra").write_bytes(b"")
    with pytest.raises(ModelCorrupt) as caught:
        verify_manifest(tmp_path)
    assert caught.value.paths == ["changed", "deep/gone", "extra", "gone"]
    assert "missing: deep/gone, gone; changed: changed; not in the manifest: extra" in str(caught.value)


def test_a_folder_of_many_large_files_is_verified_by_threads(tmp_path: Path) -> None:
    make(tmp_path, {f"{i}.bin": bytes([i]) * (1 << 20) * i for i in range(1, 5)})
    entries = write_manifest(tmp_path)
    assert entries["4.bin"] == hashlib.sha256(b"\4" * (4 << 20)).hexdigest()
    (tmp_path / "2.bin").write_bytes(b"\2" * (2 << 20) + b"\0")
    with pytest.raises(ModelCorrupt) as caught:
        verify_manifest(tmp_path)
    assert caught.value.paths == ["2.bin"]


def test_a_folder_without_manifest_is_refused_only_if_one_is_required(tmp_path: Path) -> None:
    assert verify_manifest(tmp_path) is None
    with pytest.raises(ModelCorrupt) as caught:
        verify_manifest(tmp_path, required=True)
    assert caught.value.paths == ["SHA256SUMS"]


def test_a_file_named_like_the_manifest_below_is_one_like_others(tmp_path: Path) -> None:
    make(tmp_path, {"below/SHA256SUMS": b"1"})
    assert list(write_manifest(tmp_path)) == ["below/SHA256SUMS"]


@pytest.mark.parametrize("target", ["file", "folder", "nowhere"])
def test_links_are_refused(target: str, tmp_path: Path) -> None:
    make(tmp_path, {"file": b"1", "folder/file": b"2"})
    write_manifest(tmp_path)
    (tmp_path / "link").symlink_to(target)
    for look in (write_manifest, verify_manifest):
        with pytest.raises(ModelFormatError, match="'link' is a link"):
            look(tmp_path)


def test_a_manifest_that_is_a_link_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    make(tmp_path, {"model/a": b"1"})
    write_manifest(folder)
    (folder / "SHA256SUMS").rename(tmp_path / "elsewhere")
    (folder / "SHA256SUMS").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelFormatError, match="link"):
        verify_manifest(folder)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFormatError, match="'pipe' is neither"):
        write_manifest(tmp_path)
    os.mkfifo(tmp_path / "SHA256SUMS")
    with pytest.raises(ModelFormatError, match="SHA256SUMS is no regular file"):
        verify_manifest(tmp_path)


def test_folders_nested_without_end_are_refused(tmp_path: Path) -> None:
    make(tmp_path, {"a/" * 64 + "a": b""})
    with pytest.raises(ModelFormatError, match="deeper than 64"):
        write_manifest(tmp_path)


@pytest.mark.parametrize("name", ["a\\b", "a\nb", "a%2e", "e\u0301", os.fsdecode(b"\xff")])
def test_names_that_cannot_be_stored_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ModelFormatError, match="rename the file"):
        write_manifest(tmp_path)


HEX = "0" * 64


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        b"x",
        f"{HEX} a\n".encode(),
        f"{HEX}  \n".encode(),
        f"{'A' * 64}  a\n".encode(),
        f"{HEX}  ../a\n".encode(),
        f"{HEX}  /a\n".encode(),
        f"{HEX}  a//b\n".encode(),
        f"{HEX}  a\r\n".encode(),
        f"{HEX}  SHA256SUMS\n".encode(),
        f"{HEX}  a\n{HEX}  a\n".encode(),
        f"{HEX}  a\n\n".encode(),
    ],
)
def test_a_manifest_of_another_form_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "SHA256SUMS").write_bytes(content)
    with pytest.raises(ModelFormatError, match="SHA256SUMS"):
        verify_manifest(tmp_path)
