"""The whole configuration as one frozen value.

Building it reads neither files nor environment, except the secret files that it names; load.py does.
"""

from pydantic import model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.config.access import Access, Admin
from gateway.config.block import prepare
from gateway.config.blocks import Audit, Keepalive, Limits, Log, Reconnect, SessionLimits, overlay
from gateway.config.credentials import Credential
from gateway.config.listen import Listen
from gateway.config.providers import AnyProvider
from gateway.config.state import State
from gateway.config.values import Name


class Settings(BaseSettings):
    """Every table of the configuration file."""

    model_config = SettingsConfigDict(
        title="Configuration of vnc-gateway", frozen=True, extra="forbid", hide_input_in_errors=True
    )

    listen: Listen = Listen()
    admin: Admin = Admin()
    access: Access = Access()
    state: State = State()
    credentials: dict[Name, Credential] = {}
    providers: dict[Name, AnyProvider] = {}
    keepalive: Keepalive = Keepalive()
    reconnect: Reconnect = Reconnect()
    limits: Limits = Limits()
    log: Log = Log()
    audit: Audit = Audit()

    @model_validator(mode="before")
    @classmethod
    def _prepare(cls, data: object) -> object:
        return prepare(cls, data)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 -- the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- likewise
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- likewise
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- likewise
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave out the sources that pydantic-settings would read by itself."""
        return cls.sources(init_settings)

    @classmethod
    def sources(cls, given: PydanticBaseSettingsSource) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the caller only; load.py has others."""
        return (given,)

    def keepalive_for(self, provider: str) -> Keepalive:
        """Give [keepalive] with the provider's own keys put over it."""
        return overlay(self.keepalive, self.providers[provider].keepalive)

    def reconnect_for(self, provider: str) -> Reconnect:
        """Give [reconnect] with the provider's own keys put over it."""
        return overlay(self.reconnect, self.providers[provider].reconnect)

    def limits_for(self, provider: str) -> SessionLimits:
        """Give the session's part of [limits] with the provider's own keys put over it."""
        return overlay(self.limits, self.providers[provider].limits)
