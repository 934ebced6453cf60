"""Whatever text is accepted as an artifact path stays below the folder that it is joined to."""

from __future__ import annotations

import posixpath
import unicodedata
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from milepost_server.errors import InvalidArgument
from milepost_server.storage.artifacts import ArtifactPath

_PIECES = st.sampled_from(
    [
        "..",
        ".",
        "/",
        "//",
        "\\",
        "%2e",
        "%2F",
        "%",
        "\0",
        "C:",
        "~",
        "a",
        "é",
        "e\u0301",
        "\u2025",
        "\uff0e",
        "\u2215",
        " ",
    ]
)
_TEXTS = st.one_of(st.text(max_size=60), st.lists(_PIECES, max_size=12).map("".join))


def _parsed(text: str) -> ArtifactPath | None:
    try:
        return ArtifactPath.parse(text)
    except InvalidArgument:
        return None


@given(_TEXTS)
def test_path_stays_below_its_root(text: str) -> None:
    path = _parsed(text)
    if path is None:
        return
    joined = posixpath.normpath(posixpath.join("/root/run", *path.segments))
    assert joined == f"/root/run/{path}"


@given(_TEXTS)
def test_stored_form_is_read_back_as_the_same_path(text: str) -> None:
    path = _parsed(text)
    if path is not None:
        assert ArtifactPath.parse(str(path)) == path
        assert str(path) == unicodedata.normalize("NFC", text)


@given(_TEXTS)
def test_decoding_an_accepted_path_once_more_changes_nothing(text: str) -> None:
    path = _parsed(text)
    if path is not None:
        assert unquote(str(path)) == str(path)


@given(_TEXTS)
def test_accepted_path_keeps_the_limits(text: str) -> None:
    path = _parsed(text)
    if path is not None:
        assert 1 <= len(path.segments) <= 64
        assert all(1 <= len(segment.encode()) <= 255 for segment in path.segments)
        assert len(str(path).encode()) <= 1024
