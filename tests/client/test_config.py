"""Where a client finds its server, and what it refuses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost import config
from milepost.config import ClientConfig, default_models_bytes, default_models_dir


@pytest.fixture(autouse=True)
def _nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in ("MILEPOST_TRACKING_URI", "MILEPOST_STRICT"):
        monkeypatch.delenv(variable, raising=False)
    before = config._chosen_address
    config.set_tracking_uri(None)
    yield
    config._chosen_address = before


def test_without_any_setting_the_address_is_the_local_default() -> None:
    assert ClientConfig.resolve().address == "127.0.0.1:5001"


def test_an_argument_wins_over_set_tracking_uri_and_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_TRACKING_URI", "env:1")
    config.set_tracking_uri("chosen:2")
    assert ClientConfig.resolve("given:3").address == "given:3"


def test_set_tracking_uri_wins_over_the_environment_until_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_TRACKING_URI", "env:1")
    config.set_tracking_uri("chosen:2")
    assert config.get_tracking_uri() == "chosen:2"
    config.set_tracking_uri(None)
    assert config.get_tracking_uri() == "env:1"


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("localhost:5001", "localhost:5001"),
        ("grpc://10.0.0.7:80", "10.0.0.7:80"),
        ("grpc://ml.example.org:5001/", "ml.example.org:5001"),
        ("[::1]:5001", "[::1]:5001"),
    ],
)
def test_both_forms_of_an_address_are_read(given: str, address: str) -> None:
    assert config.parse_address(given) == address


@pytest.mark.parametrize(
    "given", ["", "localhost", "http://localhost:5000", "grpc://localhost", "localhost:0", "localhost:70000", "a b:1"]
)
def test_any_other_address_is_refused_with_its_text_and_the_remedy(given: str) -> None:
    with pytest.raises(ValueError, match="host:port") as caught:
        config.parse_address(given)
    assert repr(given) in str(caught.value)


@pytest.mark.parametrize(("text", "strict"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_strict_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch, text: str, strict: bool) -> None:
    monkeypatch.setenv("MILEPOST_STRICT", text)
    assert ClientConfig.resolve().strict is strict


def test_an_unreadable_strict_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILEPOST_STRICT", "perhaps")
    with pytest.raises(ValueError, match="MILEPOST_STRICT"):
        ClientConfig.resolve()


def test_a_timeout_must_be_above_zero() -> None:
    with pytest.raises(ValueError, match="timeout_s"):
        ClientConfig.resolve(timeout_s=0)


def test_the_spool_folder_is_that_of_the_environment_or_among_the_users_caches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MILEPOST_SPOOL_DIR", str(tmp_path))
    assert ClientConfig.resolve().spool_dir == tmp_path
    monkeypatch.delenv("MILEPOST_SPOOL_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setattr(sys, "platform", "linux")
    assert ClientConfig.resolve().spool_dir == tmp_path / "caches" / "milepost" / "spool"


@pytest.mark.parametrize(("text", "expected"), [("", 1024**3), ("0", 0), ("1000", 1000)])
def test_the_bound_of_the_spool_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: int
) -> None:
    monkeypatch.setenv("MILEPOST_SPOOL_BYTES", text)
    assert ClientConfig.resolve().spool_bytes == expected


@pytest.mark.parametrize("text", ["-1", "1 GiB", "1e9"])
def test_an_unreadable_bound_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("MILEPOST_SPOOL_BYTES", text)
    with pytest.raises(ValueError, match="MILEPOST_SPOOL_BYTES"):
        ClientConfig.resolve()


def test_the_cache_of_models_is_that_of_the_environment_or_among_the_users_caches(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MILEPOST_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("MILEPOST_CACHE_BYTES", "1000")
    assert (default_models_dir(), default_models_bytes()) == (tmp_path, 1000)
    monkeypatch.delenv("MILEPOST_CACHE_DIR")
    monkeypatch.delenv("MILEPOST_CACHE_BYTES")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.setattr(sys, "platform", "linux")
    assert (default_models_dir(), default_models_bytes()) == (tmp_path / "caches/milepost/models", 10 * 1024**3)
