"""From users' names to identifiers that protobuf and the languages it generates take."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

_MAX_LENGTH = 60

_PLAIN = re.compile(r"[a-z][a-z0-9_]{0,99}")
_ENDS_LIKE_A_HASH = re.compile(r".*_[0-9a-f]{8}")
_WORD_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(r"[^a-z0-9]+")

# What no package can be called in Java, Go, Python or C#, and `google`, which would hide protobuf's own package.
_RESERVED = re.compile(
    "abstract|and|as|assert|async|await|base|bool|boolean|break|byte|case|catch|chan|char|checked|class|"
    "const|continue|decimal|def|default|defer|del|delegate|do|double|elif|else|enum|event|except|"
    "explicit|extends|extern|fallthrough|false|final|finally|fixed|float|for|foreach|from|func|global|go|"
    "google|goto|if|implements|implicit|import|in|init|instanceof|int|interface|internal|is|lambda|lock|"
    "long|main|map|namespace|native|new|none|nonlocal|not|null|object|operator|or|out|override|package|"
    "params|pass|private|protected|public|raise|range|readonly|ref|return|sbyte|sealed|select|short|"
    "sizeof|stackalloc|static|strictfp|string|struct|super|switch|synchronized|this|throw|throws|"
    "transient|true|try|type|typeof|uint|ulong|unchecked|unsafe|ushort|using|var|virtual|void|volatile|"
    "while|with|yield"
)

# Fields whose accessors in Java are those that all messages have; protoc helps with others itself.
_TAKEN = re.compile("descriptor|defaultinstance|bitfield[0-9]+")


class FieldName(NamedTuple):
    """What a field is called.

    Args:
        name: In the proto, and so in generated code: lower-case words of ASCII, joined by underscores.
        json_name: In JSON: the user's own name, wherever protobuf can carry it.
    """

    name: str
    json_name: str


def identifier(name: str) -> str:
    """A model's name as the last part of a package; different for different names.

    Names of lower-case letters, digits and underscores stay. Others get eight digits of a hash, and no name that stays
    ends with such.
    """
    if _PLAIN.fullmatch(name) and not _RESERVED.fullmatch(name) and not _ENDS_LIKE_A_HASH.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{_identifier_like(name, 'model', '')}_{digest}"


def field_names(names: Sequence[str | None], prefix: str) -> list[FieldName]:
    """Names of the fields of one message, which differ by more than case and underscores: generated code drops these.

    Args:
        names: The users', in order; None where there is none.
        prefix: Begins the names of fields whose own cannot be one; the position follows where it is empty.
    """
    wanted = [_identifier_like(name or "", prefix, str(position)) for position, name in enumerate(names)]
    chosen: dict[int, str] = {}
    taken: set[str] = set()
    # Whose name can stay as it is keeps it, whatever comes before it.
    for position in sorted(range(len(names)), key=lambda position: names[position] != wanted[position]):
        chosen[position] = _free(wanted[position], taken)
    own = {name for name in names if name is not None and _fits_json(name)}
    result = []
    for position, name in enumerate(names):
        field = chosen[position]
        result.append(FieldName(field, name if name is not None and name in own else _json_name(field, own)))
    return result


def camel_case(name: str) -> str:
    """`unit_price` as `UnitPrice`, the way protoc names the entries of maps."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def default_json_name(name: str) -> str:
    """What protoc makes of a field's name: `unitPrice` of `unit_price`."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _identifier_like(text: str, prefix: str, otherwise: str) -> str:
    plain = unicodedata.normalize("NFKD", _WORD_BORDER.sub("_", text).casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    words = _OTHER.sub("_", plain).strip("_")[:_MAX_LENGTH].rstrip("_")
    if words[:1].isalpha() and not _TAKEN.fullmatch(words.replace("_", "")):
        return words
    return "_".join(filter(None, (prefix, words or otherwise)))


def _free(wanted: str, taken: set[str]) -> str:
    """The name, with the first number behind it that makes it free; takes it."""
    for number in count(1):
        name = wanted if number == 1 else f"{wanted}_{number}"
        key = name.replace("_", "")
        if key not in taken:
            taken.add(key)
            return name
    raise AssertionError


def _fits_json(name: str) -> bool:
    """Whether protobuf takes it as a name in JSON: brackets around it mean an extension."""
    if not name or "\0" in name or (name.startswith("[") and name.endswith("]")):
        return False
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def _json_name(field: str, own: set[str]) -> str:
    """A name for a field whose user's cannot be used, which no user's name is."""
    name = default_json_name(field)
    while name in own:
        name += "_"
    return name
