"""Names of artifacts. What came from outside becomes an `ArtifactPath` once, here, or is refused."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from milepost import v1 as pb
from milepost_server.errors import InvalidArgument, invalid_field, quote

MAX_SEGMENTS = 64
MAX_SEGMENT_BYTES = 255
MAX_PATH_BYTES = 1024
RESERVED_PREFIX = ".milepost-"

# Composing never makes a text shorter than a quarter, so what is longer than this is too long in any form. Checked
# first, so that a hostile megabyte is not normalised.
_MAX_RAW_CHARACTERS = 4 * MAX_PATH_BYTES
_DRIVE = re.compile(r"[A-Za-z]:(/|$)")
# Backslash and percent sign mean a separator and an encoding elsewhere; the rest makes a name look like another one:
# C0 and C1 controls, line and paragraph separators, marks and overrides of writing direction, the byte order mark.
_FORBIDDEN = re.compile("[\\\\%\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True, slots=True, order=True)
class ArtifactPath:
    """A relative path that cannot leave its root. Made by `parse` only.

    Args:
        segments: 1-64 names in Unicode normal form C, from the top folder to the file.
    """

    segments: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, *, field: str = "path") -> ArtifactPath:
        """Reads a path whose segments are separated by `/`; names are brought to Unicode normal form C.

        Raises:
            InvalidArgument: `BAD_PATH`, naming `field`, the value and the rule that it breaks.
        """
        if len(text) > _MAX_RAW_CHARACTERS:
            raise _bad_path(field, text, f"is longer than {MAX_PATH_BYTES} bytes; shorten it")
        normal = unicodedata.normalize("NFC", text)
        problem = _problem(normal)
        if problem:
            raise _bad_path(field, text, problem)
        return cls(tuple(normal.split("/")))

    def __str__(self) -> str:
        return "/".join(self.segments)

    @property
    def name(self) -> str:
        """The last segment."""
        return self.segments[-1]

    @property
    def parent(self) -> ArtifactPath | None:
        """The folder that holds it. None when that is the run's artifact folder itself."""
        return ArtifactPath(self.segments[:-1]) if len(self.segments) > 1 else None


def _problem(path: str) -> str:
    """What is wrong with a normalised path and what to do, or nothing."""
    if not path:
        return "is empty; name a file, such as 'plots/loss.png'"
    if path.startswith("/"):
        return "is absolute; give it relative to the run's artifact folder"
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "holds a lone surrogate, which has no UTF-8 form; rename the file"
    if size > MAX_PATH_BYTES:
        return f"is {size} bytes long and at most {MAX_PATH_BYTES} are allowed; shorten it"
    if forbidden := _FORBIDDEN.search(path):
        return f"holds the forbidden character U+{ord(forbidden.group()):04X}; rename the file"
    if _DRIVE.match(path):
        return "begins with a drive letter; give it relative to the run's artifact folder"
    segments = path.split("/")
    if len(segments) > MAX_SEGMENTS:
        return f"has {len(segments)} segments and at most {MAX_SEGMENTS} are allowed; nest less deeply"
    return next(filter(None, map(_segment_problem, segments)), "")


def _segment_problem(segment: str) -> str:
    if not segment:
        return "has an empty segment; remove the doubled or trailing '/'"
    if segment in {".", ".."}:
        return f"has the segment {segment!r}; give the path without it"
    # Without case, since some file systems do not see it.
    if segment.casefold().startswith(RESERVED_PREFIX):
        return f"has a name that begins with {RESERVED_PREFIX!r}, which is reserved; rename it"
    size = len(segment.encode())
    if size > MAX_SEGMENT_BYTES:
        return f"has a segment of {size} bytes and at most {MAX_SEGMENT_BYTES} are allowed; shorten the name"
    return ""


def _bad_path(field: str, text: str, problem: str) -> InvalidArgument:
    shown = quote(text)
    return invalid_field(field, f"{shown} {problem}", reason=pb.ERROR_REASON_BAD_PATH, path=shown)
