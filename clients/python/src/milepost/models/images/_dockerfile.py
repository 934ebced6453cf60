"""The text of a Dockerfile. What stands in it was checked, or is an array of JSON, which no shell reads."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from milepost.errors import ModelError

HTTP_PORT, GRPC_PORT = 8080, 8081
ENVIRONMENT = "/opt/milepost"
MODEL = "/model"

_REFERENCE = re.compile(r"[a-z0-9][A-Za-z0-9._/:@-]{0,500}")
_PING = (
    "import http.client, sys; "
    f"asked = http.client.HTTPConnection('127.0.0.1', {HTTP_PORT}, timeout=4); "
    "asked.request('GET', '/ping'); "
    "sys.exit(asked.getresponse().status != 200)"
)
_TEMPLATE = """\
# Written by `milepost models dockerfile` of Milepost {version}. Build it with docker or podman: docker build -t NAME .
# {pinned}
FROM {base} AS builder
WORKDIR /build
COPY install.py requirements.txt ./
{copies}RUN {install}

FROM {base}
# Nothing is written outside of /tmp, so the image also runs with a read-only root file system and a tmpfs there.
ENV HOME=/tmp PATH={environment}/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=builder {environment} {environment}
COPY model {model}
WORKDIR /tmp
USER 10001:10001
EXPOSE {http_port} {grpc_port}
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=5m --retries=3 CMD {check}
ENTRYPOINT {entry}
"""


def dockerfile(version: str, base: str, entry: Sequence[str], folders: Sequence[str] = ()) -> str:
    """The Dockerfile of a model.

    Args:
        version: Of Milepost.
        base: The base image, checked by `check_reference`.
        entry: What the container runs.
        folders: Folders of the context that the requirements refer to.
    """
    pinned = (
        "The base image is pinned by its digest."
        if "@sha256:" in base
        else "The base image is pinned by its tag, as digests are not known offline: --base-image NAME@sha256:… does."
    )
    return _TEMPLATE.format(
        version=version,
        pinned=pinned,
        base=base,
        copies="".join(f"COPY {folder} {folder}\n" for folder in folders),
        install=_array("python", "install.py", ENVIRONMENT),
        environment=ENVIRONMENT,
        model=MODEL,
        http_port=HTTP_PORT,
        grpc_port=GRPC_PORT,
        check=_array(f"{ENVIRONMENT}/bin/python", "-I", "-c", _PING),
        entry=_array(*entry),
    )


def check_reference(text: str, option: str) -> str:
    """The reference of an image, such as `registry.example.com/team/digits:3`.

    Raises:
        ModelError: It is none.
    """
    if not _REFERENCE.fullmatch(text):
        raise ModelError(f"{option}: {text!r:.200} is no reference of an image such as registry.example.com/digits:3.")
    return text


def _array(*words: str) -> str:
    return json.dumps(list(words))
