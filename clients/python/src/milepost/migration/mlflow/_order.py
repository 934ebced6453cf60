"""Parents before their children."""

from __future__ import annotations

from collections.abc import Mapping


def parents_first(times: Mapping[str, int], parents: Mapping[str, str]) -> list[str]:
    """Ids by time, each after its parent where it has one among them. Of a ring, the parent of one comes later.

    Args:
        times: Time of each id.
        parents: Parent of those that have one, perhaps none of `times`.
    """
    order: dict[str, None] = {}
    for run_id in sorted(times, key=lambda one: (times[one], one)):
        line: dict[str, None] = {}
        while run_id in times and run_id not in order and run_id not in line:
            line[run_id] = None
            run_id = parents.get(run_id, "")
        order.update(dict.fromkeys(reversed(line)))
    return list(order)
