"""A server that cannot start says why in one line, and exits with an error."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from support.mariadb import Mariadb
from support.postgres import Postgres
from support.server_process import MILEPOST, ServerProcess


def refusal(*flags: str) -> tuple[int, str]:
    """The exit code, and what is on standard error, of a server that does not start."""
    command = [MILEPOST, "server", "--http-port", "0", "--grpc-port", "0", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == ""
    # The core of gRPC writes lines of its own, which begin with a severity and the time.
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("E0", "E1"))]
    assert len(lines) == 1, done.stderr
    return done.returncode, lines[0]


def folder_below_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "data"


def folder_without_a_database(folder: Path) -> Path:
    (folder / "milepost.db").write_text("This is a letter and no database, however long it is." * 100)
    return folder


def folder_with_a_folder_for_the_database(folder: Path) -> Path:
    (folder / "milepost.db").mkdir()
    return folder


def folder_with_other_tables(folder: Path) -> Path:
    with closing(sqlite3.connect(folder / "milepost.db")) as connection:
        connection.execute("CREATE TABLE customer (name TEXT)")
    return folder


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (folder_below_a_file, "Not a directory"),
        (folder_without_a_database, "file is not a database"),
        (folder_with_a_folder_for_the_database, "milepost.db cannot be opened: "),
        (folder_with_other_tables, "none of Milepost's revisions"),
    ],
)
def test_a_bad_data_folder_is_refused(make: Callable[[Path], Path], complaint: str, tmp_path: Path) -> None:
    code, line = refusal("--data-dir", str(make(tmp_path)))
    assert code == 1
    assert line.startswith("milepost: ")
    assert complaint in line


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("nonsense", "cannot be read; use sqlite:///PATH, or postgresql:// or mariadb://"),
        ("oracle://ada:secret@127.0.0.1/db", "'oracle://ada:***@127.0.0.1/db' is of another kind"),
        ("sqlite://", "names no database"),
        ("postgresql://ada:secret@127.0.0.1:1/db", "postgresql://ada:***@127.0.0.1:1/db cannot be opened"),
        ("mariadb://ada:secret@127.0.0.1:1/db", "mariadb://ada:***@127.0.0.1:1/db cannot be opened: Can't connect"),
        ("sqlite:////nowhere/milepost.db", "No such file or directory"),
    ],
)
def test_a_bad_database_url_is_refused_without_its_password(url: str, complaint: str, tmp_path: Path) -> None:
    code, line = refusal("--data-dir", str(tmp_path / "data"), "--database-url", url)
    assert code == 1
    assert complaint in line
    assert "secret" not in line


def test_what_postgresql_refuses_is_told(postgres: Postgres, tmp_path: Path) -> None:
    url = f"postgresql://postgres@127.0.0.1:{postgres.port}/no_such_database"
    code, line = refusal("--data-dir", str(tmp_path / "data"), "--database-url", url)
    assert code == 1
    assert line.endswith('cannot be opened: database "no_such_database" does not exist')


def test_what_mariadb_refuses_is_told(mariadb: Mariadb, tmp_path: Path) -> None:
    url = make_url(mariadb.create_database()).set(username="ada").render_as_string(hide_password=False)
    code, line = refusal("--data-dir", str(tmp_path / "data"), "--database-url", url)
    assert code == 1
    assert line.endswith("cannot be opened: Access denied for user 'ada'@'127.0.0.1' (using password: YES)")


@pytest.mark.parametrize("flag", ["--http-port", "--grpc-port"])
def test_a_taken_port_is_named(flag: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, line = refusal("--data-dir", str(tmp_path / "data"), flag, port)
    assert code == 1
    assert line.startswith("milepost: cannot listen for ")
    assert f"port {port}" in line


@pytest.mark.parametrize("flags", [("--http-port", "70000"), ("--synchronous", "OFF"), ("--drain-s", "-1")])
def test_a_setting_out_of_range_is_named(flags: tuple[str, str], tmp_path: Path) -> None:
    code, line = refusal("--data-dir", str(tmp_path / "data"), *flags)
    assert code == 2
    assert line.startswith(f"milepost: {flags[0].removeprefix('--').replace('-', '_')}: ")
    assert not (tmp_path / "data").exists()


def test_a_start_that_failed_leaves_a_folder_that_can_be_used(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refusal("--data-dir", str(tmp_path / "data"), "--http-port", str(taken.getsockname()[1]))
    server = ServerProcess(tmp_path / "data")
    server.terminate()
    assert server.wait() == 0
