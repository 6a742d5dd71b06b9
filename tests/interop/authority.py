"""Certificates for the servers of a test, which nobody else trusts."""

import pathlib
import subprocess

WAIT_SECONDS_MAX = 60


class Authority:
    """Signs certificates with the openssl program, in a folder of its own."""

    def __init__(self, folder, name):
        self.folder, self.name = pathlib.Path(folder), name
        self.certificate = self._path("pem")
        self._openssl("req", "-x509", *self._new_key(name), "-subj", f"/CN={name}", "-days", "2",
                      "-out", self.certificate)

    def _path(self, kind, name=None):
        return str(self.folder / f"{name or self.name}.{kind}")

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=WAIT_SECONDS_MAX)

    def _new_key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self._path("key", name)]

    def issue(self, name, host="DNS:localhost,IP:127.0.0.1", days=1):
        """(certificate, key), as files."""
        request, extensions = self._path("csr", name), self._path("ext", name)
        pathlib.Path(extensions).write_text(f"subjectAltName={host}\n")
        self._openssl("req", *self._new_key(name), "-subj", f"/CN={name}", "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._path("key"),
                      "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", self._path("pem", name))
        return self._path("pem", name), self._path("key", name)
