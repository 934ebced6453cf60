"""URIs of models: each form is read as what it means, and everything else is refused by saying what to write."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.errors import BadModelUri
from milepost.models.registry.uri import (
    AliasUri,
    LocalUri,
    LoggedModelUri,
    ModelUri,
    RunUri,
    UrlUri,
    VersionUri,
    parse_uri,
)

MODEL_ID = "m-0123456789abcdef0123456789abcdef"

NAMES = st.from_regex(r"[^/:@\x00-\x1f\x7f]{1,250}", fullmatch=True).filter(
    lambda name: name.strip() and name not in (".", "..")
)
ALIASES = st.from_regex(r"[A-Za-z0-9_-]{1,255}", fullmatch=True).filter(
    lambda alias: not re.fullmatch(r"[vV]?[0-9]+|(?i:latest)", alias) or alias == "latest"
)
SEGMENTS = st.from_regex(r"[^/\\\x00-\x1f\x7f]+", fullmatch=True).filter(lambda part: part not in (".", ".."))
URIS = st.one_of(
    st.builds(VersionUri, NAMES, st.integers(1, 10**18 - 1)),
    st.builds(AliasUri, NAMES, ALIASES),
    st.builds(LoggedModelUri, st.from_regex("m-[0-9a-f]{32}", fullmatch=True)),
    st.builds(
        RunUri,
        st.from_regex("[A-Za-z0-9][A-Za-z0-9_-]{0,63}", fullmatch=True),
        st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join),
    ),
    st.builds(lambda path: UrlUri(f"s3://bucket/{path}"), st.lists(SEGMENTS, min_size=1).map("/".join)),
)


@given(URIS)
def test_every_uri_is_read_as_what_it_was_written_from(uri: ModelUri) -> None:
    assert parse_uri(str(uri)) == uri


@given(st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("models:/runs@.vs3"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    for source in (text, f"models:/{text}", f"runs:/{text}", f"s3://{text}", f"file:{text}"):
        with suppress(BadModelUri):
            parse_uri(source)


@pytest.mark.parametrize(
    ("source", "meant"),
    [
        ("models:/fraud/3", VersionUri("fraud", 3)),
        ("models:/fraud@champion", AliasUri("fraud", "champion")),
        ("models:/fraud/latest", AliasUri("fraud", "latest")),
        (f"models:/{MODEL_ID}", LoggedModelUri(MODEL_ID)),
        (f"models:/{MODEL_ID}/2", VersionUri(MODEL_ID, 2)),
        ("runs:/r1/model/best", RunUri("r1", "model/best")),
        ("S3://bucket/key", UrlUri("S3://bucket/key")),
        ("simplecache::s3://bucket/key", UrlUri("simplecache::s3://bucket/key")),
        ("file:///tmp/a%20b", LocalUri(Path("/tmp/a b"))),
        ("models/fraud", LocalUri(Path("models/fraud"))),
        (r"C:\models\fraud", LocalUri(Path(r"C:\models\fraud"))),
    ],
)
def test_each_form_has_its_meaning(source: str, meant: ModelUri) -> None:
    assert parse_uri(source) == meant


def test_a_path_object_is_a_folder_whatever_it_looks_like() -> None:
    assert parse_uri(Path("models:/fraud/3")) == LocalUri(Path("models:/fraud/3"))


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        ("models:/fraud/v3", "models:/fraud/3"),
        ("models:/fraud/03", "models:/fraud/3"),
        ("models:/fraud@v3", "models:/fraud/3"),
        ("models:/fraud/Production", "models:/fraud@production"),
        ("models:/fraud/Latest", "models:/fraud/latest"),
        ("models:/fraud", "models:/fraud/3"),
        ("models:/m-123", "32 hexadecimal digits"),
        ("models:/fraud/", "models:/fraud/3"),
        ("models:/fraud@", "no alias"),
        ("models:/a/b/3", "no slash"),
        ("models://fraud/3", "one slash"),
        ("models:fraud/3", "models:/fraud/3"),
        ("models:/../3", "no name"),
        ("runs:/r1", "runs:/r1/PATH"),
        ("runs:/r1/../other/model", "'..'"),
        ("runs:/r1//model", "empty segment"),
        ("runs:/", "no id of a run"),
        ("s3://bucket/../other", "'..'"),
        ("s3:bucket", "s3://bucket/model"),
        ("mlflow-artifacts://host/a", "MLflow server"),
        ("file://host/a", "host 'host'"),
        ("models:/fraud/3\n", "control character"),
        (" ", "empty"),
    ],
)
def test_a_wrong_uri_is_refused_with_advice(source: str, advice: str) -> None:
    with pytest.raises(BadModelUri, match=re.escape(advice)):
        parse_uri(source)
