"""Makes `tests/deploy/schemas` from what Kubernetes and KServe publish, cut down to what our manifests can use.

    uv pip install --target KUBERNETES kubernetes-validate==1.37.0
    go mod download github.com/kserve/kserve@v0.19.0
    python tools/deploy_schemas.py KUBERNETES/kubernetes_validate $(go env GOMODCACHE)/github.com/kserve/kserve@v0.19.0

Both are under the Apache License 2.0, which the files say. Descriptions are left out, and unknown fields refused, as
the API server does with `kubectl apply --validate=strict`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

TARGET = Path(__file__).resolve().parent.parent / "tests/deploy/schemas"
KUBERNETES = "v1.35.0"
KINDS = {
    "apps/v1": ("Deployment",),
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
    "networking.k8s.io/v1": ("NetworkPolicy",),
    "policy/v1": ("PodDisruptionBudget",),
    "v1": ("ConfigMap", "Namespace", "PersistentVolumeClaim", "Secret", "Service", "ServiceAccount"),
}
KSERVE = {
    "InferenceService": "serving.kserve.io_inferenceservices.yaml",
    "ServingRuntime": "serving.kserve.io_servingruntimes.yaml",
}
# What our predictors may have. There is a schema more for each framework, and each repeats that of a container.
PREDICTOR = ("containers", "model", "minReplicas", "maxReplicas", "scaleMetric", "scaleTarget", "timeout")
_NOTES = (
    "description",
    "x-kubernetes-group-version-kind",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-patch-merge-key",
    "x-kubernetes-patch-strategy",
    "x-kubernetes-validations",
)


def main() -> None:
    """Writes both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kubernetes", type=Path)
    parser.add_argument("kserve", type=Path)
    given = parser.parse_args()
    TARGET.mkdir(parents=True, exist_ok=True)
    _write("kubernetes.json", kubernetes(given.kubernetes))
    _write("kserve.json", kserve(given.kserve))


def kubernetes(package: Path) -> dict[str, Any]:
    """The schemas of `KINDS`, and of what they refer to."""
    folder = package / "kubernetes-json-schema" / f"{KUBERNETES}-local-strict"
    known = json.loads((folder / "_definitions.json").read_text())["$defs"]
    kinds = {
        f"{version}/{kind}": _definition(known, version, kind) for version, names in KINDS.items() for kind in names
    }
    needed: dict[str, Any] = {}
    waiting = list(kinds.values())
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = _plain(known[name])
            waiting.extend(_references(needed[name]))
    return {
        "$comment": f"Of Kubernetes {KUBERNETES}, Apache License 2.0, by way of the package kubernetes-validate. Cut "
        "down by tools/deploy_schemas.py.",
        "kinds": {kind: f"#/definitions/{name}" for kind, name in kinds.items()},
        "definitions": dict(sorted(needed.items())),
    }


def _definition(known: dict[str, Any], version: str, kind: str) -> str:
    group, _, number = version.rpartition("/")
    wanted = {"group": group, "kind": kind, "version": number}
    return next(name for name, one in known.items() if wanted in one.get("x-kubernetes-group-version-kind", ()))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].rpartition("/")[2]
        for one in value.values():
            yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)


def kserve(module: Path) -> dict[str, Any]:
    """The schemas of KServe's resources, with one predictor in place of those for each framework."""
    kinds, definitions = {}, {}
    for kind, file in KSERVE.items():
        document = yaml.safe_load((module / "config/crd/full" / file).read_text())
        version = document["spec"]["versions"][0]
        schema = version["schema"]["openAPIV3Schema"]
        del schema["properties"]["status"]
        if kind == "InferenceService":
            predictor = schema["properties"]["spec"]["properties"]["predictor"]["properties"]
            schema["properties"]["spec"]["properties"] = {
                "predictor": {"type": "object", "properties": {name: predictor[name] for name in PREDICTOR}}
            }
        definitions[kind] = _closed(_plain(schema))
        kinds[f"serving.kserve.io/{version['name']}/{kind}"] = f"#/definitions/{kind}"
    return {
        "$comment": f"Of KServe {module.name.rpartition('@')[2]}, Apache License 2.0, from config/crd/full. Cut down "
        "by tools/deploy_schemas.py.",
        "kinds": kinds,
        "definitions": definitions,
    }


def _plain(schema: Any) -> Any:
    """The schema without what only people and merges need. Properties may be called like keywords."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _plain(one) for name, one in schema.items() if name not in (*_NOTES, "properties")}
    if "properties" in schema:
        found["properties"] = {name: _plain(one) for name, one in schema["properties"].items()}
    if "$ref" in found:
        found["$ref"] = f"#/definitions/{found['$ref'].rpartition('/')[2]}"
    return found


def _closed(schema: Any) -> Any:
    """The schema of a custom resource, whose unknown fields are refused, but for objects that may have any."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _closed(one) for name, one in schema.items() if name != "properties"}
    if "properties" in schema:
        found["properties"] = {name: _closed(one) for name, one in schema["properties"].items()}
        if "additionalProperties" not in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            found["additionalProperties"] = False
    return found


def _write(name: str, schemas: dict[str, Any]) -> None:
    (TARGET / name).write_text(json.dumps(schemas, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
