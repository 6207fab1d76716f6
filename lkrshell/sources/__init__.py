"""Shared stores outside this machine, behind one protocol, and the copies of their keys in the machine's own store."""
