"""Tests each group of flavors in an environment of its own, with only the client beside the group's libraries.

`tools/requirements-flavors-GROUP.in` says what a group needs, and why something is left out; `make lock` pins it in the
`.txt` beside it. Environments are kept in `.venv-flavors/GROUP` as long as the pins stay the same. Run by
`make flavors`; `tools/flavors.py GROUP…` runs some groups only, `--pytest=ARGUMENTS` hands arguments to pytest.
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
ENVIRONMENTS = ROOT / ".venv-flavors"
UV = str(Path(sys.executable).parent / "uv")
# What `make flavors` tests. Two groups run at a time, so those that take longest come first.
GROUPS = ("pytorch", "jvm", "deep", "classic", "mlflow", "explanations")
TIMEOUT_S = 600
# Nothing that a test does leaves the machine, and small models are no faster on more threads.
SETTINGS = {"MLFLOW_DISABLE_TELEMETRY": "true", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


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
    return ROOT / "tools" / f"requirements-flavors-{group}.txt"


def digest_of(group: str) -> str:
    """Changes when an environment has to be made anew."""
    sources = [pins_of(group).read_bytes(), (ROOT / "clients/python/pyproject.toml").read_bytes()]
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
    run([*install, "-r", str(pins_of(group)), "-e", "clients/python[models]"])
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
        tests = [python, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", *arguments]
        printed = run([*tests, f"tests/flavors/{group}"])
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
