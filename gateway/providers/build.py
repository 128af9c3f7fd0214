"""From the configuration to providers: which parts each type is made of, and which it shares with others.

A named credential is one object for all its users: refreshed once, and once rejected at rest for all. It stays the same
one for as long as its settings do.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from gateway.config.credentials import EcsMetadataCredential, EnvCredential, StaticCredential, StsCredential
from gateway.config.providers import AlibabaSettings, CloudSettings, HttpSettings, HuaweiSettings, StaticSettings
from gateway.config.settings import Settings
from gateway.errors import ConfigurationError
from gateway.providers import alibaba, huawei, refusals
from gateway.providers.alibaba import AlibabaProvider
from gateway.providers.api import Caller
from gateway.providers.calls import SignedCalls
from gateway.providers.hosts import AllowedHosts
from gateway.providers.http import HttpProvider
from gateway.providers.huawei import HuaweiProvider
from gateway.providers.key_sources import Cloud, FixedSource, from_environment
from gateway.providers.keys import Credentials, Keys, KeySource
from gateway.providers.metadata import AlibabaMetadata, HuaweiMetadata
from gateway.providers.outlet import Outlet, trust
from gateway.providers.provider import Provider
from gateway.providers.static import StaticProvider


@dataclass(frozen=True, slots=True)
class Built:
    """What was made of `settings`: providers by name, and the credentials that they use."""

    settings: Settings
    providers: Mapping[str, Provider]
    credentials: Mapping[tuple[str, Cloud], Credentials]


def build(
    settings: Settings, http: aiohttp.ClientSession, environ: Mapping[str, str], before: Built | None = None
) -> Built:
    """All configured providers; `http` is closed by the caller, after them.

    `before`: what is in use now. Credentials with the same settings are taken from there, with what was learnt of them:
    temporary keys, and which ones a cloud has rejected. Raises ConfigurationError with one line for each fault.
    """
    builder = _Builder(settings, http, environ, before)
    providers: dict[str, Provider] = {}
    faults: list[str] = []
    for name in settings.providers:
        try:
            providers[name] = builder.provider(name)
        except ConfigurationError as error:
            faults.extend(str(error).splitlines())
    if faults:
        raise ConfigurationError("\n".join(dict.fromkeys(faults)))
    return Built(settings, providers, builder.credentials)


class _Builder:
    def __init__(
        self, settings: Settings, http: aiohttp.ClientSession, environ: Mapping[str, str], before: Built | None
    ) -> None:
        self._settings = settings
        self._http = http
        self._environ = environ
        self._tls: ssl.SSLContext = trust()
        self.credentials: dict[tuple[str, Cloud], Credentials] = {}
        if before is not None:
            self.credentials |= {
                (name, cloud): known
                for (name, cloud), known in before.credentials.items()
                if settings.credentials.get(name) == before.settings.credentials[name]
            }

    def provider(self, name: str) -> Provider:
        settings = self._settings.providers[name]
        try:
            outlet = Outlet.of(settings, self._tls)
        except ConfigurationError as error:
            raise ConfigurationError(f"providers.{name}.ca_file: {error}") from error
        caller = Caller(self._http, tls=outlet.tls, proxy=outlet.proxy)
        match settings:
            case StaticSettings():
                return StaticProvider(
                    name, settings.consoles, allowed=AllowedHosts(settings.allowed_hosts), outlet=outlet
                )
            case HttpSettings():
                return HttpProvider(
                    name,
                    url=settings.url,
                    bearer=settings.bearer,
                    caller=caller,
                    allowed=AllowedHosts(settings.allowed_hosts),
                    outlet=outlet,
                )
            case AlibabaSettings():
                return AlibabaProvider(
                    name,
                    region=settings.region,
                    api=settings.endpoint or alibaba.endpoint(settings.region),
                    calls=self._calls(name, settings, "alibaba", caller),
                    allowed=AllowedHosts((*alibaba.HOSTS, *settings.allowed_hosts)),
                    outlet=outlet,
                )
            case HuaweiSettings():
                return HuaweiProvider(
                    name,
                    project=settings.project_id,
                    api=settings.endpoint or huawei.endpoint(settings.region),
                    calls=self._calls(name, settings, "huawei", caller),
                    allowed=AllowedHosts((*huawei.HOSTS, *settings.allowed_hosts)),
                    outlet=outlet,
                )

    def _calls(self, name: str, settings: CloudSettings, cloud: Cloud, caller: Caller) -> SignedCalls:
        credentials = self._named(name, settings.credentials, cloud)
        if cloud == "alibaba":
            return SignedCalls(caller, credentials, refusals.ALIBABA, refusals.alibaba_code)
        return SignedCalls(caller, credentials, refusals.HUAWEI, refusals.huawei_code)

    def _named(self, provider: str, name: str, cloud: Cloud) -> Credentials:
        if name not in self._settings.credentials:
            raise ConfigurationError(f"providers.{provider}.credentials: there is no [credentials.{name}]")
        if (name, cloud) not in self.credentials:
            try:
                source = self._source(name, cloud)
            except ConfigurationError as error:
                raise ConfigurationError(f"credentials.{name}: {error}") from error
            self.credentials[name, cloud] = Credentials(name, source)
        return self.credentials[name, cloud]

    def _source(self, name: str, cloud: Cloud) -> KeySource:
        match self._settings.credentials[name]:
            case StaticCredential(access_key=access_key, secret_key=secret_key):
                return FixedSource(Keys(access_key, secret_key))
            case StsCredential(access_key=access_key, secret_key=secret_key, security_token=token):
                return FixedSource(Keys(access_key, secret_key, token))
            case EnvCredential(prefix=prefix):
                return from_environment(cloud, prefix, self._environ)
            case EcsMetadataCredential(role=role, cloud=asked, endpoint=endpoint):
                caller = Caller(self._http)  # the metadata service is on the link: no proxy, no TLS
                if (asked or cloud) != cloud:
                    raise ConfigurationError(f"keys of cloud {asked} are of no use to a provider of type {cloud}")
                if cloud == "huawei":
                    return HuaweiMetadata(name, caller, endpoint)
                return AlibabaMetadata(name, caller, role, endpoint)
