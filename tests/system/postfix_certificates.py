"""Certificates of the lab's mail hosts, made by the openssl command."""

import subprocess
from pathlib import Path

from lab import mail_key


def openssl(*command):
    subprocess.run(["openssl", *command], check=True, capture_output=True, timeout=60)


class Certificates:
    """Files with key and chain, by kind:

    lab      the lab's key, and nobody's name: what TLSA 3 1 1 of the table mean
    other    a key that no TLSA means, and nobody's name
    pkix     the host's name, signed by a CA that the sender trusts: ca_file
    wrong    the same with another host's name
    ta       the host's name, signed by the CA that TLSA 2 1 1 of the table mean,
             which comes along
    ta-wrong the same with another host's name
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.key = self._key("lab.key", mail_key.PEM)
        self.other_key = self.folder / "other.key"
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.other_key)
        self.ca_file = self._own(self.other_key, "ca.pem", "a CA")
        self.ta_key = self._key("ta.key", mail_key.CA_PEM)
        self.ta_file = self._own(self.ta_key, "ta.pem", "lab's CA")
        self.files = {"lab": self._with_key(self.key, self._own(self.key, "lab.crt", "lab")),
                      "other": self._with_key(self.other_key,
                                              self._own(self.other_key, "other.crt", "other"))}

    def _key(self, name, pem):
        path = self.folder / name
        path.write_text(pem)
        return path

    def _own(self, key, name, subject):
        path = self.folder / name
        openssl("req", "-x509", "-key", key, "-subj", f"/CN={subject}", "-days", "2",
                "-out", path)
        return path

    def _with_key(self, key, *certificates):
        """Postfix wants key, certificate, and who signed it."""
        path = certificates[0].with_suffix(".chain")
        path.write_text("".join(file.read_text() for file in (key, *certificates)))
        return path

    def _signed(self, name, host, ca, ca_key):
        request, extensions, path = (self.folder / f"{name}.{e}" for e in ("csr", "ext", "crt"))
        extensions.write_text(f"subjectAltName=DNS:{host}\n")
        openssl("req", "-new", "-key", self.key, "-subj", "/CN=mail host", "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial",
                "-days", "2", "-extfile", extensions, "-out", path)
        return path

    def file(self, kind, host=""):
        host = host.rstrip(".")
        if kind in self.files:
            return self.files[kind]
        named = "elsewhere.example" if kind in ("wrong", "ta-wrong") else host
        name = f"{kind}-{host}"
        if kind in ("ta", "ta-wrong"):
            return self._with_key(self.key, self._signed(name, named, self.ta_file, self.ta_key),
                                  self.ta_file)
        return self._with_key(self.key, self._signed(name, named, self.ca_file, self.other_key))
