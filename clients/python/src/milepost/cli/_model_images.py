"""`milepost models dockerfile` and `build-docker`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from milepost.cli._model_options import Model
from milepost.cli._output import note, print_json
from milepost.cli._session import AsJson
from milepost.cli._text import printable

if TYPE_CHECKING:
    from milepost.models.images.context import ImageOptions

Name = Annotated[
    str, typer.Option("--name", metavar="NAME", help="Serve it under this name. Default: that of the URI, else model.")
]
Base = Annotated[
    str,
    typer.Option("--base-image", metavar="IMAGE", help="Begin with this image. Default: python:VERSION-slim-bookworm."),
]
Python = Annotated[str, typer.Option("--python", metavar="VERSION", help="Version of Python. Default: the model's.")]
Platform = Annotated[
    str, typer.Option("--platform", metavar="PLATFORM", help="linux/amd64 or linux/arm64. Default: as this machine.")
]
Wheels = Annotated[
    Path | None,
    typer.Option("--wheels", metavar="FOLDER", help="Wheels of Milepost to install. Default: what is installed here."),
]
Extras = Annotated[
    list[str] | None,
    typer.Option("--extra", metavar="EXTRA", help="Extra of the server to install; repeatable. Default: arrow."),
]
Trust = Annotated[bool, typer.Option("--trust", help="Let code that comes with the model run in the image.")]


def dockerfile(
    ctx: typer.Context,
    model: Model,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="The folder to make.")],
    name: Name = "",
    base_image: Base = "",
    python: Python = "",
    platform: Platform = "",
    wheels: Wheels = None,
    extra: Extras = None,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Write a folder from which docker or podman builds an image that serves the model.

    It has the model, a Dockerfile of two stages and everything that is installed, pinned with hashes. The image runs
    without root and knows no secrets. Without --trust, only wheels of your package index are installed.
    """
    options = _options(model, name, base_image, python, platform, wheels, extra, trust=trust)
    _write(ctx, model, output, options)
    if as_json:
        print_json({"path": str(output)})
    else:
        typer.echo(f"Wrote {printable(str(output))}. Build it: docker build --tag NAME {printable(str(output))}")


def build_docker(
    ctx: typer.Context,
    model: Model,
    tag: Annotated[str, typer.Option("--tag", "-t", metavar="IMAGE", help="Name of the image, such as digits:3.")],
    name: Name = "",
    base_image: Base = "",
    python: Python = "",
    platform: Platform = "",
    wheels: Wheels = None,
    extra: Extras = None,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """Build an image that serves a model, with docker or podman of this machine.

    As `milepost models dockerfile`, which writes what is built.
    """
    from milepost.models.images.engine import build_image, find_engine

    options = _options(model, name, base_image, python, platform, wheels, extra, trust=trust)
    engine = find_engine()
    with tempfile.TemporaryDirectory(prefix="milepost-") as scratch:
        context = Path(scratch) / "context"
        _write(ctx, model, context, options)
        build_image(engine, context, tag, platform)
    if as_json:
        print_json({"image": tag, "engine": Path(engine).name})
    else:
        typer.echo(f"Built {printable(tag)}. Run it: docker run --read-only --tmpfs /tmp -p 8080:8080 {printable(tag)}")


def _options(
    model: str,
    name: str,
    base_image: str,
    python: str,
    platform: str,
    wheels: Path | None,
    extras: list[str] | None,
    *,
    trust: bool,
) -> ImageOptions:
    from milepost.models.images.context import ImageOptions
    from milepost.models.registry.uri import AliasUri, VersionUri, parse_uri

    uri = parse_uri(model)
    served = name or (uri.name if isinstance(uri, (AliasUri, VersionUri)) else "model")
    chosen = tuple(extras) if extras else ImageOptions.extras
    return ImageOptions(served, base_image, python, platform, wheels, chosen, trust)


def _write(ctx: typer.Context, model: str, target: Path, options: ImageOptions) -> None:
    from milepost.cli._model_sources import folder_of
    from milepost.models.images.context import write_context

    folder = folder_of(ctx, model)
    note("Pinning the requirements; that asks the package index.")
    write_context(folder, target, options)
