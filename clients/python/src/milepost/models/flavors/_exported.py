"""Whether an exported program of PyTorch (`.pt2`) can be read without running code that it brings.

`torch.export.load` is no safe reader. It unpickles tensors and objects that ask for it, looks operators up as
attributes of `torch` by any path, evaluates shape expressions as Python, and compiles names of the graph into Python
source. So an archive is read without trust only when all it holds is known: tensors as bytes, operators of PyTorch on
tensors and numbers, expressions of arithmetic, and names that are names.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from milepost.errors import ModelFormatError, UntrustedModel
from milepost.models._lazy import require

# Records below the archive's one folder. Objects, pickled ones and compiled libraries have other names.
RECORDS = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/(version|serialization_id)|models/\w+\.json"
    r"|data/weights/(weight_\d+|\w+_weights_config\.json)|data/constants/(tensor_\d+|\w+_constants_config\.json)"
    r"|data/sample_inputs/\w+\.pt"
)
CONFIGS = re.compile(r"data/(weights|constants)/\w+_config\.json")
PROGRAMS = re.compile(r"models/\w+\.json")
EXAMPLES = re.compile(r"data/sample_inputs/\w+\.pt")
NAME = re.compile(r"[\w.$:<>/+-]*")
SYMBOL = re.compile(r"\w+")
KERNEL = re.compile(r"torch\.ops\.(aten|prims)\.(\w+)\.(\w+)")
OPERATORS = re.compile(
    r"_operator\.(add|sub|mul|floordiv|truediv|mod|pow|neg|pos|abs|getitem|eq|ne|lt|le|gt|ge|and_|or_|not_|lshift|rshift)"
    r"|math\.(ceil|floor|trunc|sqrt)|torch\.(_?sym_\w+)"
    r"|torch\.ops\.higher_order\.(cond|scan|while_loop|associative_scan|wrap_with_set_grad_enabled|wrap_with_autocast)"
)
FUNCTION = re.compile(
    r"Symbol|Integer|Float|Rational|Add|Mul|Pow|Mod|Max|Min|Abs|Not|And|Or|Eq|Ne|Equality|Unequality|StrictLessThan"
    r"|LessThan|StrictGreaterThan|GreaterThan|FloorDiv|ModularIndexing|Where|PythonMod|CleanDiv|CeilToInt|FloorToInt"
    r"|CeilDiv|IntTrueDiv|FloatTrueDiv|ToFloat|TruncToInt|RoundToInt|TruncToFloat|PowByNatural|FloatPow|LShift|RShift"
)
METHODS = ("size", "stride", "storage_offset", "dim", "numel")
EXPRESSION_NODES = (
    *(ast.Expression, ast.Call, ast.keyword, ast.Name, ast.Load, ast.Constant, ast.Attribute, ast.Subscript),
    *(ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare, ast.unaryop, ast.operator, ast.boolop, ast.cmpop),
)
# Containers of arguments and results. Others name classes that are imported.
CONTAINERS = (None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict")
# Where a program came from, for people, and arguments that are texts: data, whatever they hold.
FREE = frozenset(
    ("stack_trace", "nn_module_stack", "torch_fn", "source_fn_stack", "from_node", "as_string", "as_strings")
)


def check_exported(path: Path) -> None:
    """Returns when reading the archive runs nothing but PyTorch's own operators.

    Raises:
        UntrustedModel: It may run more; the message says which part.
        ModelFormatError: The file is no such archive.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_archive(archive, path.name)
    except (zipfile.BadZipFile, ValueError, RecursionError) as broken:
        raise ModelFormatError(f"{path.name} is no exported program of PyTorch: {broken}") from broken


