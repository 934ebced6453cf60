"""The served models as the Open Inference Protocol shows and changes them, for both of its transports."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from milepost import v1 as pb
from milepost.errors import BadModelUri
from milepost.models.registry.uri import AliasUri, VersionUri, parse_uri
from milepost_server.errors import NotFound, invalid_field, required_field
from milepost_server.serving import inference as v2
from milepost_server.serving.checks.contract import TensorSpec
from milepost_server.serving.codecs.datatypes import datatype_of
from milepost_server.serving.models.repository import Repository

EXTENSIONS = ("model_repository", "binary_tensor_data")
DEFAULT_ALIAS = "champion"

# The longest text that is a number of a version.
_MOST_DIGITS = 18
_States = pb.ServedVersion
_STATES = {
    _States.STATE_LOADING: "LOADING",
    _States.STATE_READY: "READY",
    _States.STATE_FAILED: "UNAVAILABLE",
    _States.STATE_DRAINING: "UNLOADING",
}


class InferenceModels:
    """The served models.

    Args:
        repository: Has them.
        all_ready: Whether the server can answer for all models that it is to serve.
    """

    def __init__(self, repository: Repository, all_ready: Callable[[], bool]) -> None:
        self._repository = repository
        self.all_ready = all_ready

    def ready(self, name: str, version: str) -> bool:
        """Whether a model, or one version of it, can answer. False for one that is not served."""
        try:
            return _is_ready(self._repository.get(name), version_number(version))
        except NotFound:
            return False

    def metadata(self, name: str, version: str) -> v2.ModelMetadataResponse:
        """What a model takes and gives.

        Raises:
            NotFound: `SERVED_MODEL_NOT_FOUND`.
        """
        served = self._repository.get(name)
        # Without a number a canary could answer, whose signature may be another.
        with self._repository.lease(name, version_number(version) or served.live_version) as loaded:
            contract = loaded.contract
            return v2.ModelMetadataResponse(
                name=loaded.model,
                versions=[str(each.version) for each in served.versions if each.state == _States.STATE_READY],
                platform=f"milepost_{loaded.flavor}",
                inputs=[_tensor(spec) for spec in contract.inputs],
                outputs=[_tensor(spec) for spec in contract.outputs],
                parameters={"content_type": "pd" if contract.takes_columns else "np"},
            )

    def index(self, repository_name: str, ready: bool) -> v2.RepositoryIndexResponse:
        """All versions of all models.

        Raises:
            InvalidArgument: Another repository than the only one is asked for.
        """
        _check_repository(repository_name)
        index = v2.RepositoryIndexResponse()
        for model in self._repository.list():
            for version in model.versions:
                if not ready or version.state == _States.STATE_READY:
                    state = _STATES.get(version.state, "UNAVAILABLE")
                    reason = "" if version.state == _States.STATE_READY else version.message
                    index.models.add(name=model.name, version=str(version.version), state=state, reason=reason)
        return index

    async def load(self, repository_name: str, name: str, parameters: Mapping[str, object]) -> None:
        """Serves a registered model, as the proto says.

        Raises:
            DomainError: It has no such name, parameter, version or alias, or could not be loaded.
        """
        _check_repository(repository_name)
        source = str(_source(name, parameters))
        try:
            # A name with signs that have a meaning in URIs must not become another model.
            parsed = parse_uri(source)
        except BadModelUri:
            parsed = None
        if not isinstance(parsed, AliasUri | VersionUri) or parsed.name != name:
            raise invalid_field("model_name", "must be the name of a registered model, and its alias that of an alias")
        await self._repository.load(source, name)

    async def unload(self, repository_name: str, name: str, parameters: Mapping[str, object]) -> None:
        """Ends serving of a model.

        Raises:
            DomainError: It is not served, or a parameter is unknown.
        """
        _check_repository(repository_name)
        _check_parameters(parameters, ("unload_dependents",))
        await self._repository.unload(name)


def version_number(text: str) -> int:
    """The number of a version in the protocol's form; 0 for an empty text.

    Raises:
        NotFound: The text is no number.
    """
    if not text:
        return 0
    if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
        return int(text)
    raise NotFound(
        "The model has no such version: versions are numbers, such as 3. Leave it out for the live one.",
        reason=pb.ERROR_REASON_SERVED_MODEL_NOT_FOUND,
    )


def _tensor(spec: TensorSpec) -> v2.ModelMetadataResponse.TensorMetadata:
    return v2.ModelMetadataResponse.TensorMetadata(name=spec.name, datatype=datatype_of(spec.dtype), shape=spec.shape)


def _is_ready(model: pb.ServedModel, number: int) -> bool:
    wanted = number or model.live_version
    return any(
        version.version == wanted and version.state == _States.STATE_READY and version.ready_workers > 0
        for version in model.versions
    )


def _source(name: str, parameters: Mapping[str, object]) -> AliasUri | VersionUri:
    if not name:
        raise required_field("model_name")
    _check_parameters(parameters, ("version", "alias"))
    version, alias = parameters.get("version"), parameters.get("alias", DEFAULT_ALIAS)
    if version is None:
        if not isinstance(alias, str):
            raise invalid_field("parameters.alias", "must be a text")
        return AliasUri(name, alias)
    if "alias" in parameters:
        raise invalid_field("parameters.alias", "cannot be given together with version; leave one out")
    number = version_number(version) if isinstance(version, str) else version
    if type(number) is not int or number < 1:
        raise invalid_field("parameters.version", "must be the number of a version, from 1")
    return VersionUri(name, number)


def _check_repository(name: str) -> None:
    if name:
        raise invalid_field("repository_name", "must be empty: there is one repository, the model registry")


def _check_parameters(given: Mapping[str, object], known: tuple[str, ...]) -> None:
    if any(name not in known for name in given):
        raise invalid_field(
            "parameters", f"may have {' and '.join(known)} only: models come from the registry as they are"
        )
