"""TLS to vendors. The environment does not influence it."""

import os
import ssl

from lkrshell.core import platform

# Where Linux distributions and macOS keep certificate authorities. This Python's default may be elsewhere.
_AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def context(ca: str = "") -> ssl.SSLContext:
    """Trusts the system's certificate authorities, and those in the PEM file `ca`. OSError if that cannot be read.

    Does not use ssl.create_default_context, which trusts SSL_CERT_FILE and SSL_CERT_DIR, and writes the connection's
    keys to SSLKEYLOGFILE.
    """
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca:
        found.load_verify_locations(cafile=ca)
    if platform.WINDOWS:
        found.load_default_certs()
        return found
    own = ssl.get_default_verify_paths()  # these attributes name the built-in places, even if the variables are set
    for path in (own.openssl_cafile, *_AUTHORITIES):
        if os.path.isfile(path):
            found.load_verify_locations(cafile=path)
            break
    if os.path.isdir(own.openssl_capath):
        found.load_verify_locations(capath=own.openssl_capath)
    return found
