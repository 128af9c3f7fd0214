"""Certificates for servers of tests: a small authority of their own, and a leaf for loopback."""

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM: what a server presents, its key, and the authority that a client must trust."""

    certificate: Path
    key: Path
    authority: Path

    def client_context(self) -> ssl.SSLContext:
        """Trusts this authority and no other."""
        return ssl.create_default_context(cafile=str(self.authority))

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def loopback_certificate(directory: Path, *, days: int = 1) -> Certificate:
    """Make an authority and a certificate for 127.0.0.1, ::1 and localhost in `directory`."""
    directory.mkdir(parents=True, exist_ok=True)
    files = Certificate(directory / "server.pem", directory / "server.key", directory / "authority.pem")
    until = datetime.now(UTC) + timedelta(days=days)
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _builder("test authority", "test authority", root_key, until)
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    root = root.add_extension(_usage(authority=True), critical=True)
    root = root.add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
    leaf = _builder("localhost", "test authority", leaf_key, until)
    leaf = leaf.add_extension(x509.SubjectAlternativeName(_names()), critical=False)
    leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    leaf = leaf.add_extension(issuer, critical=False)
    files.authority.write_bytes(_signed(root, root_key))
    files.certificate.write_bytes(_signed(leaf, root_key))
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files.key.write_bytes(leaf_key.private_bytes(*private))
    return files


def _builder(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, until: datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer))
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    return builder.not_valid_before(datetime.now(UTC) - timedelta(hours=1)).not_valid_after(until)


def _signed(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> bytes:
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _names() -> list[x509.GeneralName]:
    addresses = (ipaddress.ip_address(text) for text in ("127.0.0.1", "::1"))
    return [x509.DNSName("localhost"), *(x509.IPAddress(address) for address in addresses)]


def _usage(*, authority: bool) -> x509.KeyUsage:
    never = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only"), False
    )
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=authority, crl_sign=authority, decipher_only=False, **never
    )
