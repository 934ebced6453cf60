"""Reads and writes YAML from outside: bounded in size, depth and what aliases unfold to, and without tags of Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from milepost.errors import ModelFormatError
from milepost.models._lazy import require

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 4 * 1024 * 1024
_MAX_DEPTH = 100
_MAX_NODES = 500_000
# A number in base 60, which YAML 1.1 has, takes a time that grows with the square of its length.
_MAX_NUMBER_CHARACTERS = 400
_NUMBERS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}


def parse(data: bytes, where: str) -> Any:
    """The value of one document of plain YAML.

    Args:
        data: UTF-8.
        where: Name of the file, for messages.

    Raises:
        ModelFormatError: It is too long, no YAML, has a key twice, nests too deep, or unfolds to too much.
    """
    yaml = require("yaml", "models")
    if len(data) > MAX_BYTES:
        raise ModelFormatError(f"{where} has {len(data):,} bytes; at most {MAX_BYTES:,} are read.")
    loader_class = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text = data.decode()
        _check_nesting(yaml, text, where)
        loader = loader_class(text)
        try:
            root = loader.get_single_node()
            if root is None:
                raise ModelFormatError(f"{where} is empty.")
            _Limits(yaml, where).check(root)
            return loader.construct_document(root)
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError, OverflowError) as wrong:  # ValueError: no UTF-8, or no such date or number
        raise ModelFormatError(f"{where} is not YAML that can be read: {_line(wrong)}") from None


def dump(value: Any, where: str) -> bytes:
    """The value as YAML, in ASCII, without aliases, keys sorted, so that equal values give equal bytes.

    Raises:
        ModelFormatError: A value is of no type that YAML has, or what was written could not be read again.
    """
    yaml = require("yaml", "models")

    class Dumper(yaml.SafeDumper):  # type: ignore[name-defined,misc]
        def ignore_aliases(self, data: Any) -> bool:
            return True

    try:
        written: bytes = yaml.dump(value, Dumper=Dumper, default_flow_style=False, encoding="ascii")
    except (yaml.YAMLError, ValueError, TypeError) as wrong:
        raise ModelFormatError(f"{where} cannot be written as YAML: {_line(wrong)}") from None
    except RecursionError:
        raise ModelFormatError(f"{where} cannot be written as YAML: it holds itself, or nests too deep.") from None
    parse(written, where)
    return written


def _check_nesting(yaml: Any, text: str, where: str) -> None:
    """Refuses deep nesting before anything recurses: events come one at a time."""
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MAX_DEPTH:
                raise ModelFormatError(f"{where} nests deeper than {_MAX_DEPTH} levels.")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Limits:
    """Measures a document as if each alias were written out, without doing so."""

    def __init__(self, yaml: Any, where: str) -> None:
        self._yaml = yaml
        self._where = where
        self._measured: dict[int, tuple[int, int]] = {}
        self._open: set[int] = set()

    def check(self, root: yaml.Node) -> None:
        """Refuses a document that is too much, by its root."""
        self._measure(root)

    def _measure(self, node: yaml.Node) -> tuple[int, int]:
        """How many values and levels a node has. Recurses as deep as events nest, which was checked."""
        if isinstance(node, self._yaml.ScalarNode):
            self._check_number(node)
            return 1, 1
        known = self._measured.get(id(node))
        if known is not None:
            return known
        if id(node) in self._open:
            raise ModelFormatError(f"{self._where} holds itself by the alias at line {_at(node)}.")
        self._open.add(id(node))
        children = node.value
        if isinstance(node, self._yaml.MappingNode):
            self._check_keys(node)
            children = [part for pair in node.value for part in pair]
        count, depth = 1, 0
        for child in children:
            child_count, child_depth = self._measure(child)
            count += child_count
            depth = max(depth, child_depth)
        if count > _MAX_NODES or depth >= _MAX_DEPTH:
            raise ModelFormatError(
                f"{self._where} unfolds to more than {_MAX_NODES:,} values or {_MAX_DEPTH} levels by its aliases."
            )
        self._open.remove(id(node))
        self._measured[id(node)] = count, depth + 1
        return count, depth + 1

    def _check_number(self, node: yaml.ScalarNode) -> None:
        if node.tag in _NUMBERS and len(node.value) > _MAX_NUMBER_CHARACTERS:
            raise ModelFormatError(f"{self._where} has a number of {len(node.value):,} characters at line {_at(node)}.")

    def _check_keys(self, node: yaml.MappingNode) -> None:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, self._yaml.ScalarNode):
                raise ModelFormatError(f"{self._where} has a list or mapping as a key at line {_at(key)}.")
            if (key.tag, key.value) in seen and key.tag != "tag:yaml.org,2002:merge":
                raise ModelFormatError(f"{self._where} has the key {key.value!r:.100} twice, at line {_at(key)} again.")
            seen.add((key.tag, key.value))


def _at(node: yaml.Node) -> int:
    line: int = node.start_mark.line
    return line + 1


def _line(wrong: Exception) -> str:
    return " ".join(str(wrong).split())[:300]
