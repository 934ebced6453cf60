from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from milepost.cli.main import app
from milepost_server.config import Settings, resolve
from milepost_server.serving.settings import ServingSettings

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SCHEMAS = [json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "schemas").glob("*.json"))]
MANIFESTS = sorted(
    path
    for path in DEPLOY.rglob("*.yaml")
    if path.name != "kustomization.yaml" and not path.name.endswith("-patch.yaml")
)
POSTGRESQL = DEPLOY / "kubernetes/tracking-server-postgresql"


def resources(path: Path) -> list[dict[str, Any]]:
    """The resources in a file."""
    return list(yaml.safe_load_all(path.read_text()))


ALL = [(path, resource) for path in MANIFESTS for resource in resources(path)]


def containers(value: Any) -> Iterator[dict[str, Any]]:
    """All containers in a resource."""
    if isinstance(value, dict):
        yield from value.get("containers", ())
        for one in value.values():
            yield from containers(one)
    elif isinstance(value, list):
        for one in value:
            yield from containers(one)


def settings_in(path: Path) -> Iterator[tuple[str, str | None]]:
    """Variables that a file sets, with their values; None for those of secrets."""
    for resource in resources(path):
        if resource["kind"] == "ConfigMap":
            yield from resource["data"].items()
        for container in containers(resource):
            for variable in container.get("env", ()):
                yield variable["name"], variable.get("value")


@pytest.mark.parametrize(
    ("path", "resource"), ALL, ids=[f"{path.parent.name}/{path.stem}-{one['metadata']['name']}" for path, one in ALL]
)
def test_a_manifest_is_what_its_schema_says(path: Path, resource: dict[str, Any]) -> None:
    kind = f"{resource['apiVersion']}/{resource['kind']}"
    schema = next(one for one in SCHEMAS if kind in one["kinds"])
    jsonschema.Draft202012Validator({**schema, "$ref": schema["kinds"][kind]}).validate(resource)


def test_the_schemas_refuse_what_is_misspelt() -> None:
    deployment = resources(DEPLOY / "kubernetes/model-server/deployment.yaml")[0]
    service = resources(DEPLOY / "kserve/inference-service.yaml")[0]
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    service["spec"]["predictor"]["containers"][0]["securityContext"]["runAsNonroot"] = True
    for resource in (deployment, service):
        with pytest.raises(jsonschema.ValidationError, match=r"(was|were) unexpected"):
            test_a_manifest_is_what_its_schema_says(DEPLOY, resource)


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("kustomization.yaml")), ids=lambda path: path.parent.name)
def test_a_kustomization_names_all_that_lies_beside_it(path: Path) -> None:
    found = yaml.safe_load(path.read_text())
    named = {*found["resources"], *(patch["path"] for patch in found.get("patches", ()))}
    assert {name for name in named if not name.startswith("..")} == {
        *(one.name for one in path.parent.glob("*.yaml") if one != path),
        *(name for name in named if (path.parent / name / "kustomization.yaml").exists() and not name.startswith("..")),
    }
    assert all((path.parent / name).exists() for name in named)
    images = {
        container["image"]
        for name in named
        if name.endswith(".yaml")
        for one in resources(path.parent / name)
        for container in containers(one)
        if "image" in container
    }
    assert images == {image["name"] for image in found.get("images", ())}


def test_patches_name_what_is_there() -> None:
    base = {(one["kind"], one["metadata"]["name"]) for path, one in ALL if path.parent.name == "tracking-server"}
    patches = [one for path in POSTGRESQL.glob("*-patch.yaml") for one in resources(path)]
    assert {(one["kind"], one["metadata"]["name"]) for one in patches} <= base
    names = [container["name"] for one in patches for container in containers(one)]
    assert names == ["milepost"]


@pytest.mark.parametrize(
    "path", [*MANIFESTS, *POSTGRESQL.glob("*-patch.yaml")], ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_settings_exist_and_have_values_that_are_allowed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings_in(path):
        kind: type[Settings] | type[ServingSettings] = (
            ServingSettings if name.startswith("MILEPOST_SERVING_") else Settings
        )
        field = name.removeprefix(str(kind.model_config["env_prefix"])).lower()
        assert field in kind.model_fields, name
        if value is not None:
            monkeypatch.setenv(name, value)
            resolve(kind)


def commands() -> Iterator[list[str]]:
    """Arguments of `milepost` that manifests give."""
    for _, resource in ALL:
        for container in containers(resource):
            if "args" in container:
                yield container["args"]


@pytest.mark.parametrize("arguments", list(commands()), ids=" ".join)
def test_commands_are_understood(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, [*arguments, "--help"])
    assert result.exit_code == 0, result.output


def test_every_pod_runs_without_root_and_privileges() -> None:
    checked = 0
    for _, resource in ALL:
        spec = resource["spec"]["template"]["spec"] if resource["kind"] == "Deployment" else {}
        for container in containers(resource):
            security = {**spec.get("securityContext", {}), **container.get("securityContext", {})}
            assert security["runAsNonRoot"]
            assert security["runAsUser"] == 10001
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}
            if spec:
                assert security["readOnlyRootFilesystem"]
                assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]
                assert spec["automountServiceAccountToken"] is False
                # The variables of a service `milepost` would be taken for settings.
                assert spec["enableServiceLinks"] is False
            checked += 1
    assert checked >= 5


@pytest.mark.parametrize("folder", ["tracking-server", "model-server"])
def test_what_selects_pods_and_ports_finds_them(folder: str) -> None:
    found = {one["kind"]: one for path, one in ALL if path.parent.name == folder}
    spec = found["Deployment"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    ports = {port["name"]: port["containerPort"] for port in spec["template"]["spec"]["containers"][0]["ports"]}
    defaults = (Settings if folder == "tracking-server" else ServingSettings).model_fields
    assert ports == {"http": defaults["http_port"].default, "grpc": defaults["grpc_port"].default}
    assert {port["name"]: port["targetPort"] for port in found["Service"]["spec"]["ports"]} == {
        "http": "http",
        "grpc": "grpc",
    }
    selectors = [
        spec["selector"]["matchLabels"],
        found["Service"]["spec"]["selector"],
        found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ]
    selectors += [found[kind]["spec"]["selector"]["matchLabels"] for kind in ("PodDisruptionBudget",) if kind in found]
    assert all(selector == labels for selector in selectors)


def test_the_image_of_the_tracking_server_copies_what_is_there_and_sent_to_the_engine() -> None:
    lines = [line.split() for line in (DEPLOY / "Dockerfile").read_text().splitlines() if line.startswith("COPY ")]
    sources = [word for line in lines if not line[1].startswith("--") for word in line[1:-1]]
    sent = [line[1:] for line in (DEPLOY.parent / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert all((DEPLOY.parent / source).exists() for source in [*sources, *sent])
    assert all(any(path == source or path.startswith(f"{source}/") for path in sent) for source in sources)


def test_no_secret_is_in_the_files() -> None:
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            assert not re.search(r"://[^/\s:]+:(?!PASSWORD)[^/\s@]+@", path.read_text()), path
    assert not [resource for _, resource in ALL if resource["kind"] == "Secret"]
