"""Where a run's code comes from: the tags that every run of the fluent API gets. Never fails."""

from __future__ import annotations

import getpass
import os
import platform
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

GIT_TIMEOUT_S = 2.0
MAX_TAG = 65_535

_SECRET = re.compile(r"(?i)^--?[\w-]*(password|passwd|secret|token|api-?key|credential)[\w-]*$")


def tags() -> dict[str, str]:
    """The tags `milepost.host`, `.command`, `.python.version`, `.source` and, in a git working tree, `.git.*`."""
    source = source_path()
    found = {
        "milepost.host": socket.gethostname(),
        "milepost.command": command(sys.orig_argv),
        "milepost.python.version": platform.python_version(),
        "milepost.source": source,
        **git_tags(Path(source).parent),
    }
    # Names of files need not be UTF-8, tags must be.
    return {key: value.encode(errors="replace").decode() for key, value in found.items() if value}


def user() -> str:
    """The name of the user who runs this process. Empty when the system does not know."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a user id without a name, as in many containers
        return os.environ.get("USER", "")


def source_path() -> str:
    """The program's file. Empty in an interactive session or a notebook."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if not file:
        return ""
    try:
        return str(Path(file).absolute())
    except OSError:  # the working directory is gone
        return str(file)


def command(arguments: Sequence[str]) -> str:
    """A command line for a shell, with the values of options that name a secret hidden; cut where a tag must end."""
    shown: list[str] = []
    hide = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        secret = _SECRET.match(name) is not None
        shown.append("***" if hide else f"{name}=***" if secret and equals else argument)
        hide = secret and not equals
    text = shlex.join(shown).replace("'***'", "***")
    return text if len(text) <= MAX_TAG else f"{text[: MAX_TAG - 4]} ..."


def git_tags(folder: Path) -> dict[str, str]:
    """Commit, branch, dirtiness and remote of the git working tree around `folder`. Empty without one, or git."""
    deadline = time.monotonic() + GIT_TIMEOUT_S
    status = _git(folder, deadline, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if status is None:
        return {}
    found = {"milepost.git.dirty": "false"}
    for line in status.splitlines():
        if line.startswith("# branch.oid ") and not line.endswith("(initial)"):
            found["milepost.git.commit"] = line.rpartition(" ")[2]
        elif line.startswith("# branch.head ") and not line.endswith("(detached)"):
            found["milepost.git.branch"] = line.removeprefix("# branch.head ")
        elif not line.startswith("#"):
            found["milepost.git.dirty"] = "true"
    remote = _git(folder, deadline, "config", "--get", "remote.origin.url")
    if remote:
        found["milepost.git.remote"] = without_credentials(remote.strip())
    return found


def without_credentials(url: str) -> str:
    """A remote's URL without user, password, query and fragment; the user of an SSH address stays."""
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        return url  # a path, or user@host:path, which cannot hold a password
    user_info, at, host = parts.netloc.rpartition("@")
    user_name = user_info.partition(":")[0] if parts.scheme.endswith("ssh") else ""
    netloc = f"{user_name}{at}{host}" if user_name else host
    return parts._replace(netloc=netloc, query="", fragment="").geturl()


def _git(folder: Path, deadline: float, *arguments: str) -> str | None:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True,
            timeout=max(deadline - time.monotonic(), 0.01),
            env=environment,
            stdin=subprocess.DEVNULL,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace")
