"""Builds the Java client and tests it: on the JDK that Maven runs on, and on the newest one of this machine.

Run by `make java`. The tests start real servers of this tree's virtual environment.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLIENT = ROOT / "clients" / "java"
# Where JDKs are kept: Linux distributions, SDKMAN, macOS.
PLACES = (Path("/usr/lib/jvm"), Path.home() / ".sdkman/candidates/java", Path("/Library/Java/JavaVirtualMachines"))


def jdks() -> Iterator[tuple[int, Path]]:
    """The release and the folder of each JDK that can be found."""
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    for place in PLACES:
        homes += sorted(place.glob("*")) + sorted(place.glob("*/Contents/Home"))
    for home in homes:
        release = home / "release"
        if (home / "bin" / "javac").is_file() and release.is_file():
            found = re.search(r'JAVA_VERSION="(\d+)', release.read_text())
            if found:
                yield int(found[1]), home


def maven(*arguments: str, jdk: Path | None = None) -> None:
    """Runs Maven. Its failure ends this program."""
    environment = dict(os.environ) if jdk is None else {**os.environ, "JAVA_HOME": str(jdk)}
    command = [
        "mvn",
        "--batch-mode",
        "--no-transfer-progress",
        "--quiet",
        "--file",
        str(CLIENT / "pom.xml"),
        *arguments,
    ]
    status = subprocess.run(command, env=environment).returncode
    if status:
        sys.exit(status)


def main() -> None:
    """Builds and tests."""
    if not shutil.which("mvn"):
        message = "The Java client is not tested: Maven is missing (on Debian: maven and openjdk-17-jdk-headless)."
        sys.exit(message if os.environ.get("CI") else print(message))
    maven("install")
    release, newest = max(jdks(), default=(17, None))
    if newest is not None and release > 17:
        print(f"Once more on JDK {release}", flush=True)
        maven("surefire:test@default-test", "--projects", "client", jdk=newest)


if __name__ == "__main__":
    main()
