"""A little Internet on loopback: root, two TLDs and a few hundred mail domains.

README.md in this folder says how to look at it and how to extend it.
"""
