"""Mail from a Postfix that asks mxbound to one that is the lab's mail hosts.

    with World({"mx1.healthy.lab.": "lab"}) as world:
        world.sender.send(["x@healthy.lab"])
        world.sender.wait_for_outcomes(["x@healthy.lab"])
        world.arrived()

The sender's /etc/resolv.conf has mxbound alone, and its policies come from
policy-listen. The receiver has the addresses of the mail hosts that a test wants
to be there, with TLS and the certificate that the test gives each; it takes
mail for every domain and keeps it in a Maildir.
"""

import re
import smtplib
import subprocess
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from https_policies import PolicyHosts
from lab.table import absolute
from mxbound import PATIENCE, Mxbound, free_port, wait_until
from postfix_certificates import Certificates
from postfix_instance import SBIN, Postfix
from test_route_library import addresses, rrs, zone_of

INJECT = 4                      # connections that mail comes in by
PROCESSES = 30                  # of each service, in each Postfix
SENDER = "sender@sender.example"

RESOLV_CONF = "nameserver 127.0.0.1\noptions trust-ad edns0\n"     # README's

# Whatever is tried again is tried again soon; and whoever does not answer has
# a few seconds.
SENDING = """\
myhostname = mail.sender.example
inet_interfaces = 127.0.0.1
inet_protocols = all
smtp_bind_address = 198.18.255.53
smtp_dns_support_level = dnssec
smtp_host_lookup = dns
smtp_tls_security_level = {level}
smtp_tls_policy_maps = socketmap:inet:127.0.0.1:{port}:QUERY
smtp_tls_CAfile = {ca}
smtp_tls_loglevel = 1
smtp_tls_session_cache_database =
smtp_connect_timeout = 5s
smtp_helo_timeout = 30s
default_process_limit = {processes}
transport_maps = inline:{{ {{ sender.example = discard: }} }}
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 4s
transport_retry_time = 2s
"""
RECEIVING = """\
myhostname = mail.host.lab
inet_interfaces = {addresses}
inet_protocols = all
default_process_limit = {processes}
smtpd_tls_security_level = may
smtpd_tls_chain_files = {default}
tls_server_sni_maps = hash:{sni}
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:all/
virtual_mailbox_base = {mail}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
queue_run_delay = 2s
"""
PLAIN_SERVICE = "[{address}]:smtp inet n - n - - smtpd -o smtpd_tls_security_level=none\n"


def exchanges(domain):
    """Names of its mail hosts in the lab's table; of an implicit MX its own."""
    row = zone_of(domain + ".")
    mx = [absolute(name, row.name) for _, name in rrs(row, "MX", domain + ".")]
    return mx or [domain + "."]


def addresses_of(host):
    return {str(a) for t in ("A", "AAAA") for a in addresses(host, t)}


class Sender(Postfix):
    """level: smtp_tls_security_level."""

    def __init__(self, world, level):
        self.port = free_port()
        resolv_conf = world.folder / "resolv.conf"
        resolv_conf.write_text(RESOLV_CONF)
        super().__init__("out", SENDING.format(
            level=level, port=world.policy_port, ca=world.certificates.ca_file,
            processes=PROCESSES), f"127.0.0.1:{self.port} inet n - n - - smtpd\n", resolv_conf)

    def _send(self, recipients):
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60 * PATIENCE) as client:
            for to in recipients:
                client.sendmail(SENDER, [to], f"To: {to}\r\nSubject: {to}\r\n\r\nto {to}\r\n")

    def send(self, recipients):
        """A message to each; when this returns, all are in the queue."""
        recipients = list(recipients)
        with ThreadPoolExecutor(INJECT) as pool:
            list(pool.map(self._send, [recipients[i::INJECT] for i in range(INJECT)]))

    def wait_for_outcomes(self, recipients, status=None, seconds=60):
        """Until the log has told of each of them, lastly this."""
        def told():
            said = self.outcomes()
            return all(to in said and status in (None, said[to][-1].status) for to in recipients)
        recipients = set(recipients)
        wait_until(told, seconds, f"{status or 'some outcome'} of each message")
        return self.outcomes()

    def forget(self):
        """What waits is no longer tried."""
        self.tool("postsuper", "-d", "ALL", "deferred")


