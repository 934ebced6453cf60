"""Prints what Python reads of models' folders: a line of JSON for each line of standard input, the path of one."""

import json
import sys
from pathlib import Path
from typing import Any

from milepost.models.environments.environment import read_environment
from milepost.models.format.descriptor import ModelDescriptor
from milepost.models.format.examples import read_example
from milepost.models.format.manifest import manifest_digest, verify_manifest
from milepost.models.loading import chosen_flavor
from milepost.models.signatures.enforcement import compile_inputs


def report(folder: Path) -> dict[str, Any]:
    """What is read, once the digests were compared and the example passed the signature."""
    digests = verify_manifest(folder, required=True)
    descriptor = ModelDescriptor.read(folder)
    environment = read_environment(folder)
    found = {
        "digest": manifest_digest(digests),
        "flavor": chosen_flavor(descriptor),
        "flavors": descriptor.flavors,
        "metadata": descriptor.metadata,
        "run_id": descriptor.run_id,
        "written": descriptor.create_time.timestamp(),
        "python": environment.python,
        "requirements": environment.requirements,
    }
    if descriptor.signature is not None:
        found["signature"] = descriptor.signature.to_dict()
    if descriptor.input_example is not None:
        data, found["params"] = read_example(folder, descriptor)
        passed = compile_inputs(descriptor.signature)(data)
        if hasattr(passed, "columns"):
            found["example"] = {name: [None if cell != cell else cell for cell in passed[name]] for name in passed}
        else:
            found["example"] = passed.tolist()
        found["request"] = json.loads((folder / "serving_input_example.json").read_text(encoding="utf-8"))
    return found


for line in sys.stdin:
    print(json.dumps(report(Path(line.removesuffix("\n"))), default=lambda scalar: scalar.item()), flush=True)
