"""A store behind TLS, as on the Hub: read by the ways of Python, with the same exactness."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl

import pytest
import torch
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from range_server import Faults, RangeServer
from source_reading import DATA, FAULTS, QUICK, read, read_parts

import voxpress as vp
from voxpress.errors import RemoteError
from voxpress.loaders import VolumeStream
from voxpress.store.sources.http import HttpSource


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a certificate of 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(scope="module")
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "c.0").write_bytes(DATA)
    return folder


@pytest.mark.usefixtures("trusted")
def test_bytes_are_those_of_the_file_over_one_connection(folder, tls):
    with RangeServer(folder, tls=tls) as server:
        source = HttpSource(server.url)
        assert not source.fills_parts
        assert read(source, "c.0", 17, 200_000) == DATA[17:200_017]
        assert source.read_all("c.0", most=300_000) == DATA
        assert b"".join(read_parts(source, "c.0", 5, [100_000, 4, 100_000])) == DATA[5:200_009]
        assert (server.requests, server.connections) == (3, 1)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_not_seen(folder, tls, fault):
    with RangeServer(folder, tls=tls, faults=Faults(**{fault: 1.0}, first=2, trickle_s=0.05)) as server:
        assert read(HttpSource(server.url, limits=QUICK), "c.0", 1000, 200_000) == DATA[1000:201_000]
        assert [request.fault for request in server.log] == [fault, fault, None]


@pytest.mark.usefixtures("trusted")
def test_an_answer_in_parts_may_come_from_where_a_plain_server_leads(folder, tls):
    with RangeServer(folder, tls=tls) as there, RangeServer(redirect_to=there.url) as here:
        assert b"".join(read_parts(HttpSource(here.url), "c.0", 0, [100_000, 4, 100_000])) == DATA[:200_004]


def test_a_certificate_of_nobody_is_refused(folder, tls):
    with RangeServer(folder, tls=tls) as server, pytest.raises(RemoteError, match="is not trusted"):
        read(HttpSource(server.url), "c.0", 0, 10)


@pytest.mark.usefixtures("trusted")
def test_an_epoch_is_exact(tiny_store, tls):
    with RangeServer(tiny_store, tls=tls) as server:
        found, near = (
            torch.cat([batch["image"] for batch in VolumeStream(vp.open(place), keys=("image",), batch_size=2)])
            for place in (server.url, tiny_store)
        )
    assert len(found)
    assert torch.equal(found.as_tensor(), near.as_tensor())
