"""What happens around a training process: its end, forks, and outages of the server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import milepost
from milepost._active import ActiveRun, Session
from milepost.config import ClientConfig
from support.servers import RunningServer


def execute(program: str, server: RunningServer, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {
        **os.environ,
        "MILEPOST_TRACKING_URI": server.grpc_address,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        **environment,
    }
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=variables, timeout=60, check=False
    )


def the_run(server: RunningServer, done: subprocess.CompletedProcess[str]) -> milepost.Run:
    with milepost.Client(server.grpc_address) as client:
        return client.runs.get(done.stdout.split()[0])


START = "import milepost, os, sys\nrun = milepost.start_run()\nprint(run.run_id, flush=True)\n"


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        ("", milepost.RunState.FINISHED),
        ("raise ValueError('x')", milepost.RunState.FAILED),
        ("raise KeyboardInterrupt", milepost.RunState.KILLED),
    ],
)
def test_a_run_without_a_block_ends_with_the_program(
    server: RunningServer, ending: str, state: milepost.RunState
) -> None:
    done = execute(f"{START}milepost.log_metric('loss', 0.5)\n{ending}", server)
    run = the_run(server, done)
    assert run.state is state
    assert run.metrics == {"loss": 0.5}
    assert ("Traceback" in done.stderr) == bool(ending)


def test_the_hook_for_uncaught_exceptions_that_was_there_still_runs(server: RunningServer) -> None:
    program = f"import sys\nsys.excepthook = lambda *_: print('previous hook', file=sys.stderr)\n{START}1 / 0"
    done = execute(program, server)
    assert done.stderr == "previous hook\n"
    assert the_run(server, done).state is milepost.RunState.FAILED


def test_the_exit_does_not_print_anything_of_its_own(server: RunningServer) -> None:
    done = execute(f"{START}milepost.log_metric('loss', 0.5)", server)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_forked_child_logs_to_the_same_run_and_does_not_end_it(server: RunningServer) -> None:
    program = f"""{START}
milepost.log_metric("parent", 1.0, step=1)
child = os.fork()
milepost.log_metric("child" if child == 0 else "parent", 2.0, step=2)
milepost.flush()
if child == 0:
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
print(milepost.get_run(run.run_id).state.value)
"""
    done = execute(program, server)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[1] == "RUNNING"
    run = the_run(server, done)
    assert run.metrics == {"parent": 2.0, "child": 2.0}
    assert run.metric_summaries["parent"].count == 2


def test_workers_of_multiprocessing_send_what_they_logged(server: RunningServer) -> None:
    program = f"""{START}
import multiprocessing

def work(number):
    milepost.log_metric("work", number, step=number)

with milepost.start_run(run_id=run.run_id, nested=True):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=work, args=(number,)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
"""
    done = execute(program, server)
    assert done.returncode == 0, done.stderr
    assert the_run(server, done).metric_summaries["work"].count == 3


def test_a_program_whose_server_went_away_ends_and_says_what_waits(tmp_path: Path) -> None:
    server = RunningServer(tmp_path)
    try:
        program = f"""{START}
import milepost._context
milepost._context.FLUSH_TIMEOUT_S = 0.5
sys.stdin.readline()
milepost.log_metric("loss", 0.5)
"""
        variables = {
            **os.environ,
            "MILEPOST_TRACKING_URI": server.grpc_address,
            "MILEPOST_SPOOL_DIR": str(tmp_path / "spool"),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=variables,
        )
        assert process.stdout is not None
        assert process.stdout.readline()
    finally:
        server.stop()
    _, complaint = process.communicate("go on\n", timeout=60)
    assert process.returncode == 0
    assert "1 logged values did not reach" in complaint
    assert "1 wait in" in complaint
    assert "LOST" not in complaint


def test_an_outage_of_the_server_loses_and_repeats_nothing(tmp_path: Path) -> None:
    server = RunningServer(tmp_path)
    address = server.grpc_address
    session = Session(ClientConfig(address))
    run = ActiveRun(session, session.client.runs.create().proto)
    for step in range(1000):
        run.log_metric("loss", 0.5, step=step)
    server.stop()
    for step in range(1000, 2000):
        run.log_metric("loss", 0.5, step=step)
    again = RunningServer(tmp_path, grpc_port=int(address.rpartition(":")[2]))
    try:
        assert run.flush()
        assert run.metric_history("loss").steps.tolist() == list(range(2000))
        assert session.writer.close(30)
        session.client.close()
    finally:
        again.stop()
