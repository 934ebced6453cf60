"""What a model's folder says about itself, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from milepost.cli._output import add_row, console, table
from milepost.cli._text import count, printable, size, when

if TYPE_CHECKING:
    from milepost.models.signatures.schema import Schema
    from milepost.models.signatures.signature import ModelSignature


def page(folder: Path) -> dict[str, Any]:
    """Everything that `inspect` prints, as JSON values. Runs no code of the model's and imports no framework.

    Raises:
        ModelFormatError: The descriptor or another file is wrong.
    """
    from milepost.errors import ModelFormatError
    from milepost.models._trust import code_to_trust
    from milepost.models.environments.environment import read_environment
    from milepost.models.format.descriptor import ModelDescriptor
    from milepost.models.format.manifest import manifest_digest, read_manifest

    descriptor = ModelDescriptor.read(folder)
    manifest = read_manifest(folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    try:
        environment = read_environment(folder)
        python, requirements, locked = environment.python, list(environment.requirements), environment.locked
    except ModelFormatError as error:
        python, requirements, locked = "", [str(error)], False
    created = descriptor.create_time
    return {
        "path": str(folder),
        "name": descriptor.artifact_path,
        "runId": descriptor.run_id,
        "modelId": descriptor.model_id,
        "createTime": created.isoformat() if created else None,
        "milepostVersion": descriptor.milepost_version,
        "mlflowVersion": descriptor.mlflow_version,
        "flavors": {name: dict(config) for name, config in descriptor.flavors.items()},
        "signature": _signature(descriptor.signature),
        "inputExample": descriptor.input_example is not None,
        "metadata": dict(descriptor.metadata),
        "files": len(files),
        "sizeBytes": sum(path.stat().st_size for path in files),
        "digest": manifest_digest(manifest) if manifest is not None else None,
        "python": python,
        "requirements": requirements,
        "locked": locked,
        "codeToTrust": list(code_to_trust(folder, descriptor)),
    }


def _signature(signature: ModelSignature | None) -> dict[str, Any] | None:
    if signature is None:
        return None
    parts = signature.to_dict()
    return {name: json.loads(text) if text else None for name, text in parts.items()}


def print_page(found: dict[str, Any], signature: ModelSignature | None) -> None:
    """Prints what `page` found."""
    from rich.text import Text

    facts = {
        "Model": found["name"] or found["path"],
        "Run": found["runId"],
        "Model id": found["modelId"],
        "Created": _when(found["createTime"]),
        "Written by": _writer(found),
        "Flavors": ", ".join(found["flavors"]),
        "Size": f"{size(found['sizeBytes'])} in {count(found['files'], 'file')}",
        "Digest": found["digest"] or "none: without a manifest, nothing shows whether files were changed",
        "Example": "yes" if found["inputExample"] else "no",
        "Python": found["python"],
        "Lock": "yes" if found["locked"] else "no",
        "Needs trust": "; ".join(found["codeToTrust"]) or "no sign of it; `validate` makes sure",
    }
    for name, value in facts.items():
        if value:
            console().print(Text.assemble((f"{name:<12}", "bold"), printable(str(value))), soft_wrap=True)
    _print_signature(signature)
    typer.echo("\nRequirements")
    for line in found["requirements"]:
        typer.echo(f"  {printable(line)}")
    if found["metadata"]:
        typer.echo("\nMetadata")
        for key, value in found["metadata"].items():
            typer.echo(f"  {printable(f'{key}={value}')}")


def _when(text: str | None) -> str:
    from datetime import datetime

    return when(datetime.fromisoformat(text)) if text else ""


def _writer(found: dict[str, Any]) -> str:
    if found["milepostVersion"]:
        return f"Milepost {found['milepostVersion']}, in the format of MLflow {found['mlflowVersion']}"
    return f"MLflow {found['mlflowVersion']}"


def _print_signature(signature: ModelSignature | None) -> None:
    if signature is None:
        typer.echo("\nNo signature: data are not checked.")
        return
    rows = [*_fields("input", signature.inputs), *_fields("output", signature.outputs)]
    for param in signature.params or ():
        kind = f"list of {type_text(param.type)}" if param.shape else type_text(param.type)
        rows.append(("param", param.name, kind, f"default {json.dumps(param.default, default=str)}"))
    made = table("SIGNATURE", "NAME", "TYPE", "")
    for row in rows:
        add_row(made, row)
    typer.echo("")
    console().print(made)


def _fields(part: str, schema: Schema | None) -> Iterator[tuple[str, str, str, str]]:
    from milepost.models.signatures.schema import Column, Tensor

    if schema is None:
        return
    fields: tuple[Column | Tensor, ...] = schema.fields
    for position, field in enumerate(fields):
        name = str(position) if field.name is None else field.name
        if isinstance(field, Tensor):
            shape = ", ".join("any" if length == -1 else str(length) for length in field.shape)
            yield part, name, f"{field.dtype} ({shape})", ""
        else:
            yield part, name, type_text(field.type), "" if field.required else "optional"


def type_text(type_: Any) -> str:
    """A type of a column or param on one line, such as `list of double`."""
    from milepost.models.signatures.schema import AnyType, ArrayType, DataType, MapType, ObjectType

    if isinstance(type_, DataType):
        return type_.value
    if isinstance(type_, ArrayType):
        return f"list of {type_text(type_.items)}"
    if isinstance(type_, MapType):
        return f"map of {type_text(type_.values)}"
    if isinstance(type_, ObjectType):
        members = (f"{one.name}{'' if one.required else '?'}: {type_text(one.type)}" for one in type_.properties)
        return f"{{{', '.join(members)}}}"
    return "any" if isinstance(type_, AnyType) else "vector"