def _check_archive(archive: zipfile.ZipFile, file: str) -> None:
    names = [info.filename for info in archive.infolist()]
    if not names or len(set(names)) != len(names):
        raise ModelFormatError(f"{file} holds no records, or one twice.")
    root = names[0].partition("/")[0] + "/"
    for info in archive.infolist():
        record = info.filename.removeprefix(root)
        if not info.filename.startswith(root) or not RECORDS.fullmatch(record) or info.compress_type:
            raise _untrusted(file, f"has the record {info.filename!r}")
        if CONFIGS.fullmatch(record):
            _check_tensors(json.loads(archive.read(info)), file, record)
        elif PROGRAMS.fullmatch(record):
            for reason in _suspicious(json.loads(archive.read(info)), ""):
                raise _untrusted(file, f"{record} {reason}")
        elif EXAMPLES.fullmatch(record) and not _holds_tensors_only(archive.read(info)):
            raise _untrusted(file, f"{record} is a pickle of more than tensors")


def _untrusted(file: str, reason: str) -> UntrustedModel:
    return UntrustedModel(f"{file!r} may run code when it is loaded: {reason}")


def _check_tensors(config: Any, file: str, record: str) -> None:
    entries = config.get("config") if isinstance(config, dict) else None
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        raise ModelFormatError(f"{file}: {record} does not list tensors.")
    for name, entry in entries.items():
        stored = entry.get("path_name")
        if entry.get("use_pickle") is not False or not re.fullmatch(r"(weight|tensor)_\d+", str(stored)):
            raise _untrusted(file, f"{name} is pickled or no tensor")
        if not NAME.fullmatch(name):
            raise _untrusted(file, f"{record} has the name {name!r}")


def _holds_tensors_only(content: bytes) -> bool:
    torch = require("torch", "pytorch")
    try:
        torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:  # whatever goes wrong, PyTorch would then unpickle it without limits
        return False
    return True


def _suspicious(value: Any, key: str) -> Iterator[str]:
    """Says of each part of a program why it may run code. `key` is the nearest key above."""
    if isinstance(value, dict):
        for name, part in value.items():
            if not NAME.fullmatch(name):
                yield f"has the name {name!r}"
            yield from _suspicious(part, name)
    elif isinstance(value, list):
        for part in value:
            yield from _suspicious(part, key)
    elif isinstance(value, str) and key not in FREE and not _harmless(value, key):
        yield f"has {key} {value[:100]!r}"


def _harmless(text: str, key: str) -> bool:
    if key in ("target", "as_operator"):
        return bool(OPERATORS.fullmatch(text)) or _is_kernel(text)
    if key in ("expr_str", "guards_code"):
        return _is_arithmetic(text)
    if key in ("in_spec", "out_spec"):
        version, *trees = json.loads(text)
        return version == 1 and all(_is_plain_tree(tree) for tree in trees)
    return NAME.fullmatch(text) is not None


def _is_kernel(target: str) -> bool:
    """Whether this is an operator on tensors and numbers. Some of `aten` read or write files."""
    torch = require("torch", "pytorch")
    match = KERNEL.fullmatch(target)
    if match is None:
        return False
    packet = getattr(getattr(torch.ops, match[1]), match[2], None)
    operator = getattr(packet, match[3], None)
    if not isinstance(operator, torch._ops.OpOverload):
        return False
    return all(argument.name != "filename" for argument in operator._schema.arguments)


def _is_arithmetic(expression: str) -> bool:
    """Whether this computes with numbers and shapes of inputs: `FloorDiv(Symbol('s0'), 2)`, `L['x'].size()[1] == 4`."""
    for node in ast.walk(ast.parse(expression, mode="eval")):
        if not isinstance(node, EXPRESSION_NODES):
            return False
        if isinstance(node, ast.Name) and not (FUNCTION.fullmatch(node.id) or re.fullmatch(r"L|[a-z]+\d+", node.id)):
            return False
        if isinstance(node, ast.Attribute) and node.attr not in METHODS:
            return False
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not SYMBOL.fullmatch(node.value):
            return False
    return True


def _is_plain_tree(tree: Any) -> bool:
    if not isinstance(tree, dict) or tree.get("type") not in CONTAINERS:
        return False
    context = json.loads(tree.get("context") or "null")
    keys = context if isinstance(context, list) else [] if context is None else [context]
    if not all(isinstance(key, int) or (isinstance(key, str) and NAME.fullmatch(key)) for key in keys):
        return False
    return all(_is_plain_tree(child) for child in tree.get("children_spec", ()))
