"""The broker: one process on loopback that forwards requests with the real key in place of a virtual one.

docs/broker.md says what it is for. The part that forwards (server, checks, upstream) never reads a store: it is given
a key for one request by the part that does (authority).
"""
