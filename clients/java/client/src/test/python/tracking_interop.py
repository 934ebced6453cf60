"""Reads and writes runs for the tests of the Java client, as lines of text: see `Interop.java`.

tracking_interop.py ADDRESS read RUN_ID     prints the lines of a run
tracking_interop.py ADDRESS write           logs the lines of stdin to a new run, and prints its id
tracking_interop.py ADDRESS copy RUN_ID     logs the params of a run to a new one, and prints its id
"""

import struct
import sys
from collections import defaultdict

import milepost
from milepost import v1 as pb


def to_hex(text: str) -> str:
    """UTF-8 in hexadecimal digits."""
    return text.encode().hex()


def from_hex(digits: str) -> str:
    """The text of `to_hex`."""
    return bytes.fromhex(digits).decode()


def to_bits(value: float) -> str:
    """The bits of a double in hexadecimal digits."""
    return struct.pack(">d", value).hex()


def from_bits(digits: str) -> float:
    """The double of `to_bits`."""
    (value,) = struct.unpack(">d", bytes.fromhex(digits))
    return value


def param_line(key: str, value: object) -> str:
    """The line of a param."""
    if isinstance(value, bool):
        kind, text = "bool", str(value).lower()
    elif isinstance(value, int):
        kind, text = "int", str(value)
    elif isinstance(value, float):
        kind, text = "double", to_bits(value)
    else:
        kind, text = "string", to_hex(str(value))
    return f"param {to_hex(key)} {kind} {text}"


def read(client: milepost.Client, run_id: str) -> None:
    """Prints the lines of a run, by key."""
    run = client.runs.get(run_id)
    lines = [
        f"metric {to_hex(history.key)} {step} {time_ms} {to_bits(value)}"
        for history in client.metrics.histories(run_id)
        for step, time_ms, value in zip(*(column.tolist() for column in history.columns.values()), strict=True)
    ]
    lines += [param_line(key, value) for key, value in run.params.items()]
    lines += [f"tag {to_hex(key)} {to_hex(value)}" for key, value in run.tags.items()]
    lines.sort(key=lambda line: " ".join(line.split(" ")[:2]))
    print("\n".join(lines))


def write(client: milepost.Client) -> None:
    """Logs the lines of stdin to a new run."""
    params: dict[str, object] = {}
    tags: dict[str, str] = {}
    points: dict[str, list[tuple[int, int, float]]] = defaultdict(list)
    read_value = {"int": int, "double": from_bits, "string": from_hex, "bool": lambda text: text == "true"}
    for line in sys.stdin.read().split("\n"):
        what, key, *rest = line.split(" ")
        if what == "metric":
            points[from_hex(key)].append((int(rest[0]), int(rest[1]), from_bits(rest[2])))
        elif what == "tag":
            tags[from_hex(key)] = from_hex(rest[0])
        else:
            params[from_hex(key)] = read_value[rest[0]](rest[1])
    run = client.runs.create(params=params, tags=tags)
    run.log_metrics(
        [
            pb.MetricPoints(
                key=key,
                steps=[point[0] for point in column],
                timestamps_ms=[point[1] for point in column],
                values=[point[2] for point in column],
            )
            for key, column in points.items()
        ]
    )
    print(run.run_id)


def main() -> None:
    """Does what the arguments say."""
    address, verb, *rest = sys.argv[1:]
    with milepost.Client(address) as client:
        if verb == "read":
            read(client, rest[0])
        elif verb == "write":
            write(client)
        else:
            print(client.runs.create(params=client.runs.get(rest[0]).params).run_id)


main()
