"""A certificate authority of our own, and certificates by it, for servers of a test or a drill."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# What the authority's key is for, and nothing else.
SIGNS = x509.KeyUsage(
    key_cert_sign=True,
    crl_sign=True,
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Certificates:
    """Files: of the authority, and of a server that it vouches for."""

    ca: Path
    certificate: Path
    key: Path


def make_certificates(folder: Path, *names: str, called: str = "server") -> Certificates:
    """A new authority, and a certificate by it for these names or addresses."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = named(f"{called}'s authority")
    ca = base(ca_name, ca_key.public_key()).issuer_name(ca_name)
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    ca_identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = ca.add_extension(ca_identifier, critical=False).add_extension(SIGNS, critical=True)
    subjects = x509.SubjectAlternativeName([alternative(each) for each in names])
    leaf = base(named(called), key.public_key()).issuer_name(ca_name).add_extension(subjects, critical=False)
    # From Python 3.13 on certificates are looked at strictly (RFC 5280): one that doesn't name these is refused.
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_identifier)
    leaf = leaf.add_extension(issuer, critical=False)
    written = Certificates(*(folder / f"{called}-{part}.pem" for part in ("ca", "certificate", "key")))
    written.ca.write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    written.certificate.write_bytes(leaf.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    written.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain),
    )
    return written


def base(subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    """What both have."""
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject_name=subject, public_key=key, serial_number=x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=2))


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def alternative(name: str) -> x509.GeneralName:
    """A host by address or by name."""
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
