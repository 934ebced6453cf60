"""Makes the virtual environment of an image: `python install.py FOLDER`, run beside the requirements.

The Dockerfile runs it, and so can anybody: it needs nothing but Python and a package index.
"""

import os
import subprocess
import sys
from pathlib import Path


def main(target: str) -> None:
    """Installs what `requirements.txt` beside this file pins, and nothing else, into a new virtual environment."""
    here = Path(__file__).resolve().parent
    subprocess.run([sys.executable, "-m", "venv", target], check=True)  # noqa: S603  # an argument list, as below
    python = str(Path(target) / ("Scripts" if os.name == "nt" else "bin") / "python")
    pip = [python, "-m", "pip", "--no-input", "--disable-pip-version-check"]
    # The pins are complete: what they do not name is missed by `pip check`, and not fetched in whatever version.
    install = [*pip, "install", "--no-cache-dir", "--no-deps", "--requirement", "requirements.txt"]
    subprocess.run(install, check=True, cwd=here)  # noqa: S603
    subprocess.run([*pip, "check"], check=True)  # noqa: S603


if __name__ == "__main__":
    main(sys.argv[1])
