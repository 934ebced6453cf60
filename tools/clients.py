"""Builds and tests the clients of other languages: `tools/clients.py java|typescript|go`. Run by `make`.

Their tests start real servers of this tree's virtual environment. A language whose programs are missing is left out,
but never in CI.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLIENTS = ROOT / "clients"
BUF = str(Path(sys.executable).with_name("buf"))
# Where JDKs are kept: Linux distributions, SDKMAN, macOS.
JDKS = (Path("/usr/lib/jvm"), Path.home() / ".sdkman/candidates/java", Path("/Library/Java/JavaVirtualMachines"))
JAVA_RELEASE = 17
MAVEN = ("mvn", "--batch-mode", "--no-transfer-progress", "--quiet")


def java() -> None:
    """The JVM client, on the JDK that Maven runs on and on the newest one of this machine."""
    run("java", *MAVEN, "install")
    release, newest = max(jdks(), default=(JAVA_RELEASE, None))
    if newest is not None and release > JAVA_RELEASE:
        print(f"Once more on JDK {release}", flush=True)
        run("java", *MAVEN, "surefire:test@default-test", "--projects", "client", JAVA_HOME=str(newest))


def typescript() -> None:
    """The client of browsers and Node."""
    run("typescript", "npm", "ci", "--silent", "--no-audit", "--no-fund")
    for script in ("generate", "check", "build", "test"):
        run("typescript", "npm", "run", "--silent", script)


def go() -> None:
    """Go's stubs, which are only compiled and tried."""
    for generated in ("milepost", "inference"):
        shutil.rmtree(CLIENTS / "go" / generated, ignore_errors=True)
    run("go", "go", "build", "tool")
    run("go", BUF, "generate")
    run("go", "go", "build", "./...")
    run("go", "go", "vet", "./...")
    run("go", "go", "test", "-count=1", ".")


LANGUAGES: dict[str, tuple[Callable[[], None], tuple[str, ...], str]] = {
    "java": (java, ("mvn", "javac"), "Maven and a JDK of 17 or newer (on Debian: maven, openjdk-17-jdk-headless)"),
    "typescript": (typescript, ("node", "npm"), "Node.js 20 or newer"),
    "go": (go, ("go",), "Go 1.26, or 1.21 that may fetch it"),
}


def jdks() -> Iterator[tuple[int, Path]]:
    """The release and the folder of each JDK that can be found."""
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    for place in JDKS:
        homes += sorted(place.glob("*")) + sorted(place.glob("*/Contents/Home"))
    for home in homes:
        release = home / "release"
        if (home / "bin" / "javac").is_file() and release.is_file():
            found = re.search(r'JAVA_VERSION="(\d+)', release.read_text())
            if found:
                yield int(found[1]), home


def run(client: str, *command: str, **environment: str) -> None:
    """Runs a command in the folder of a client. Its failure ends this program."""
    status = subprocess.run(command, cwd=CLIENTS / client, env={**os.environ, **environment}).returncode
    if status:
        sys.exit(f"{' '.join(command)} failed in {CLIENTS / client}")


def main(language: str) -> None:
    """Builds and tests one client."""
    build, programs, needed = LANGUAGES[language]
    if all(shutil.which(program) for program in programs):
        build()
        return
    message = f"The client in clients/{language} is not tested: it needs {needed}."
    if os.environ.get("CI"):
        sys.exit(message)
    print(message, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
