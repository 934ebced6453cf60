"""The comments of the protos, by the full name of what they describe."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from google.protobuf import descriptor_pb2

_Path = tuple[int, ...]

# Field numbers of `descriptor.proto`: where a file or message keeps its parts.
_FILE_PARTS = {4: "message_type", 5: "enum_type", 6: "service"}
_PARTS: dict[str, dict[int, str]] = {
    "message_type": {2: "field", 3: "nested_type", 4: "enum_type"},
    "nested_type": {2: "field", 3: "nested_type", 4: "enum_type"},
    "enum_type": {2: "value"},
    "service": {2: "method"},
}


@cache
def comments() -> dict[str, str]:
    """The text of every comment. Read once, from the file that `tools/gen.py` writes."""
    image = files("milepost_server.rest").joinpath("descriptors.binpb").read_bytes()
    found = {}
    for file in descriptor_pb2.FileDescriptorSet.FromString(image).file:
        names = dict(_names(file, _FILE_PARTS, file.package, ()))
        for location in file.source_code_info.location:
            name = names.get(tuple(location.path))
            if name is not None:
                found[name] = "\n".join(
                    line.removeprefix(" ") for line in location.leading_comments.split("\n")
                ).strip()
    return found


def _names(parent: Any, parts: dict[int, str], scope: str, path: _Path) -> Iterator[tuple[_Path, str]]:
    """The full name of each part at its path, as source info has it."""
    for number, attribute in parts.items():
        for index, part in enumerate(getattr(parent, attribute)):
            name, here = f"{scope}.{part.name}", (*path, number, index)
            yield here, name
            yield from _names(part, _PARTS.get(attribute, {}), name, here)
