"""The key that the lab's mail hosts have, and their TLSA name.

No secret: it follows from a sentence, so that it need not be kept anywhere and
TLSA are the same in every lab. Nobody listens at the mail hosts; a test that
wants them to starts servers with it.
"""

import base64
import hashlib


def pem(sentence):
    """ECPrivateKey (RFC 5915) with curve P-256 and without the public half."""
    octets = bytes.fromhex("30310201010420") + \
        hashlib.sha256(sentence).digest() + \
        bytes.fromhex("a00a06082a8648ce3d030107")
    return ("-----BEGIN EC PRIVATE KEY-----\n" + base64.encodebytes(octets).decode()
            + "-----END EC PRIVATE KEY-----\n")


PEM = pem(b"the mail hosts of the lab")
# SHA-256 of its SubjectPublicKeyInfo: what TLSA 3 1 1 says, in hex.
DIGEST = "9a0bd3a16dbb94a4429c54ec7ddabaf52060c1d759d1c000207310778c3c256b"

# The same of a CA for some of them: what TLSA 2 1 1 says.
CA_PEM = pem(b"the CA of the lab's mail hosts")
CA_DIGEST = "96ee7425b1e727b6a842d8005aac2110dd602be4620df3c43a1ad0057c5bf7c1"
