# SPDX-License-Identifier: LGPL-2.1-or-later
"""A certificate authority of the test's own, and a certificate of this machine by it."""

import os
import subprocess

CERTTOOL, CERTUTIL = "certtool", "certutil"
TOOLS = (CERTTOOL, CERTUTIL)

AUTHORITY = """
cn = "Authority of a test"
ca
cert_signing_key
expiration_days = 30
"""
SERVER = """
cn = "localhost"
dns_name = "localhost"
ip_address = "127.0.0.1"
signing_key
tls_www_server
expiration_days = 30
"""


def run(*command):
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)


class Authority:
    """Its files are in the folder, and go with it."""

    def __init__(self, folder):
        self.folder = folder
        self.root, root_key = self._make("authority", AUTHORITY, "--generate-self-signed")
        self.certificate, self.key = self._make(
            "server", SERVER, "--generate-certificate", "--load-ca-certificate", self.root, "--load-ca-privkey", root_key)

    def _make(self, name, template, *how):
        certificate, key, config = (os.path.join(self.folder, name + end) for end in (".pem", "-key.pem", ".cfg"))
        with open(config, "w", encoding="ascii") as file:
            file.write(template)
        run(CERTTOOL, "--generate-privkey", "--key-type", "ecdsa", "--curve", "secp256r1", "--no-text", "--outfile", key)
        run(CERTTOOL, *how, "--load-privkey", key, "--template", config, "--no-text", "--outfile", certificate)
        return certificate, key

    def add_to(self, database):
        """Whoever reads this database of NSS, a folder, trusts servers that it vouches for."""
        os.makedirs(database, exist_ok=True)
        run(CERTUTIL, "-N", "-d", f"sql:{database}", "--empty-password")
        run(CERTUTIL, "-A", "-d", f"sql:{database}", "-n", "authority", "-t", "C,,", "-i", self.root)
