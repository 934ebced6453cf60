"""What an archive of an exported program may hold to be read without trust. Each test puts in what would run code."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from milepost import errors
from milepost.models.flavors._exported import check_exported


class Network(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.gelu(self.layer(x), approximate="tanh") * (x.shape[0] // 2 + 1)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exported") / "model.pt2"
    program = torch.export.export(Network(), (torch.ones(3, 4),), dynamic_shapes=[{0: torch.export.Dim.AUTO}])
    torch.export.save(program, path)
    return path


def changed(archive: Path, path: Path, record: str, change: Callable[[bytes], bytes]) -> Path:
    """A copy with another content of one record, which is added if it is not there."""
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(path, "w") as copy:
        for name in source.namelist():
            content = source.read(name)
            copy.writestr(name, change(content) if name.endswith(record) else content)
        if not any(name.endswith(record) for name in source.namelist()):
            copy.writestr(f"model/{record}", change(b""))
    return path


def edited(archive: Path, path: Path, edit: Callable[[Any], None]) -> Path:
    """A copy whose program is edited."""

    def change(content: bytes) -> bytes:
        program = json.loads(content)
        edit(program)
        return json.dumps(program).encode()

    return changed(archive, path, "models/model.json", change)


def target(name: str) -> Callable[[Any], None]:
    return lambda program: program["graph_module"]["graph"]["nodes"][0].update(target=name)


def expression(text: str) -> Callable[[Any], None]:
    values = {"as_expr": {"expr_str": text, "hint": None}}
    return lambda program: program["graph_module"]["graph"]["sym_int_values"].update(evil=values)


def spec(kind: str) -> Callable[[Any], None]:
    def edit(program: Any) -> None:
        signature = program["graph_module"]["module_call_graph"][0]["signature"]
        signature["out_spec"] = json.dumps([1, {"type": kind, "context": "null", "children_spec": []}])

    return edit


def test_what_torch_exports_is_read_without_trust(archive: Path) -> None:
    check_exported(archive)


@pytest.mark.parametrize(
    "edit",
    [
        target("torch.os.system"),
        target("torch.load"),
        target("torch.ops.aten.save.default"),
        target("torch.ops.aten.from_file.default"),
        target("torch.ops.higher_order.triton_kernel_wrapper_mutation"),
        target("_operator.methodcaller"),
        target("#_:tests"),
        expression("__import__('os').system('true')"),
        expression("Symbol('s0').__class__"),
        expression("eval('1')"),
        expression("Integer(1) if Integer(1) else Integer(2)"),
        spec("os.path"),
        spec("collections.defaultdict"),
        lambda program: program.update(guards_code=["__import__('os').system('true')"]),
        lambda program: program["graph_module"]["graph"]["inputs"][0]["as_tensor"].update(name="x): import os #"),
        lambda program: program["graph_module"]["graph"]["tensor_values"].update({"a b": {}}),
        lambda program: program["range_constraints"].update({"s0+f()": {"min_val": 1, "max_val": 2}}),
    ],
)
def test_programs_that_name_code_need_trust(archive: Path, tmp_path: Path, edit: Callable[[Any], None]) -> None:
    with pytest.raises(errors.UntrustedModel, match="trust=True"):
        check_exported(edited(archive, tmp_path / "model.pt2", edit))


class Runs:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return (pytest.fail, ("the pickle ran",))


@pytest.mark.parametrize(
    "record", ["data/sample_inputs/model.pt", "data/constants/opaque_obj_0", "data/aotinductor/model/a.so", "data/x.pt"]
)
def test_records_with_code_need_trust(archive: Path, tmp_path: Path, record: str) -> None:
    path = changed(archive, tmp_path / "model.pt2", record, lambda _: pickle.dumps(Runs()))
    with pytest.raises(errors.UntrustedModel):
        check_exported(path)


def test_pickled_weights_need_trust(archive: Path, tmp_path: Path) -> None:
    def change(content: bytes) -> bytes:
        return content.replace(b'"use_pickle": false', b'"use_pickle": true', 1)

    with pytest.raises(errors.UntrustedModel, match="pickled"):
        check_exported(changed(archive, tmp_path / "model.pt2", "weights_config.json", change))


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06" + bytes(18), b"no archive"])
def test_what_is_no_archive_is_a_format_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pt2").write_bytes(content)
    with pytest.raises(errors.ModelFormatError, match=r"model\.pt2"):
        check_exported(tmp_path / "model.pt2")


def test_a_record_that_is_there_twice_is_refused(archive: Path, tmp_path: Path) -> None:
    path = changed(archive, tmp_path / "model.pt2", "byteorder", lambda content: content)
    with zipfile.ZipFile(path, "a") as copy, pytest.warns(UserWarning, match="Duplicate"):
        copy.writestr(copy.namelist()[0], b"other")
    with pytest.raises(errors.ModelFormatError, match="twice"):
        check_exported(path)