class World:
    """hosts: {mail host: certificate}, names with the final dot, certificates
    as Certificates knows them, or None: it has no TLS. policies: {mail domain:
    what its policy host says}, as reply() of https_policies makes it."""

    def __init__(self, hosts, policies):
        self.hosts = hosts
        # Where other accounts may go, unlike pytest's folders.
        self.holder = tempfile.TemporaryDirectory(prefix="mxbound-mail-")
        self.folder = Path(self.holder.name)
        self.folder.chmod(0o755)
        self.certificates = Certificates(self.folder)
        self.policy_hosts = self._policy_hosts(policies)
        self.policy_port = free_port()
        self.server = Mxbound("ipv6-upstream: yes", f"policy-listen: 127.0.0.1@{self.policy_port}",
                              f"mta-sts-ca-file: {self.policy_hosts.ca_file}",
                              "mta-sts-private: yes", listen=["127.0.0.1@53"], port=53)
        self.addresses = {a for host in hosts for a in addresses_of(host)}
        self.recipients = {}            # by name of a file in the Maildir
        self.stack = ExitStack()

    # -- set up --

    def _policy_hosts(self, policies):
        folder = self.folder / "https"
        folder.mkdir()
        found = PolicyHosts(folder, more=["healthy.lab", *policies])
        for domain, said in policies.items():
            found.serve(domain, said)
        return found

    def _own_addresses(self, what):
        commands = [f"address {what} {a}/{128 if ':' in a else 32} dev lo"
                    + (" nodad" if ":" in a and what == "add" else "")
                    for a in sorted(self.addresses)]
        subprocess.run(["ip", "-batch", "-"], input="\n".join(commands), text=True, check=True,
                       timeout=60 * PATIENCE)

    def _receiver(self):
        sni, mail = self.folder / "sni", self.folder / "mail"
        mail.mkdir()
        mail.chmod(0o777)
        plain = {a for host, kind in self.hosts.items() if kind is None
                 for a in addresses_of(host)}
        sni.write_text("".join(f"{host.rstrip('.')} {self.certificates.file(kind, host)}\n"
                               for host, kind in self.hosts.items() if kind not in (None, "lab")))
        postfix = Postfix("in", RECEIVING.format(
            addresses=", ".join(sorted(self.addresses - plain)), processes=PROCESSES,
            default=self.certificates.file("lab"), sni=sni, mail=mail),
            "smtp inet n - n - - smtpd\n"
            + "".join(PLAIN_SERVICE.format(address=a) for a in sorted(plain)))
        subprocess.run([SBIN / "postmap", "-c", postfix.config, "-F", f"hash:{sni}"], check=True,
                       timeout=60 * PATIENCE)
        return postfix

    def start_sender(self, level):
        return self.stack.enter_context(Sender(self, level))

    def __enter__(self):
        with self.stack:
            self._own_addresses("add")
            self.stack.callback(self._own_addresses, "delete")
            self.stack.enter_context(self.policy_hosts)
            self.stack.enter_context(self.server)
            self.receiver = self.stack.enter_context(self._receiver())
            self.sender = self.start_sender("dane")
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *why):
        return self.stack.__exit__(*why)

    # -- mail --

    def wait_for_arrival(self, recipients, seconds=60):
        """Until a message to each is there."""
        wait_until(lambda: self.arrived().keys() >= set(recipients), seconds,
                   "each message has arrived")

    def arrived(self):
        """Counter of recipients: how many messages to each are in the Maildir. What
        the sender heard of a message before it was delivered here may come later."""
        found = Counter()
        folder = self.folder / "mail" / "all" / "new"
        for path in folder.iterdir() if folder.exists() else ():
            found[self._recipient(path)] += 1
        return found

    def _recipient(self, path):
        if path.name not in self.recipients:
            text = path.read_text()
            to = re.search(r"^Delivered-To: (.*)$", text, re.M)[1]
            assert text.endswith(f"\nto {to}\n"), text
            self.recipients[path.name] = to
        return self.recipients[path.name]
