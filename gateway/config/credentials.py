"""Named credentials for cloud APIs: [credentials.NAME], told apart by `source`.

Describes where a key comes from; fetching and refreshing it is the providers' business.
"""

from typing import Annotated, Literal

from pydantic import Field

from gateway.config.block import Block, FileText, Secret
from gateway.config.values import HttpUrl, Word, unset


class EnvCredential(Block):
    """Keys from the environment, under the names that the clouds' own SDKs use, after `prefix`."""

    source: Literal["env"]
    prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]*$")] = ""


class StaticCredential(Block):
    """A long-lived key."""

    source: Literal["static"]
    access_key: FileText
    secret_key: Secret


class StsCredential(Block):
    """A temporary key with its token; not refreshed."""

    source: Literal["sts"]
    access_key: FileText
    secret_key: Secret
    security_token: Secret


class EcsMetadataCredential(Block):
    """Keys of the VM that the gateway runs on, from the cloud's metadata service.

    `cloud` None: that of the provider using it. `role` None: the one that the service names.
    `endpoint` None: the cloud's link-local address; another one is for tests.
    """

    source: Literal["ecs_metadata"]
    cloud: Annotated[Literal["alibaba", "huawei"] | None, unset] = None
    role: Annotated[Word | None, unset] = None
    endpoint: Annotated[HttpUrl | None, unset] = None


Credential = Annotated[
    EnvCredential | StaticCredential | StsCredential | EcsMetadataCredential, Field(discriminator="source")
]
