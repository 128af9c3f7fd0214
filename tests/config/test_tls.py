"""The certificate and key of the listener are tried when the configuration is loaded."""

import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.config.listen import server_context

OPEN = 'access.mode = "open"\n'


def _key(path: Path, password: bytes | None = None) -> ec.EllipticCurvePrivateKey:
    key = ec.generate_private_key(ec.SECP256R1())
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    return key


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    key = _key(tmp_path / "key.pem")
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "chain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return tmp_path / "chain.pem", tmp_path / "key.pem"


def _text(certificate: Path, key: Path) -> str:
    return f"listen.tls = {{ certificate = '{certificate}', key = '{key}' }}"


def test_a_pair_is_taken(load_text, pair: tuple[Path, Path]):
    tls = load_text(OPEN + _text(*pair)).listen.tls
    assert (tls.certificate, tls.key) == pair
    assert server_context(*pair).minimum_version >= ssl.TLSVersion.TLSv1_2


def test_an_empty_table_is_no_tls(load_text):
    assert load_text(OPEN + "listen.tls = {}").listen.tls is None


def test_a_key_of_another_certificate_is_a_fault(faults_of, pair: tuple[Path, Path]):
    _key(pair[1])
    assert faults_of(_text(*pair)) == ["listen.tls: certificate and key cannot be used together: KEY_VALUES_MISMATCH"]


def test_an_encrypted_key_is_a_fault_and_nobody_is_asked(faults_of, pair: tuple[Path, Path]):
    _key(pair[1], b"password")
    assert faults_of(_text(*pair)) == ["listen.tls: certificate and key cannot be used together: the key is encrypted"]


def test_missing_and_unfit_files_are_faults(faults_of, pair: tuple[Path, Path], tmp_path: Path):
    assert faults_of(_text(tmp_path / "no", tmp_path)) == [
        f"listen.tls.certificate: cannot read {tmp_path / 'no'}: No such file or directory",
        f"listen.tls.key: cannot read {tmp_path}: Is a directory",
    ]
    pair[0].write_text("no certificate")
    assert len(faults_of(_text(*pair))) == 1


def test_a_ca_file_without_certificates_is_a_fault(load_text, faults_of, pair: tuple[Path, Path]):
    lab = "providers.lab = {{ type = 'static', consoles = {{ a = 'tcp://h:1' }}, ca_file = '{}' }}"
    assert load_text(OPEN + lab.format(pair[0])).providers["lab"].ca_file == pair[0]
    assert faults_of(lab.format(pair[1])) == [f"providers.lab.ca_file: {pair[1]} holds no certificate (PEM)"]
