"""The broker: one process on loopback that forwards requests and puts the real key in place of a virtual one.

docs/broker.md explains its use. The modules that forward (server, request_checks, upstream) never read a store. The
module authority, which does, gives them the key for one request.
"""
