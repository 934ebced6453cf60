"""Settings of the server: a flag, else the environment (`MILEPOST_…`), else a TOML file, else the default."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource


class Settings(BaseSettings):
    """All settings, resolved once by the composition root. Flags are given as keyword arguments."""

    model_config = SettingsConfigDict(env_prefix="MILEPOST_", frozen=True, extra="forbid")

    data_dir: Path = Field(Path("milepost-data"), description="Folder of the embedded database and local artifacts.")
    host: str = Field("127.0.0.1", description="Address that both listeners bind to.")
    http_port: int = Field(5000, ge=0, le=65535, description="Port of HTTP; 0 takes a free one and prints it.")
    grpc_port: int = Field(5001, ge=0, le=65535, description="Port of gRPC; 0 takes a free one and prints it.")
    database_url: str = Field(
        "",
        description="sqlite:///PATH, or postgresql:// or mariadb:// with USER:PASSWORD@HOST:PORT/NAME. "
        "Default: a file in the data folder.",
    )
    artifact_root: str = Field(
        "", description="Path or fsspec URL where artifacts are kept. Default: artifacts/ in the data folder."
    )
    synchronous: Literal["FULL", "NORMAL"] = Field(
        "FULL",
        description="SQLite's durability. NORMAL is faster for lone writers, but a power loss may take the last "
        "acknowledged writes.",
    )
    max_message_bytes: int = Field(
        32 * 1024 * 1024, ge=1024, description="Most bytes of a message or an HTTP body that is no artifact stream."
    )
    max_concurrent_calls: int = Field(1000, ge=1, description="Most calls worked on at once; further ones are refused.")
    max_watches: int = Field(1000, ge=1, description="Most streams of changes at once; further ones are refused.")
    database_pool: int = Field(10, ge=1, description="Most connections to a database server.")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Host names, besides addresses and localhost, under which browsers may reach the server."
    )
    webhook_hosts: tuple[str, ...] = Field(
        (), description="Hosts that webhooks may reach although their addresses are not public, also over http."
    )
    drain_s: float = Field(10.0, ge=0, description="Seconds that accepted calls get to finish on shutdown.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severity logged.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="Form of the log; auto is console on a terminal and json elsewhere."
    )

    @property
    def sql_url(self) -> str:
        """The database URL with its default filled in."""
        return self.database_url or f"sqlite:///{(self.data_dir / 'milepost.db').absolute()}"

    @property
    def artifact_url(self) -> str:
        """The artifact root with its default filled in."""
        return self.artifact_root or str((self.data_dir / "artifacts").absolute())


Kind = TypeVar("Kind", bound=BaseSettings)


def load(config_file: Path | None = None, **flags: Any) -> Settings:
    """The settings of the tracking server; see `resolve`."""
    return resolve(Settings, config_file, **flags)


def resolve(kind: type[Kind], config_file: Path | None = None, **flags: Any) -> Kind:
    """Resolves settings.

    Args:
        kind: Their class.
        config_file: A TOML file whose keys are the settings' names. None for no file.
        flags: Values that win over all else; None stands for "not given".

    Raises:
        pydantic.ValidationError: A value is not allowed or a key is unknown.
        FileNotFoundError: `config_file` does not exist.
    """
    if config_file is not None and not config_file.is_file():
        raise FileNotFoundError(f"config file {str(config_file)!r} does not exist")

    class WithFile(kind):  # type: ignore[valid-type,misc]
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file)

    given = {name: value for name, value in flags.items() if value is not None}
    return cast(Kind, WithFile(**given))
