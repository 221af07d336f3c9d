# SPDX-License-Identifier: Apache-2.0
"""Certificates and password hashes for tests, made by OpenSSL and libcrypt."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path


def _openssl(*arguments: str | Path) -> None:
    result = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {result.stderr}")


class Authority:
    """Signs certificates; its own is `certificate`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.certificate = folder / f"{name}.crt"
        self._key = folder / f"{name}.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", f"/CN={name}", "-keyout", self._key, "-out", self.certificate)

    def sign(self, name: str, san: str) -> tuple[Path, Path]:
        """Certificate and key; `san` as OpenSSL writes it: DNS:localhost,IP:127.0.0.1."""
        certificate, key, request, extension = (self.folder / f"{name}.{end}" for end in ("crt", "key", "csr", "ext"))
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name[-60:]}",
                 "-keyout", key, "-out", request)
        extension.write_text(f"subjectAltName={san}\n")
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
                 "-days", "2", "-extfile", extension, "-out", certificate)
        return certificate, key


def bcrypt(password: str, cost: int = 10) -> str:
    """As htpasswd -B makes it."""
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    made = library.crypt(password.encode(), f"$2y${cost:02}$wattvisorwattvisorwatu".encode())
    if not made or len(made) != 60:
        raise RuntimeError("libcrypt knows no bcrypt")
    return str(made.decode())
