"""Keys that don't change while the process lives: from the configuration or the environment."""

from collections.abc import Mapping
from typing import Literal

from pydantic import SecretStr

from gateway.errors import ConfigurationError
from gateway.providers.keys import Keys

Cloud = Literal["alibaba", "huawei"]

# The names that the clouds' own SDKs read: key, secret, token.
_VARIABLES: Mapping[Cloud, tuple[str, str, str]] = {
    "alibaba": ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"),
    "huawei": ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN"),
}


class FixedSource:
    """The same keys for ever. Raises ConfigurationError for what cannot be one, such as a pasted line break."""

    margin = 0.0

    def __init__(self, keys: Keys) -> None:
        if not keys.fit_for_headers:
            raise ConfigurationError("the key has characters that no key has: a line break, a space, or no ASCII")
        self.account = keys.access_key
        self._keys = keys

    async def fetch(self) -> Keys:
        """The keys."""
        return self._keys


def from_environment(cloud: Cloud, prefix: str, environ: Mapping[str, str]) -> FixedSource:
    """Keys under the SDKs' own names, each after `prefix`. ConfigurationError if key or secret is missing."""
    key, secret, token = (f"{prefix}{name}" for name in _VARIABLES[cloud])
    missing = [name for name in (key, secret) if not environ.get(name)]
    if missing:
        raise ConfigurationError(f"{' and '.join(missing)} must be set in the environment")
    security_token = environ.get(token)
    return FixedSource(
        Keys(environ[key], SecretStr(environ[secret]), SecretStr(security_token) if security_token else None)
    )
