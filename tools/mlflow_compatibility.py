"""Makes docs/mlflow-compatibility.md of the markers of tests/mlflow_clients, and of the tables beside them.

`@pytest.mark.covers(what, difference=...)` says what a test shows: that something works as with MLflow's own server,
or, with `difference`, what is otherwise on purpose, and what MLflow's server does instead. `make groups` runs them, so
what the document says has passed. Run by `make gen`; `make check` fails when the document is out of date.
"""

from __future__ import annotations

import argparse
import ast
import csv
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests" / "mlflow_clients"
DOCUMENT = ROOT / "docs" / "mlflow-compatibility.md"
# The order of chapters, by the names of the files of tests.
CHAPTERS = (
    "fluent", "experiments", "runs", "metrics", "inputs", "run_search", "artifacts", "models", "logged_models",
    "registered_models", "searches", "prompts", "webhooks", "commands", "plugins", "java", "databricks", "import",
    "transport", "refusals", "limits", "endpoints", "out_of_scope",
)  # fmt: skip

HEAD = """\
# MLflow compatibility

Code that was written for MLflow speaks to Milepost when it is given Milepost's address, and needs no other change:

```sh
milepost server                                   # HTTP on 5000
export MLFLOW_TRACKING_URI=http://127.0.0.1:5000
python train.py                                   # import mlflow …
```

Everything below is shown by a test that runs with each change, with unmodified clients: `mlflow` {python} of PyPI, and
`org.mlflow:mlflow-client` {java} of Maven Central. Whatever is not said to differ passes against MLflow's own server
too. Milepost's own clients see what MLflow's store, and the other way round: there is one set of runs.

This file is made by `tools/mlflow_compatibility.py` from the tests in `tests/mlflow_clients`.
"""


@dataclass(frozen=True)
class Line:
    """What a test shows.

    Args:
        chapter: What it is part of.
        what: What works, or what is otherwise.
        difference: How it is with MLflow, if it is otherwise there.
        tests: The file of the test, as a link.
    """

    chapter: str
    what: str
    difference: str | None
    tests: str


def lines_of(file: Path) -> Iterator[Line]:
    """What the tests of a file show.

    Raises:
        ValueError: A test does not say what it shows.
    """
    tree = ast.parse(file.read_text())
    chapter, colon, _ = (ast.get_docstring(tree) or "").partition(":")
    if not colon:
        raise ValueError(f"{file.name}: the first line must begin with a title and a colon.")
    for test in tree.body:
        if isinstance(test, ast.FunctionDef) and test.name.startswith("test_"):
            what, difference = marker_of(test, file)
            yield Line(chapter, what, difference, f"[tests](../tests/mlflow_clients/{file.name})")


def marker_of(test: ast.FunctionDef, file: Path) -> tuple[str, str | None]:
    """What a test's marker says: what it shows, and what is otherwise with MLflow."""
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.covers":
            options = {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords}
            return ast.literal_eval(decorator.args[0]), options.get("difference")
    raise ValueError(f"{file.name}: {test.name} has no marker `covers`.")


def table(*rows: Iterable[str]) -> str:
    """A table; the first row is its head."""
    head, *body = [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join([head, re.sub(r"[^|]+", "---", head), *body])


def read_table(name: str) -> list[dict[str, str]]:
    """The rows of a table beside the tests."""
    with (TESTS / name).open() as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def differences(lines: Iterable[Line]) -> str:
    """What is otherwise on purpose."""
    rows = [(line.chapter, line.what, line.difference) for line in lines if line.difference]
    return table(("", "Milepost", "MLflow"), *rows)


def chapters(lines: Iterable[Line]) -> Iterator[str]:
    """What works, a chapter at a time."""
    for (chapter, tests), group in groupby(lines, lambda line: (line.chapter, line.tests)):
        if works := [f"- {line.what}" for line in group if not line.difference]:
            yield "\n".join([f"### {chapter}", "", *works, "", tests])


def calls() -> str:
    """All calls that are answered."""
    rows = [
        (group, "<br>".join(f"`{row['verb']} {row['path']}`" for row in rows))
        for group, rows in groupby(read_table("endpoints.tsv"), lambda row: row["group"])
    ]
    return table(("", "calls"), *rows)


def beyond() -> str:
    """What is not there."""
    rows = [
        (row["part"], "<br>".join(f"`{call}`" for call in row["calls"].split(", ")), row["what clients do"])
        for row in read_table("out_of_scope.tsv")
    ]
    return table(("", "calls, among others", "what clients do"), *rows)


def found(pattern: str, file: Path) -> str:
    """What a pattern finds in a file, which must have it."""
    match = re.search(pattern, file.read_text())
    if match is None:
        raise ValueError(f"{file} has no {pattern}.")
    return match[1]


def document() -> str:
    """The whole document."""
    files = [TESTS / f"test_{chapter}.py" for chapter in CHAPTERS]
    if forgotten := {*TESTS.glob("test_*.py")} - {*files}:
        raise ValueError(f"CHAPTERS lacks {', '.join(file.name for file in forgotten)}.")
    lines = [line for file in files for line in lines_of(file)]
    python = found(r"(?m)^mlflow==(.+)$", ROOT / "tools" / "requirements-mlflow_clients.txt")
    java = found(r"<artifactId>mlflow-client</artifactId>\s*<version>(.+)</version>", TESTS / "java" / "pom.xml")
    others = [(row["client"], row["tried"], row["what works"]) for row in read_table("other_clients.tsv")]
    parts = [
        HEAD.format(python=python, java=java).strip(),
        "## What differs on purpose", differences(lines),
        "## What works", *chapters(lines),
        "## What is not there",
        "Calls of these parts answer 404 with `error_code` `ENDPOINT_NOT_FOUND`, as an older server of MLflow does.",
        beyond(),
        "## Other clients, tried by hand", table(("client", "tried", "what works"), *others),
        "## Calls", "Those below `/api` are answered below `/ajax-api` too.", calls(),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Writes the document, or looks whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--check", action="store_true", help="change nothing, and fail when the document is out of date"
    )
    text = document()
    if not parser.parse_args().check:
        DOCUMENT.write_text(text)
    elif not DOCUMENT.exists() or DOCUMENT.read_text() != text:
        sys.exit(f"{DOCUMENT.relative_to(ROOT)} is out of date. Run `make gen`.")


if __name__ == "__main__":
    main()
