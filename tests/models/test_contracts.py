"""Typed contracts compile whatever a signature calls its columns, and equal signatures give equal bytes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from milepost.errors import ModelFormatError
from milepost.models import ModelSignature
from milepost.models.contracts import contract_file, package_of, render
from milepost.models.signatures.schema import (
    AnyType,
    ArrayType,
    Column,
    DataType,
    MapType,
    ObjectType,
    Param,
    Property,
    Schema,
    Tensor,
)

BUF = str(Path(sys.executable).with_name("buf"))
NASTY = [
    *(
        "class",
        "message",
        "optional",
        "lambda",
        "import",
        "package",
        "serialized size",
        "descriptor",
        "HasField",
        "self",
    ),
    *(
        "",
        " ",
        "0",
        "2nd",
        "a b",
        "a_b",
        "aB",
        "A_B",
        "a__b",
        "größe",
        "年龄",
        "😀",
        "[x]",
        "x\0",
        'q"\\\n\t\x01',
        "*/ //",
    ),
    *("column_10", "column10", "\u2028", "\u202e", "x" * 300, "foo", "foo_count", "foo_list", "\ud800"),
]


def built(files: list[FileDescriptorProto], folder: Path) -> list[FileDescriptorProto]:
    """What a compiler makes of the texts of contracts, in the order of their packages."""
    for file in files:
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(render(file), encoding="utf-8")
    output = folder / "built.binpb"
    command = [BUF, "build", str(folder), "--exclude-imports", "--exclude-source-info", "--as-file-descriptor-set"]
    subprocess.run([*command, "-o", str(output)], check=True, timeout=60)
    return sorted(FileDescriptorSet.FromString(output.read_bytes()).file, key=lambda file: file.package)


def bare(file: FileDescriptorProto) -> FileDescriptorProto:
    copy = FileDescriptorProto()
    copy.CopyFrom(file)
    copy.ClearField("source_code_info")
    return copy


def columns(*names: str | None, kind: DataType = DataType.DOUBLE) -> Schema:
    return Schema(tuple(Column(kind, name) for name in names))


def everything() -> ModelSignature:
    address = ObjectType((Property("zip", DataType.STRING), Property("Input", ObjectType((Property("x", AnyType()),)))))
    kinds = [
        *DataType,
        AnyType(),
        address,
        ArrayType(ArrayType(DataType.LONG)),
        MapType(MapType(address)),
    ]
    inputs = [Column(kind, f"{i} {required}", required) for i, kind in enumerate(kinds) for required in (True, False)]
    outputs = [
        Tensor("float32", (-1, 28, 28), "image"),
        Tensor("str", (-1,), "label"),
        Tensor("int8", (-1, -1, -1), "m"),
    ]
    params = (Param("beams", DataType.LONG, 5), Param("stops", DataType.STRING, ["\n"], (-1,)), Param("o", address))
    return ModelSignature(Schema(tuple(inputs)), Schema(tuple(outputs)), params)


def test_a_compiler_makes_the_same_descriptor_of_the_text(tmp_path: Path) -> None:
    tensors = Schema((Tensor("object", (3, -1)),))
    files = [
        contract_file("everything", everything()),
        contract_file("nasty", ModelSignature(columns(*NASTY), columns(*reversed(NASTY)))),
        contract_file("package", ModelSignature(columns(None, None))),
        contract_file("Große Modelle", ModelSignature(tensors, Schema((Tensor("datetime64[ns]", ()),)))),
        contract_file("wide", ModelSignature(columns(*map(str, range(20_000))))),
    ]
    assert built(files, tmp_path) == sorted(map(bare, files), key=lambda file: file.package)


def test_the_text_says_what_a_column_is(tmp_path: Path) -> None:
    signature = ModelSignature(
        Schema((Column(DataType.DOUBLE, "petal width (cm)"), Column(DataType.DATETIME, "seen", False))),
        Schema((Tensor("float32", (-1, 3), "probabilities"),)),
        (Param("beams", DataType.LONG, 5),),
    )
    text = render(contract_file("iris", signature))
    for line in (
        "package milepost.models.iris;",
        'option java_package = "milepost.models.iris";',
        '  // "petal width (cm)". Required.\n  optional double petal_width_cm = 1 [json_name = "petal width (cm)"];',
        '  // "seen". May be absent.\n  google.protobuf.Timestamp seen = 2;',
        '  // "probabilities". float32 of the shape [-1, 3], of which this has [3], row-major.\n'
        "  repeated float probabilities = 1;",
        '  // "beams". Default: 5.\n  optional int64 beams = 1;',
        "  rpc StreamPredict(stream PredictRequest) returns (stream PredictResponse);",
    ):
        assert line in text


def test_every_name_that_json_can_carry_is_the_users_own() -> None:
    row = contract_file("nasty", ModelSignature(columns(*NASTY))).message_type[2]
    assert row.name == "Input"
    names = [field.json_name for field in row.field]
    assert len(set(names)) == len(NASTY)
    # Protobuf takes no empty name, none in brackets, no NUL and no half of a character.
    changed = {name for name, json_name in zip(NASTY, names, strict=True) if json_name != name}
    assert changed == {"", "[x]", "x\0", "\ud800"}


def test_fields_differ_by_more_than_generated_code_drops() -> None:
    row = contract_file("nasty", ModelSignature(columns(*NASTY))).message_type[2]
    assert len({field.name.replace("_", "").lower() for field in row.field}) == len(NASTY)
    by_column = dict(zip(NASTY, (field.name for field in row.field), strict=True))
    # What needs no change gets none, although other names become the same.
    assert (by_column["a_b"], by_column["a b"], by_column["aB"]) == ("a_b", "a_b_2", "a_b_3")


def test_two_models_never_have_the_same_package() -> None:
    names = [
        "credit-risk",
        "credit_risk",
        "credit risk",
        "Credit-Risk",
        "class",
        "google",
        "年龄",
        "1st",
        "_",
        "x" * 250,
    ]
    packages = {package_of(name) for name in names}
    assert len(packages) == len(names)
    assert package_of("credit_risk") == "milepost.models.credit_risk"
    hashed = package_of("credit-risk")
    assert hashed.startswith("milepost.models.credit_risk_")
    # A model that is called as another's package was made.
    assert package_of(hashed.removeprefix("milepost.models.")) != hashed


def test_an_added_column_breaks_nothing_and_a_changed_one_is_told(tmp_path: Path) -> None:
    versions = {
        "old": columns("a", "b"),
        "added": columns("a", "b", "c"),
        "changed": Schema((Column(DataType.DOUBLE, "a"), Column(DataType.STRING, "b"))),
    }
    for name, schema in versions.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "iris.proto").write_text(render(contract_file("iris", ModelSignature(schema))))

    def breaks(name: str) -> str:
        command = [BUF, "breaking", str(tmp_path / name), "--against", str(tmp_path / "old")]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout

    assert breaks("added") == ""
    assert 'Field "2" with name "b" on message "Input" changed' in breaks("changed")


@pytest.mark.parametrize(
    ("signature", "why"),
    [
        (None, "does not say what it takes"),
        (ModelSignature(outputs=columns("y")), "does not say what it takes"),
        (ModelSignature(Schema((Tensor("complex64", (-1, 2)),))), "nothing for complex64"),
        (ModelSignature(columns("x"), None, tuple(Param(str(i), DataType.LONG) for i in range(501))), "501 params"),
    ],
)
def test_a_model_without_typed_contract_is_told_why(signature: ModelSignature | None, why: str) -> None:
    with pytest.raises(ModelFormatError, match=why):
        contract_file("m", signature)
