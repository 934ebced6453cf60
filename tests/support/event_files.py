"""Event files of TensorBoard for tests, written record by record with tensorboardX."""

from __future__ import annotations

from pathlib import Path
from struct import pack
from typing import Any

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboardX.proto.tensor_pb2 import TensorProto
from tensorboardX.record_writer import RecordWriter, masked_crc32c

START_S = 1_700_000_000.0
FIRST_FILE = "events.out.tfevents.1700000000.host"


def scalar_event(tag: str, value: float, step: int) -> Event:
    return event(Summary.Value(tag=tag, simple_value=value), step)


def tensor_event(plugin: str, tag: str, tensor: TensorProto, step: int = 0) -> Event:
    data = SummaryMetadata.PluginData(plugin_name=plugin)
    return event(Summary.Value(tag=tag, tensor=tensor, metadata=SummaryMetadata(plugin_data=data)), step)


def event(value: Any, step: int = 0) -> Event:
    return Event(wall_time=START_S + step, step=step, summary=Summary(value=[value]))


def write_events(folder: Path, *events: Event | bytes, name: str = FIRST_FILE) -> Path:
    """Makes an event file of events, or of what is in their place."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    writer = RecordWriter(str(file))
    for one in events:
        writer.write(one if isinstance(one, bytes) else one.SerializeToString())
    writer.close()
    return file


def header(length: int) -> bytes:
    """The beginning of a record that says it has so many bytes, with the right checksum."""
    return pack("<QI", length, masked_crc32c(pack("<Q", length)))
