"""TLS to vendors, with no word from the environment."""

import os
import ssl

from lkrshell.core import platform

# Where Linux distributions and macOS have their certificate authorities; Python may have been built elsewhere.
_AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def context(ca: str = "") -> ssl.SSLContext:
    """Trusts the system's certificate authorities, and those in the PEM file `ca`. OSError when that is not readable.

    Not by ssl.create_default_context: that takes others from SSL_CERT_FILE and SSL_CERT_DIR, and writes the
    connection's keys where SSLKEYLOGFILE says.
    """
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    found.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca:
        found.load_verify_locations(cafile=ca)
    if platform.WINDOWS:
        found.load_default_certs()
        return found
    own = ssl.get_default_verify_paths()  # the built-in places are named so, whatever the variables say
    for path in (own.openssl_cafile, *_AUTHORITIES):
        if os.path.isfile(path):
            found.load_verify_locations(cafile=path)
            break
    if os.path.isdir(own.openssl_capath):
        found.load_verify_locations(capath=own.openssl_capath)
    return found
