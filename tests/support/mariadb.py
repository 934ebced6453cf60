"""A real MariaDB for one test session."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from sqlalchemy.engine import URL, make_url

COMMAND_TIMEOUT_S = 120
# Debian puts the server where the path of ordinary users does not lead.
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
_SERVER_OPTIONS = {
    "bind-address": "127.0.0.1",
    "max-connections": "200",
    "skip-name-resolve": "ON",
    "performance-schema": "OFF",
    # The data lives as long as the tests: to survive a loss of power, and not only of the process, would cost time.
    "innodb-flush-log-at-trx-commit": "2",
    "innodb-flush-method": "nosync",
    "innodb-doublewrite": "OFF",
    "innodb-log-file-size": "32M",
    # Settings that Milepost must not depend on.
    "character-set-server": "latin1",
    "collation-server": "latin1_swedish_ci",
    "sql-mode": "",
    "transaction-isolation": "SERIALIZABLE",
    "default-time-zone": "+05:00",
    "group-concat-max-len": "64",
}
# The password has what a URL must escape.
_USER, _PASSWORD = "milepost", "p@ss:w/rd"


class MariadbUnavailableError(Exception):
    """MariaDB cannot be started here; the text says what to install."""


class Mariadb:
    """A server on a free port of 127.0.0.1, running when the constructor returns and until `stop`.

    Raises:
        MariadbUnavailableError: There are no programs of MariaDB, or they fail.
    """

    def __init__(self) -> None:
        self._programs = {name: _find_program(name) for name in ("mariadbd", "mariadb", "mariadb-install-db")}
        self._folder = Path(tempfile.mkdtemp(prefix="milepost-mariadb-"))
        self._data = self._folder / "data"
        self._databases = 0
        self._server: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        try:
            self._run(
                "mariadb-install-db",
                "--no-defaults",
                f"--datadir={self._data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                f"--innodb-log-file-size={_SERVER_OPTIONS['innodb-log-file-size']}",
                *_as_root(),
            )
            self.start()
            self.sql(f"CREATE USER {_USER} IDENTIFIED BY '{_PASSWORD}'")
        except BaseException:
            self.stop()
            raise

    def create_database(self) -> str:
        """Creates an empty database, whose user may do anything in it, and returns its URL."""
        self._databases += 1
        name = f"milepost_{self._databases}"
        self.sql(f"CREATE DATABASE {name}; GRANT ALL ON {name}.* TO {_USER}")
        url = URL.create("mariadb", _USER, _PASSWORD, "127.0.0.1", self.port, name)
        return url.render_as_string(hide_password=False)

    def create_busy_database(self) -> str:
        """Creates an empty database that takes one connection at a time, and returns its URL."""
        url = make_url(self.create_database())
        user = f"busy_{self._databases}"
        self.sql(
            f"CREATE USER {user} IDENTIFIED BY '{_PASSWORD}' WITH MAX_USER_CONNECTIONS 1;"
            f" GRANT ALL ON {url.database}.* TO {user}"
        )
        return url.set(username=user).render_as_string(hide_password=False)

    def end_transactions(self, url: str) -> None:
        """Ends the connections to a database that are in a transaction."""
        found = self.sql(
            "SELECT trx_mysql_thread_id FROM information_schema.innodb_trx JOIN information_schema.processlist"
            f" ON id = trx_mysql_thread_id WHERE db = '{make_url(url).database}'"
        )
        for connection in found.split():
            self.sql(f"KILL {connection}")

    def sql(self, statement: str, database: str = "") -> str:
        """Runs statements as superuser and returns the client's bare output."""
        connection = ("--no-defaults", f"--socket={self._folder / 'socket'}", "--user=root")
        options = ("--batch", "--skip-column-names", "--default-character-set=utf8mb4")
        return self._run("mariadb", *connection, *options, f"--execute={statement}", *([database] if database else []))

    def start(self) -> None:
        """Starts the server on its data and port; returns when it answers."""
        options = {
            **_SERVER_OPTIONS,
            "datadir": self._data,
            "port": self.port,
            "socket": self._folder / "socket",
            "tmpdir": self._folder,
        }
        command: list[str | Path] = [
            # It dies with this process, however that ends.
            "setpriv",
            "--pdeathsig=KILL",
            self._programs["mariadbd"],
            "--no-defaults",
            *(f"--{name}={value}" for name, value in options.items()),
            *_as_root(),
        ]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self._folder, env=_environment()
            )
        for _ in range(COMMAND_TIMEOUT_S * 20):
            if self._server.poll() is not None:
                break
            if self._answers():
                return
            time.sleep(0.05)
        self.crash()
        raise MariadbUnavailableError(f"MariaDB does not start:\n{(self._folder / 'log').read_text()}")

    def crash(self) -> None:
        """Ends the server and all connections at once. The data stay for `start`."""
        if self._server is not None:
            self._server.kill()
            self._server.wait(COMMAND_TIMEOUT_S)
            self._server = None

    def stop(self) -> None:
        """Stops the server and removes its data."""
        self.crash()
        shutil.rmtree(self._folder)

    def _answers(self) -> bool:
        try:
            return self.sql("SELECT 1") == "1"
        except MariadbUnavailableError:
            return False

    def _run(self, program: str, *arguments: str | Path) -> str:
        result = subprocess.run(
            [self._programs[program], *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=COMMAND_TIMEOUT_S,
            cwd=self._folder,
            env=_environment(),
            text=True,
        )
        if result.returncode != 0:
            raise MariadbUnavailableError(f"{program} failed with {result.returncode}:\n{result.stdout}")
        return result.stdout.strip()


def _as_root() -> tuple[str, ...]:
    # MariaDB runs as root only when told so. The tests' data are no secret.
    return ("--user=root",) if os.geteuid() == 0 else ()


def _environment() -> dict[str, str]:
    return {"PATH": _PATH, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _find_program(name: str) -> str:
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise MariadbUnavailableError(
            f"there is no {name}: install MariaDB, on Debian by apt-get install mariadb-server-core mariadb-client-core"
        )
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
