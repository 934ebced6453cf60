"""Runs the tests that need an environment of their own: flavors of models, other projects' stock clients, importers.

A group is a folder below `tests`. `tools/requirements-GROUP.in` (`-` for `/`) says what it needs, and why something is
left out; `make lock` pins it in the `.txt` beside it. Flavors and importers have our client beside their libraries, and
stock clients nothing of ours. Environments are kept in `.venv-groups` as long as the pins stay the same. Run by
`make groups`; `tools/environments.py GROUP…` runs some groups only, `--pytest=ARGUMENTS` hands arguments to pytest.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".venv-groups"
UV = str(Path(sys.executable).parent / "uv")
# What `make groups` tests. Two groups run at a time, so those that take longest come first.
GROUPS = (
    "flavors/pytorch",
    "mlflow_clients",
    "flavors/jvm",
    "flavors/deep",
    "flavors/classic",
    "flavors/mlflow",
    "flavors/explanations",
    "importers",
    "serving_clients",
)
TIMEOUT_S = 600
# Nothing that a test does leaves the machine, and small models are no faster on more threads.
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    # Tests start many processes, each of which would compile all that it imports where this is set.
    "PYTHONDONTWRITEBYTECODE": "",
}


@dataclass(frozen=True)
class Outcome:
    """What became of a group.

    Args:
        group: Its name.
        failure: What was printed by the step that failed; empty when all passed.
        summary: One line for people.
    """

    group: str
    failure: str
    summary: str


def pins_of(group: str) -> Path:
    """The file with the exact releases that a group is tested with."""
    return ROOT / "tools" / f"requirements-{group.replace('/', '-')}.txt"


def ours(group: str) -> list[str]:
    """What of this project is installed beside a group's libraries, as arguments of `uv pip install`."""
    if group.startswith("flavors/"):
        return ["-e", "clients/python[models]"]
    if group == "importers":
        return ["-e", "clients/python[import-tensorboard]"]
    return []


def digest_of(group: str) -> str:
    """Changes when an environment has to be made anew."""
    sources = [pins_of(group).read_bytes()]
    if ours(group):
        sources.append((ROOT / "clients/python/pyproject.toml").read_bytes())
    return hashlib.sha256(b"\0".join([*sources, sys.version.encode()])).hexdigest()


def make_environment(group: str) -> str:
    """Makes a group's environment, unless it is there, and returns its interpreter.

    Raises:
        subprocess.CalledProcessError: Something cannot be installed.
    """
    folder = ENVIRONMENTS / group
    python, stamp, digest = str(folder / "bin" / "python"), folder / "digest", digest_of(group)
    if stamp.exists() and stamp.read_text() == digest:
        return python
    run([UV, "venv", "--clear", "--python", sys.executable, str(folder)])
    install = [UV, "pip", "install", "--python", python]
    run([*install, "-r", str(pins_of(group)), *ours(group)])
    stamp.write_text(digest)
    return python


def run(command: Sequence[str]) -> str:
    """Runs a program in the root of the project and returns what it printed.

    Raises:
        subprocess.CalledProcessError: It failed; `stdout` has what it printed, errors too.
        subprocess.TimeoutExpired: It took too long.
    """
    return subprocess.run(
        command,
        check=True,
        cwd=ROOT,
        env={**os.environ, **SETTINGS},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT_S,
    ).stdout


def check(group: str, arguments: Sequence[str]) -> Outcome:
    """Makes a group's environment and runs its tests in it."""
    start, step = time.monotonic(), "cannot be installed"
    try:
        python = make_environment(group)
        installed, step = time.monotonic(), "tests failed"
        # The fixtures of `tests` itself need the server's libraries.
        tests = [python, "-m", "pytest", "-q", f"--confcutdir=tests/{group}", "-p", "no:cacheprovider", *arguments]
        printed = run([*tests, f"tests/{group}"])
    except subprocess.CalledProcessError as error:
        return Outcome(group, error.stdout, f"{group}: {step}")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Outcome(group, str(error), f"{group}: {step}")
    passed = printed.strip().splitlines()[-1].strip("= ")
    times = f"environment {installed - start:.0f} s, tests {time.monotonic() - installed:.0f} s"
    return Outcome(group, "", f"{group}: {passed} ({times})")


def main() -> None:
    """Checks the groups, two at a time; prints a line for each, and all that failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("groups", nargs="*", default=list(GROUPS), metavar="GROUP", help="usual: %(default)s")
    parser.add_argument("--pytest", default="", metavar="ARGUMENTS", help="arguments for pytest, as one text")
    given = parser.parse_args()
    if unknown := [group for group in given.groups if not pins_of(group).exists()]:
        parser.error(f"there are no pins for {', '.join(unknown)}")
    start = time.monotonic()
    with ThreadPoolExecutor(max_workers=2) as pool:
        outcomes = list(pool.map(lambda group: check(group, shlex.split(given.pytest)), given.groups))
    for outcome in outcomes:
        if outcome.failure:
            print(f"--- {outcome.summary}\n{outcome.failure}")
    for outcome in outcomes:
        print(outcome.summary)
    print(f"all: {time.monotonic() - start:.0f} s")
    sys.exit(any(outcome.failure for outcome in outcomes))


if __name__ == "__main__":
    main()
