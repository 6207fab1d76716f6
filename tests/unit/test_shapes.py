"""What looks like a key's value: one list of beginnings, held to the vendors' table."""

import pytest

from lkrshell.core import names
from lkrshell.vendors import providers

PREFIXES = sorted({each.prefix for each in providers.builtin().values() if each.prefix})


@pytest.mark.parametrize("prefix", PREFIXES)
def test_what_a_vendors_keys_begin_with_is_taken_for_a_value_and_never_repeated(prefix: str) -> None:
    value = f"{prefix}Ab3dEf6hIj"
    assert names.looks_like_a_value(value)
    assert value not in names.redacted(value)


@pytest.mark.parametrize("name", ["openai:prod", "groq:up-and-running", "jina:main", "key-vault:main"])
def test_a_name_is_not_a_value(name: str) -> None:
    assert not names.looks_like_a_value(name)
    assert name in names.redacted(name)
