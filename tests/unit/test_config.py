"""Where settings come from, and which source wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from milepost_server.config import Settings, load


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "milepost.toml"
    path.write_text('http_port = 1111\nhost = "file.example"\nallowed_hosts = ["a.example", "b.example"]\n')
    return path


def test_defaults_need_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load()
    assert (settings.host, settings.http_port, settings.grpc_port) == ("127.0.0.1", 5000, 5001)
    assert settings.synchronous == "FULL"
    assert settings.sql_url == f"sqlite:///{tmp_path}/milepost-data/milepost.db"
    assert settings.artifact_url == f"{tmp_path}/milepost-data/artifacts"


def test_a_flag_wins_over_the_environment_and_that_over_the_file(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(toml).http_port == 1111
    monkeypatch.setenv("MILEPOST_HTTP_PORT", "2222")
    assert load(toml).http_port == 2222
    assert load(toml, http_port=3333).http_port == 3333
    assert load(toml, http_port=3333).host == "file.example"


def test_a_flag_that_is_not_given_hides_nothing(toml: Path) -> None:
    assert load(toml, http_port=None, host=None).http_port == 1111


def test_lists_come_from_the_file_and_from_the_environment(toml: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(toml).allowed_hosts == ("a.example", "b.example")
    monkeypatch.setenv("MILEPOST_ALLOWED_HOSTS", '["c.example"]')
    assert load(toml).allowed_hosts == ("c.example",)


def test_an_unknown_key_of_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "milepost.toml"
    path.write_text("http_prot = 1\n")
    with pytest.raises(ValidationError, match="http_prot"):
        load(path)


def test_an_unknown_flag_is_refused() -> None:
    with pytest.raises(ValidationError, match="http_prot"):
        load(http_prot=1)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml")


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "milepost.toml"
    path.write_text("http_port: 1\n")
    with pytest.raises(ValueError, match="line 1"):
        load(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("http_port", 65536),
        ("grpc_port", -1),
        ("synchronous", "OFF"),
        ("drain_s", -0.1),
        ("max_concurrent_calls", 0),
        ("database_pool", 0),
        ("max_message_bytes", 10),
        ("log_level", "loud"),
    ],
)
def test_a_value_out_of_range_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=name):
        load(**{name: value})


def test_settings_cannot_be_changed_later() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load().http_port = 1


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
