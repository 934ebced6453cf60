"""JSON for any message in some form, compiled once per message type.

In the standard form, written is what `google.protobuf.json_format` writes by default (camelCase, fields at their
default left out), with the keys of maps sorted. Read is what the mapping allows and nothing else, see
`MessageCodec.decode`; only field masks may be in proto spelling too. `JsonForm` says what other forms change.
"""

from __future__ import annotations

from typing import Any, cast

import orjson
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from milepost_server.rest import json_text
from milepost_server.rest.json_form import STANDARD_FORM, JsonForm
from milepost_server.rest.json_read import Read, Readers
from milepost_server.rest.json_write import Write, Writers
from milepost_server.rest.problem import Problem


class MessageCodec:
    """Converts messages of one type. Get it from `Codecs`."""

    def __init__(self, descriptor: Descriptor, read: Read, write: Write) -> None:
        self._class = message_factory.GetMessageClass(descriptor)
        self._read = read
        self.encode = write
        """A message as plain values that orjson writes: usually a dict.

        Raises:
            ValueError: The message holds what JSON has no form for, such as a time after the year 9999.
        """

    def encode_bytes(self, message: Message) -> bytes:
        """A message as JSON text in UTF-8. Raises `ValueError` as `encode` does."""
        return orjson.dumps(self.encode(message))

    def decode(self, value: Any, path: str = "") -> Message:
        """Reads a message from plain values as `json_text.parse` gives them.

        Args:
            value: Usually a dict, whose keys are fields in camelCase or in proto spelling.
            path: Where the message is in the request, in proto spelling, for errors. Empty: it is the request.

        Raises:
            InvalidArgument: An unknown field (unless the form is loose) or enum value, a fraction for an integer, a
                number out of range, a wrong type, two members of one oneof, one field in both spellings, a lone
                surrogate or a bare NaN (unless the form is loose). Its violation names the field by its full path.
        """
        message = self._class()
        try:
            self._read(message, value)
        except Problem as problem:
            raise problem.to_error(path) from None
        except RecursionError:
            raise Problem("is nested too deeply", "...").to_error(path) from None
        except UnicodeEncodeError:
            raise Problem("has a lone surrogate: send well-formed Unicode text", value).to_error(path) from None
        return message

    def decode_bytes(self, data: bytes, path: str = "") -> Message:
        """Reads a message from JSON text. Raises `InvalidArgument` as `json_text.parse` and `decode` do."""
        return self.decode(json_text.parse(data), path)


class Codecs:
    """The codecs of one form.

    Args:
        form: What they write and read.
    """

    def __init__(self, form: JsonForm) -> None:
        self.form = form
        self._readers, self._writers = Readers(form), Writers(form)
        self._made: dict[str, MessageCodec] = {}

    def of(self, message_type: Descriptor | type[Message]) -> MessageCodec:
        """The codec of a message type."""
        descriptor = cast("Descriptor", getattr(message_type, "DESCRIPTOR", message_type))
        name = descriptor.full_name
        found = self._made.get(name)
        if found is None:
            read, write = self._readers.of(descriptor), self._writers.of(descriptor)
            found = self._made[name] = MessageCodec(descriptor, read, write)
        return found


STANDARD_CODECS = Codecs(STANDARD_FORM)
