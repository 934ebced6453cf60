"""Names for runs that come without one."""

from __future__ import annotations

import secrets

_ADJECTIVES = (
    "amber", "bold", "brisk", "calm", "clear", "crisp", "deft", "eager", "fair", "fleet", "fresh", "gentle", "glad",
    "golden", "keen", "lively", "lucid", "mellow", "neat", "nimble", "patient", "plucky", "quick", "quiet", "ready",
    "robust", "serene", "sharp", "silver", "steady", "sunny", "swift", "tidy", "vivid", "warm", "wise",
)  # fmt: skip
_NOUNS = (
    "badger", "bay", "beacon", "birch", "bridge", "brook", "cedar", "cliff", "comet", "crane", "delta", "falcon",
    "fjord", "forest", "garden", "harbor", "heron", "hill", "island", "lake", "lark", "lynx", "maple", "meadow", "mesa",
    "otter", "pine", "pond", "reef", "ridge", "river", "robin", "summit", "trail", "valley", "willow",
)  # fmt: skip


def make_run_name() -> str:
    """A name that people can tell from others at a glance, such as `brisk-otter-417`."""
    return f"{secrets.choice(_ADJECTIVES)}-{secrets.choice(_NOUNS)}-{secrets.randbelow(900) + 100}"
