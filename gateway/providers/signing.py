"""How a request to a cloud proves who sends it: Huawei's SDK-HMAC-SHA256 and Alibaba's ACS3-HMAC-SHA256.

Pure: the same request and key give the same `Authorization`. Every header given is signed, so pass those that
are to be signed and no others. Sources and vectors: clouds.md §2.
"""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote, unquote

from yarl import URL

_HUAWEI = "SDK-HMAC-SHA256"
_ALIBABA = "ACS3-HMAC-SHA256"


def huawei(access_key: str, secret_key: str, method: str, url: URL, headers: Mapping[str, str], body: bytes) -> str:
    """`Authorization` for Huawei Cloud (clouds.md §2.1); `headers` must hold Host and X-Sdk-Date."""
    canonical = {name.lower(): value.strip() for name, value in headers.items() if "_" not in name}
    path = "/".join(_escape(segment) for segment in unquote(url.raw_path).split("/"))
    names, digest = _digest(method, path if path.endswith("/") else f"{path}/", url, canonical, body)
    signature = _hmac(secret_key, f"{_HUAWEI}\n{canonical['x-sdk-date']}\n{digest}")
    return f"{_HUAWEI} Access={access_key}, SignedHeaders={names}, Signature={signature}"


def alibaba(access_key: str, secret_key: str, method: str, url: URL, headers: Mapping[str, str], body: bytes) -> str:
    """`Authorization` for Alibaba Cloud (clouds.md §2.3); `headers` must hold host and all x-acs-* that are sent."""
    canonical = {name.lower(): value.strip() for name, value in headers.items()}
    names, digest = _digest(method, url.raw_path, url, canonical, body)
    signature = _hmac(secret_key, f"{_ALIBABA}\n{digest}")
    return f"{_ALIBABA} Credential={access_key},SignedHeaders={names},Signature={signature}"


def sha256(data: bytes) -> str:
    """The hex digest that both clouds want of a body."""
    return hashlib.sha256(data).hexdigest()


def _digest(method: str, path: str, url: URL, headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    """The signed headers' names, and the digest of the canonical request that the two schemes share."""
    query = "&".join(f"{_escape(name)}={_escape(value)}" for name, value in sorted(url.query.items()))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    names = ";".join(sorted(headers))
    return names, sha256(f"{method}\n{path}\n{query}\n{lines}\n{names}\n{sha256(body)}".encode())


def _hmac(key: str, text: str) -> str:
    return hmac.digest(key.encode(), text.encode(), "sha256").hex()


def _escape(text: str) -> str:
    return quote(text, safe="~")
