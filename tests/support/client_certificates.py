"""Certificates of clients (mTLS), for tests: an authority that issues them under any name, for any time and use."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from support.certificates import Certificate


class ClientAuthority:
    """Its own certificate is in `file`."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"clients of {directory.name}")])
        now = datetime.now(UTC)
        builder = _builder(self._name, self._name, self._key, now - timedelta(hours=1), now + timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.file = directory / "authority.pem"
        self.file.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, common: str, *dns: str, days: int = 1, for_servers: bool = False) -> "ClientCertificate":
        """A certificate for `common` that ends in `days`, which may be past."""
        key = ec.generate_private_key(ec.SECP256R1())
        end = datetime.now(UTC) + timedelta(days=days)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])
        builder = _builder(subject, self._name, key, end - timedelta(days=2), end)
        use = ExtendedKeyUsageOID.SERVER_AUTH if for_servers else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        if dns:
            names = x509.SubjectAlternativeName([x509.DNSName(name) for name in dns])
            builder = builder.add_extension(names, critical=False)
        file = self._directory / f"{x509.random_serial_number()}.pem"
        plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        signed = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        file.write_bytes(signed + key.private_bytes(*plain))
        return ClientCertificate(file)


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate and its key, both in `file`."""

    file: Path

    def context(self, server: Certificate) -> ssl.SSLContext:
        """Shows this certificate to `server` and trusts its authority."""
        context = server.client_context()
        context.load_cert_chain(self.file)
        return context


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
