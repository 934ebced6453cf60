"""The command in a process of its own: what only shows there."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from milepost import v1 as pb
from milepost._version import __version__
from milepost.client import Client, Run
from support.cli import Cli
from support.servers import RunningServer

COMMAND = [sys.executable, "-m", "milepost.cli.main"]


@pytest.fixture(scope="module")
def cli(server: RunningServer) -> Cli:
    return Cli(server.grpc_address)


@pytest.fixture
def run(server: RunningServer) -> Run:
    return Client(server.grpc_address).experiments.get_or_create("cli-process").create_run("own")


def test_help_lists_all_commands_without_importing_the_server_or_grpc() -> None:
    code = (
        "import sys; from milepost.cli.main import app\n"
        "try: app(['--help'], prog_name='milepost')\n"
        "except SystemExit: pass\n"
        "print(sorted({'milepost_server', 'grpc', 'rich.table'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    for name in ("experiments", "runs", "metrics", "artifacts", "models", "doctor", "server", "db", "demo"):
        assert f"\n  {name} " in done.stdout
    assert done.stdout.endswith("[]\n")


def test_a_client_command_does_not_import_the_server(server: RunningServer) -> None:
    code = (
        "import sys; from milepost.cli.main import app\n"
        f"try: app(['-s', '{server.grpc_address}', 'runs', 'list'], prog_name='milepost')\n"
        "except SystemExit as end: print(end.code, 'milepost_server' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.endswith("0 False\n")


def test_commands_of_the_server_are_imported_when_they_are_used(cli: Cli) -> None:
    assert "--grpc-port" in cli.run("server", "--help").stdout
    assert "upgrade" in cli.run("db", "--help").stdout


def test_commands_of_the_server_say_what_to_install_where_it_is_not(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("milepost.cli._lazy.entry_points", lambda group: [])
    assert "\n  server " not in cli.out("--help")
    assert "pip install milepost" in cli.refused("server")


def test_version(cli: Cli) -> None:
    assert cli.out("--version") == f"milepost {__version__}\n"


def test_bad_usage_is_2_and_suggests_the_command(cli: Cli) -> None:
    done = cli.spawn("run", "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert "'runs'" in done.stderr


def test_an_address_that_cannot_be_read_is_bad_usage(cli: Cli) -> None:
    assert "host:port" in cli.run("--server", "http://x", "runs", "list", code=2).stderr


def test_no_server_is_one_line_that_says_what_to_do() -> None:
    line = Cli("127.0.0.1:1").refused("runs", "list")
    assert line.startswith("milepost: UNAVAILABLE: no server answers at 127.0.0.1:1. ")
    assert "milepost server" in line


def test_a_reader_that_closes_the_pipe_early_hears_nothing(cli: Cli, run: Run) -> None:
    run.log_metrics([pb.MetricPoints(key="loss", values=[0.5] * 20_000)])
    with subprocess.Popen(
        [*COMMAND, "-s", cli.address, "metrics", "history", run.run_id, "loss"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().split() == [b"STEP", b"TIME", b"VALUE"]
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def at_terminal(cli: Cli, *args: str, once: str = "", answer: str = "", **env: str) -> tuple[int, str]:
    """Runs the command at a terminal of 100 columns, where a person types `answer` once they see `once`.

    Returns its exit code and all that is seen.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update({"MILEPOST_TRACKING_URI": cli.address, "TERM": "xterm", "COLUMNS": "100", **env})
        os.execv(sys.executable, [*COMMAND, *args])
    seen, typed = b"", False
    while True:
        if not typed and once.encode() in seen:
            os.write(terminal, answer.encode())
            typed = True
        try:
            part = os.read(terminal, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode().replace("\r\n", "\n")


def test_a_purge_asks_at_a_terminal_and_takes_no_for_an_answer(cli: Cli, run: Run) -> None:
    run.delete()
    code, seen = at_terminal(cli, "runs", "purge", run.run_id, once="Go on?", answer="n\n")
    assert code == 1
    assert f"run {run.run_id} ('own'): 1 run, 0 metric points" in seen
    assert "Nothing was changed." in seen
    assert run.refresh().deleted


def test_a_purge_is_done_when_the_answer_is_yes(cli: Cli, run: Run) -> None:
    run.delete()
    code, _ = at_terminal(cli, "runs", "purge", run.run_id, once="Go on?", answer="y\n")
    assert code == 0
    assert "RUN_NOT_FOUND" in cli.refused("runs", "show", run.run_id)


def test_a_table_at_a_terminal_has_no_line_that_is_too_long(cli: Cli, run: Run) -> None:
    run.log_metrics({f"metric-with-a-long-name-{index}": 1.0 for index in range(6)})
    code, seen = at_terminal(cli, "runs", "list", "-e", "cli-process", NO_COLOR="1", TERM="dumb")
    assert code == 0
    assert run.run_id in seen
    assert max(map(len, seen.splitlines())) <= 100


def test_ctrl_c_ends_a_transfer_of_several_files_with_130(cli: Cli, run: Run, tmp_path: Path) -> None:
    for name in ("a.bin", "b.bin"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(2 * 1024**3)  # no block of it is on the disk
    code, seen = at_terminal(cli, "artifacts", "put", run.run_id, str(tmp_path), once="/4.0 GiB", answer="\x03")
    assert code == 130
    assert "Traceback" not in seen
    assert not list(run.artifacts())


def complete(cli: Cli, words: str) -> list[str]:
    """What bash would offer for the last word."""
    env = {"_MILEPOST_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    done = cli.spawn(env=env)
    assert done.stderr == ""
    return done.stdout.split()


def test_the_shell_completes_names_from_the_server(cli: Cli, run: Run) -> None:
    assert complete(cli, f"milepost runs show {run.run_id[:20]}") == [run.run_id]


def test_the_shell_completes_nothing_without_a_server() -> None:
    assert complete(Cli("127.0.0.1:1"), "milepost experiments show x") == []


def test_the_completion_script_is_printed(cli: Cli) -> None:
    done = cli.spawn("--show-completion", "bash", env={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"})
    assert done.returncode == 0
    assert "_MILEPOST_COMPLETE=complete_bash" in done.stdout
