"""SMTP servers at the mail hosts of the lab: stand-ins, for whoever looks at TLS.

They greet, offer STARTTLS and take it with a certificate for the lab's one key
(lab.mail_key); there is no mail. All mail hosts are this one process, since the
lab's benchmarking networks are made local addresses meanwhile.
"""

import socketserver
import ssl
import subprocess
import threading
from pathlib import Path

from lab.mail_key import PEM

NETWORKS = ("-4", "198.18.0.0/15"), ("-6", "2001:2::/48")


def certificate(folder):
    """File of a certificate and its key; it names nobody, so that only its
    key counts."""
    key, both = Path(folder) / "key.pem", Path(folder) / "both.pem"
    key.write_text(PEM)
    done = subprocess.run(["openssl", "req", "-x509", "-key", key, "-subj", "/CN=lab",
                           "-days", "2"], check=True, capture_output=True, text=True, timeout=30)
    both.write_text(PEM + done.stdout)
    return both


class Session(socketserver.StreamRequestHandler):
    timeout = 20

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def start_tls(self):
        self.say("220 go on")
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)

    def talk(self):
        self.say("220 mail.host.lab ESMTP stand-in")
        while line := self.rfile.readline(1000):
            verb = line.split(None, 1)[0].upper() if line.strip() else b""
            if verb == b"EHLO":
                self.say("250-mail.host.lab\r\n250 STARTTLS")
            elif verb == b"STARTTLS":
                self.start_tls()
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("502 there is no mail here")

    def handle(self):
        try:
            self.talk()
        except OSError:
            pass        # the client has gone, as it does when TLS does not suit it


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


class Server6(Server):
    address_family = socketserver.socket.AF_INET6

    def server_bind(self):
        socket = socketserver.socket
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        super().server_bind()


class SmtpHosts:
    """with SmtpHosts(folder): every mail host of the lab listens on port 25."""

    def __init__(self, folder):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate(folder))
        self.servers = []

    @staticmethod
    def routes(what):
        for family, network in NETWORKS:
            subprocess.run(["ip", family, "route", what, "local", network, "dev", "lo"],
                           check=True, timeout=10)

    def __enter__(self):
        self.routes("add")
        for kind, address in ((Server, "0.0.0.0"), (Server6, "::")):
            server = kind((address, 25), Session)
            server.context = self.context
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            self.servers.append(server)
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()
        self.routes("delete")
