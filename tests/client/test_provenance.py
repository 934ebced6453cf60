"""What a run's tags say of its code."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from milepost import _provenance


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "train.py").write_text("print()")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_a_clean_tree_has_commit_and_branch(repository: Path) -> None:
    assert _provenance.git_tags(repository) == {
        "milepost.git.commit": git(repository, "rev-parse", "HEAD"),
        "milepost.git.branch": "main",
        "milepost.git.dirty": "false",
    }


def test_a_changed_file_makes_it_dirty_and_a_new_one_does_not(repository: Path) -> None:
    (repository / "notes.txt").write_text("new")
    assert _provenance.git_tags(repository)["milepost.git.dirty"] == "false"
    (repository / "train.py").write_text("changed")
    assert _provenance.git_tags(repository)["milepost.git.dirty"] == "true"


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    assert "milepost.git.branch" not in _provenance.git_tags(repository)


def test_the_remote_is_recorded_without_credentials(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://me:secret@example.org/team/repo.git")
    assert _provenance.git_tags(repository)["milepost.git.remote"] == "https://example.org/team/repo.git"


def test_outside_of_a_repository_there_are_no_git_tags(tmp_path: Path) -> None:
    assert _provenance.git_tags(tmp_path) == {}


def test_without_git_there_are_no_git_tags(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert _provenance.git_tags(repository) == {}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pw@host.org/x.git?token=1#y", "https://host.org/x.git"),
        ("https://token@host.org:8443/x.git", "https://host.org:8443/x.git"),
        ("ssh://git:pw@host.org/x.git", "ssh://git@host.org/x.git"),
        ("git@host.org:team/x.git", "git@host.org:team/x.git"),
        ("/srv/git/x.git", "/srv/git/x.git"),
    ],
)
def test_credentials_are_taken_out_of_urls(url: str, shown: str) -> None:
    assert _provenance.without_credentials(url) == shown


def test_values_of_options_that_name_a_secret_are_hidden() -> None:
    arguments = ["python", "a b.py", "--api-key", "k1", "--db-password=k2", "--lr", "3"]
    assert _provenance.command(arguments) == "python 'a b.py' --api-key *** '--db-password=***' --lr 3"


def test_a_long_command_ends_in_an_ellipsis_and_fits_a_tag() -> None:
    text = _provenance.command(["x" * 70_000])
    assert len(text) == _provenance.MAX_TAG
    assert text.endswith(" ...")


def test_an_argument_that_is_no_utf_8_does_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.orig_argv", ["python", "caf\udce9.py"])
    assert "caf?.py" in _provenance.tags()["milepost.command"]


def test_host_command_and_python_version_are_always_there() -> None:
    assert {"milepost.host", "milepost.command", "milepost.python.version"} <= set(_provenance.tags())
