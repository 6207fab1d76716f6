"""Texts that say where a key is, in place of the key: names in other stores, encrypted keys, and commands. Pure."""

# `$(op read op://dev/openai/key)`, `op://dev/openai/key`, `vault:…`, vals' `ref+…`, dotenvx's `encrypted:…`, sops'
# `ENC[…]`.
_REFERENCE = r"\$\(|`.*`\Z|(?!https?:)[a-z][a-z0-9+.-]*://|(?:vault|encrypted|arn):|ref\+|ENC\["


def is_reference(value: str) -> bool:
    """True for a command that prints a key, for another store's name of a key, and for an encrypted key."""
    import re

    return re.match(_REFERENCE, value.strip(), re.IGNORECASE | re.DOTALL) is not None
