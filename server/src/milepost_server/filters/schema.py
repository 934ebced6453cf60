"""What can be asked of each entity: its attributes, their kinds, and which families of keys it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from milepost_server.filters.ast import ValueKind


class Family(Enum):
    """A kind of operand that is reached by a prefix. The value is the prefix that messages show."""

    ATTRIBUTE = "attributes"
    METRIC = "metrics"
    PARAM = "params"
    TAG = "tags"
    DATASET = "dataset"


_PREFIXES = {
    Family.ATTRIBUTE: ("attributes", "attribute", "attr"),
    Family.METRIC: ("metrics", "metric"),
    Family.PARAM: ("params", "param", "parameters", "parameter"),
    Family.TAG: ("tags", "tag"),
    Family.DATASET: ("dataset", "datasets"),
}


@dataclass(frozen=True, eq=False)
class Schema:
    """What the filters and orders of one entity may name. Make few and keep them: a parser is built and kept for each.

    Args:
        entity: Singular name of the entity, which is also a prefix of its attributes, such as `run`.
        attributes: Kind of each attribute, by its name in the proto.
        aliases: Further names of attributes; they may hold spaces, and are then given in quotes.
        families: What can be named besides attributes.
        summaries: Whether the last word of an unquoted metric (`metrics.loss.min`), or a word after a quoted key, names
            a summary. When off, as in MLflow, such a word belongs to the key.
        tag_attributes: Tags that are attributes under another name: `tags.KEY` means the attribute.
        attribute_tags: Attributes that are tags: the key of each.
        twin_tags: Tags whose value an attribute may hold instead: a condition on one holds when it holds for either.
        text_params: Whether params are text only, so that a number beside one is a mistake.
        hiding_tag: A tag whose value `true` keeps an item out of what a filter finds, unless the filter names the tag.
        absent_tag: A tag that likewise keeps an item out, whatever its value.
    """

    entity: str
    attributes: Mapping[str, ValueKind]
    aliases: Mapping[str, str]
    families: frozenset[Family]
    summaries: bool
    tag_attributes: Mapping[str, str] = field(default_factory=dict)
    attribute_tags: Mapping[str, str] = field(default_factory=dict)
    twin_tags: Mapping[str, str] = field(default_factory=dict)
    text_params: bool = False
    hiding_tag: str = ""
    absent_tag: str = ""

    @cached_property
    def prefixes(self) -> Mapping[str, Family]:
        """The family that each prefix stands for."""
        prefixes = {prefix: family for family in self.families for prefix in _PREFIXES[family]}
        return prefixes | dict.fromkeys((*_PREFIXES[Family.ATTRIBUTE], self.entity), Family.ATTRIBUTE)


RUNS = Schema(
    entity="run",
    attributes={
        "run_id": ValueKind.TEXT,
        "experiment_id": ValueKind.INTEGER,
        "name": ValueKind.TEXT,
        "state": ValueKind.STATE,
        "user": ValueKind.TEXT,
        "description": ValueKind.TEXT,
        "parent_run_id": ValueKind.TEXT,
        "start_time": ValueKind.TIME,
        "end_time": ValueKind.TIME,
        "create_time": ValueKind.TIME,
        "update_time": ValueKind.TIME,
    },
    aliases={
        "run_name": "name",
        "run name": "name",
        "status": "state",
        "user_id": "user",
        "created": "start_time",
    },
    families=frozenset({Family.METRIC, Family.PARAM, Family.TAG, Family.DATASET}),
    summaries=True,
)

EXPERIMENTS = Schema(
    entity="experiment",
    attributes={
        "experiment_id": ValueKind.INTEGER,
        "name": ValueKind.TEXT,
        "description": ValueKind.TEXT,
        "create_time": ValueKind.TIME,
        "update_time": ValueKind.TIME,
    },
    aliases={"creation_time": "create_time", "last_update_time": "update_time"},
    families=frozenset({Family.TAG}),
    summaries=True,
)

REGISTERED_MODELS = Schema(
    entity="model",
    attributes={
        "name": ValueKind.TEXT,
        "description": ValueKind.TEXT,
        "alias": ValueKind.TEXTS,
        "create_time": ValueKind.TIME,
        "update_time": ValueKind.TIME,
    },
    aliases={"aliases": "alias", "creation_timestamp": "create_time", "last_updated_timestamp": "update_time"},
    families=frozenset({Family.TAG}),
    summaries=True,
)

MODEL_VERSIONS = Schema(
    entity="version",
    attributes={
        "name": ValueKind.TEXT,
        "version": ValueKind.NUMBER,
        "stage": ValueKind.STAGE,
        "status": ValueKind.VERSION_STATUS,
        "alias": ValueKind.TEXTS,
        "run_id": ValueKind.TEXT,
        "model_id": ValueKind.TEXT,
        "source_uri": ValueKind.TEXT,
        "sha256": ValueKind.TEXT,
        "user": ValueKind.TEXT,
        "description": ValueKind.TEXT,
        "create_time": ValueKind.TIME,
        "update_time": ValueKind.TIME,
    },
    aliases={
        "aliases": "alias",
        "version_number": "version",
        "source_path": "source_uri",
        "current_stage": "stage",
        "creation_timestamp": "create_time",
        "last_updated_timestamp": "update_time",
    },
    families=frozenset({Family.TAG}),
    summaries=True,
)

LOGGED_MODELS = Schema(
    entity="model",
    attributes={
        "model_id": ValueKind.TEXT,
        "name": ValueKind.TEXT,
        "run_id": ValueKind.TEXT,
        "experiment_id": ValueKind.INTEGER,
        "status": ValueKind.MODEL_STATUS,
        "model_type": ValueKind.TEXT,
        "create_time": ValueKind.TIME,
        "update_time": ValueKind.TIME,
    },
    aliases={
        "source_run_id": "run_id",
        "creation_timestamp": "create_time",
        "creation_time": "create_time",
        "last_updated_timestamp": "update_time",
    },
    families=frozenset({Family.METRIC, Family.PARAM, Family.TAG}),
    summaries=False,
)
