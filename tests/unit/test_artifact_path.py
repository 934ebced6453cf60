"""Which artifact paths are accepted, and in which form."""

from __future__ import annotations

import pytest

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument
from milepost_server.storage.artifacts import ArtifactPath


@pytest.mark.parametrize(
    "text",
    [
        "model.pkl",
        "plots/épochs/loss 1.png",
        "a/b.c/d-e_f=g,h+i;j",
        ".hidden/..two/three...",
        "データ/模型.onnx",
        "family 👩‍👩‍👧.png",
        "x/C:",
        "a:b",
        "milepost-notes.txt",
        "/".join(["d"] * 64),
        "n" * 255,
    ],
)
def test_ordinary_paths_are_kept_as_they_are(text: str) -> None:
    assert str(ArtifactPath.parse(text)) == text


def test_segments_name_and_parent() -> None:
    path = ArtifactPath.parse("a/b/c.txt")
    assert (path.segments, path.name, str(path.parent)) == (("a", "b", "c.txt"), "c.txt", "a/b")


def test_parent_of_a_single_segment_is_none() -> None:
    assert ArtifactPath.parse("c.txt").parent is None


def test_names_are_brought_to_normal_form_c() -> None:
    assert ArtifactPath.parse("cafe\u0301/x") == ArtifactPath.parse("caf\u00e9/x")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("", "is empty"),
        ("/etc/passwd", "is absolute"),
        ("//host/share", "is absolute"),
        ("a//b", "empty segment"),
        ("a/", "empty segment"),
        (".", "'.'"),
        ("a/./b", "'.'"),
        ("..", "'..'"),
        ("a/../../b", "'..'"),
        ("..\\..\\b", "U+005C"),
        ("\\\\host\\share", "U+005C"),
        ("%2e%2e/b", "U+0025"),
        ("a%00", "U+0025"),
        ("a\0b", "U+0000"),
        ("a\nb", "U+000A"),
        ("a\x7f", "U+007F"),
        ("a\x85b", "U+0085"),
        ("invoice\u202efdp.exe", "U+202E"),
        ("a\u2028b", "U+2028"),
        ("\ufeffa", "U+FEFF"),
        ("C:/Windows/x", "drive letter"),
        ("c:", "drive letter"),
        ("\u212a:/x", "drive letter"),
        (".milepost-staged/x", "reserved"),
        ("a/.Milepost-x", "reserved"),
        ("a\ud800b", "lone surrogate"),
        ("a" * 256, "256 bytes"),
        ("é" * 128, "256 bytes"),
        ("/".join(["d"] * 65), "65 segments"),
        ("/".join(["d" * 200] * 6), "1205 bytes"),
        ("a" * 5000, "longer than 1024 bytes"),
        ("\U0001d160" * 100, "1200 bytes"),
    ],
)
def test_path_is_refused_with_what_is_wrong(text: str, meaning: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        ArtifactPath.parse(text)
    assert caught.value.reason == pb.ERROR_REASON_BAD_PATH
    assert meaning in str(caught.value)


def test_refusal_names_field_and_value() -> None:
    with pytest.raises(InvalidArgument) as caught:
        ArtifactPath.parse("../x", field="artifact_path")
    assert caught.value.violations[0].field == "artifact_path"
    assert caught.value.metadata == {"field": "artifact_path", "path": "'../x'"}


def test_refusal_can_be_encoded_whatever_the_path_holds() -> None:
    with pytest.raises(InvalidArgument) as caught:
        ArtifactPath.parse("a\ud800\n" * 10)
    assert str(caught.value).encode().decode().isprintable()
