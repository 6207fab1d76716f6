"""What looks like a key's value: one list of beginnings, held to the vendors' table."""

import pytest

from lkrshell.core import names, references
from lkrshell.scan import shapes
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


@pytest.mark.parametrize(
    "begin",
    ["$(op read op://dev/", "op://dev/", "vault:", "ref+awssecrets://", "encrypted:", "ENC[AES256_GCM,data:", "arn:"],
)
def test_a_reference_to_a_key_is_one_for_import_and_for_scan(begin: str) -> None:
    value = f"{begin}Ab3dEf6hIj9KlMn2oPq5"
    assert references.is_reference(value) and not shapes.is_random(value.encode())
    for other in (value[len(begin) :], f"https://{value[len(begin) :]}"):
        assert not references.is_reference(other) and shapes.is_random(other.encode())
