"""How much `lkr scan` finds, over a corpus made here: each provider's keys, in each kind of place, in each encoding.

And how much it takes for a key that is none: 10,000 hashes, UUIDs, lock files' lines and minified code.
"""

import base64
import hashlib
import json
import random
import re
import shlex
import string
import sys
import textwrap
import urllib.parse
import uuid
from collections.abc import Callable, Iterator

import pytest

from lkrshell.core.secret import Secret
from lkrshell.scan import shapes as by_shape
from lkrshell.scan import text
from lkrshell.scan.values import Redactor, Values
from lkrshell.vendors import providers

ALPHABET = string.ascii_letters + string.digits
RANDOM = random.Random(19)
EXAMPLES = ("$(pass show openai)", "your-api-key-goes-here", "sk-xxxxxxxxxxxxxxxxxxxxxxxx")
# How a file names a key: {name} is the provider's variable, {key} its key.
NAMED = {
    "shell": "export {name}={key}\n", "env file": '{name}="{key}"\n', "fish": "set -gx {name} {key}\n",
    "history": ": 1700000000:0;{name}={key} python app.py\n", "JSON": '{{"env": {{"{name}": "{key}"}}}}',
    "agent's session": '{{"text": "export {name}=\\"{key}\\"\\n"}}', "YAML": "env:\n  {name}: {key}\n",
    "Compose": "environment:\n  - {name}={key}\n", "Kubernetes": "- name: {name}\n  value: {key}\n",
    "Dockerfile": "ENV {name} {key}\n", "Python": 'os.environ["{name}"] = "{key}"\n',
    "JavaScript": "process.env.{name} = '{key}';\n", "process": "A=1\0{name}={key}\0B=2\0",
    "PAM": "{name} DEFAULT={key}\n",
}  # fmt: skip
BARE = {
    "code": 'client = Client(api_key="{key}")\n', "header": "Authorization: Bearer {key}\n", "URL": "https://x/?key={key}&a=1",
    "netrc": "machine api login me password {key}\n", "npmrc": "//registry/:_authToken={key}\n",
    "notebook": '{{"outputs": [{{"text": ["{key}\\n"]}}]}}', "line": "{key}",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _same_in_every_order() -> None:
    RANDOM.seed(19)


def key(prefix: str) -> str:
    return prefix + "".join(RANDOM.choices(ALPHABET, k=RANDOM.randint(32, 64)))


def shapes() -> Iterator[tuple[str, str, str]]:
    """What it is, the text, and the key in it."""
    for name, provider in providers.builtin().items():
        for place, form in NAMED.items():
            value = key(provider.prefix)
            yield f"{name} in {place}", form.format(name=provider.variable, key=value), value
        for place, form in BARE.items() if len(provider.prefix) > 2 else ():
            value = key(provider.prefix)
            yield f"{name} in {place}", form.format(key=value), value


def encodings(value: str) -> dict[str, str]:
    data = value.encode()
    wrapped = base64.encodebytes(b"x" * RANDOM.randint(0, 80) + data + b"y" * 30).decode()
    cut = RANDOM.randint(1, len(value) - 1)
    return {
        "plain": value,
        **{f"base64 at {shift}": base64.b64encode(b"x" * shift + data + b"tail").decode() for shift in range(3)},
        "base64 for URLs": base64.urlsafe_b64encode(b"user:" + data).decode(),
        "base64 in lines": wrapped,
        "base64 in JSON": json.dumps({"data": wrapped}),
        "URL": urllib.parse.quote(value, safe=""),
        "JSON": json.dumps(f'say "{value}"\n'),
        "JSON by Go": json.dumps(value).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"),
        "JSON by .NET": re.sub("[^ -~]|[<>&+'`]", lambda each: f"\\u{ord(each[0]):04X}", json.dumps(value)),
        "JSON by Gson": re.sub("[<>&=']", lambda each: f"\\u{ord(each[0]):04x}", json.dumps(value)),
        "JSON in JSON": json.dumps(json.dumps([f"'{value}'"])),
        "shell": shlex.quote(value),
        "quotes": f"{value[:cut]}'\"\"'{value[cut:]}",
        "strings": f'"{value[:cut]}" +\n        "{value[cut:]}"',
        "continued": f"{value[:cut]}\\\n{value[cut:]}",
        "narrow": "\n".join(textwrap.wrap(value, 20, break_on_hyphens=False)),
        "UTF-16": value.encode("utf-16").decode("latin-1"),
    }


def decoys() -> Iterator[str]:
    makers: list[Callable[[bytes], str]] = [
        lambda data: hashlib.sha256(data).hexdigest(),
        lambda data: hashlib.sha1(data).hexdigest(),
        lambda data: str(uuid.UUID(bytes=data[:16])),
        lambda data: f'"integrity": "sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"',
        lambda data: f'{{ url = "https://files.example/{data.hex()[:40]}.whl", hash = "sha256:{data.hex()}" }}',
        lambda data: base64.urlsafe_b64encode(data * 2).decode(),
        lambda data: (
            "!function(e,t){" + "".join(f"var {c}k_{data.hex()[:3]}=e.{c}r_{data.hex()[3:9]}(t);" for c in "sgu") + "}"
        ),
        lambda data: (
            f".sk-{RANDOM.choice(['circle', 'cube', 'wave'])}-{data[0]}-before{{animation-delay:-{data[1]}ms}}"
        ),
        lambda data: f"up_{RANDOM.choice(['and', 'to'])}_date_since_version_{data[0]}_{data[1]}",
        lambda data: f"OPENAI_API_KEY={RANDOM.choice(EXAMPLES)}",
        lambda data: f"COHERE_API_KEY: process.env.COHERE_API_KEY_{data[0]}, // {data.hex()}",
        lambda data: f"MISTRAL_API_KEY=os.environ.get('MISTRAL_API_KEY_{data[0]}')",
    ]
    for number in range(10_000):
        yield makers[number % len(makers)](RANDOM.randbytes(32))


def test_of_what_looks_like_a_key_99_in_100_are_found() -> None:
    what, missed, count = text.Search({}), [], 0
    for about, written, value in shapes():
        count += 1
        found = [each.secret.reveal() for _, _, each in what.hits(written.encode())]
        if found != [value]:
            missed.append(about)
    assert count > 600
    assert len(missed) <= count / 100, missed


def test_every_stored_key_is_found_in_every_encoding_and_nothing_else_is() -> None:
    values = {
        f"{name}:{label}": Secret(key(each.prefix)) for name, each in providers.builtin().items() for label in "ab"
    }
    values["own:odd"] = Secret(f"{key('')}/+<b>&'c'=={key('')}+/==")
    what = text.Search(values, shaped=False)
    missed = []
    for name, secret in values.items():
        for how, written in encodings(secret.reveal()).items():
            data = written.encode("latin-1")
            if {each.name for _, _, each in what.hits(b"before " + data + b" after\n")} != {name}:
                missed.append((name, how))
    assert missed == []
    assert not [decoy for decoy in decoys() if list(what.hits(decoy.encode()))]


def test_a_short_value_with_a_plus_is_found_and_only_as_a_word() -> None:
    value = "aB3+dE5+gH7+jK"
    what = text.Search({"own:short": Secret(value)}, shaped=False)
    assert [each.form for _, _, each in what.hits(f"x = '{value}'\n".encode())] == [""]
    assert not list(what.hits(f"x{value}y {value[:5]} {value[5:]}".encode()))


def test_of_10_000_decoys_at_most_one_looks_like_a_key() -> None:
    what = text.Search({})
    taken = [decoy for decoy in decoys() if list(what.hits(decoy.encode()))]
    assert len(taken) <= 1, taken


def test_without_re2_the_same_is_found(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setitem(sys.modules, "re2", None)
    secret = Secret(key("sk-proj-"))
    what = text.Search({"openai:prod": secret})
    for how, written in encodings(secret.reveal()).items():
        assert {each.name for _, _, each in what.hits(written.encode("latin-1"))} == {"openai:prod"}, how


def test_without_re2_the_same_looks_like_a_key(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    known = providers.builtin()
    parts = [
        *(each.prefix for each in known.values()),
        *(each.variable for each in known.values()),
        *"=: \n\t/+-_.(x\"'",
    ]
    parts += [base64.b64encode(each.prefix.encode()).decode().rstrip("=") for each in known.values()]
    texts = []
    for _ in range(3000):
        drawn = (RANDOM.choice(parts) if RANDOM.random() < 0.7 else key("") for _ in range(RANDOM.randint(1, 40)))
        texts.append("".join(drawn).encode())

    def found() -> list[tuple[int, int, int, str, str, str]]:
        all_of_them = ((number, each) for number, text in enumerate(texts) for each in by_shape.find(text))
        return [(number, each.start, each.end, each.provider, each.named, each.form) for number, each in all_of_them]

    with_it = found()
    assert len(with_it) > 500
    monkeypatch.setitem(sys.modules, "re2", None)
    monkeypatch.setattr(by_shape, "_tables", [])
    assert found() == with_it


@pytest.mark.parametrize("missing", [[], ["re2"]], ids=["RE2", "Python"])
def test_a_stream_in_pieces_is_redacted_like_the_whole_and_shows_no_value(
    missing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in missing:
        monkeypatch.setitem(sys.modules, module, None)
    letters = ALPHABET + "-_+/"
    for _ in range(100):
        secrets = ["".join(RANDOM.choices(letters, k=RANDOM.choice([16, 24, 40, 100]))) for _ in range(3)]
        secrets[0] = "n" + secrets[0][1:]  # behind a backslash, this looks like a line break in JSON
        values = Values({f"own:{number}": Secret(each) for number, each in enumerate(secrets)})
        parts = []
        for each in RANDOM.choices(secrets, k=6):
            encoded = base64.b64encode(f"ab{each}cd".encode()).decode()
            behind_backslash = f"\\{secrets[0][:9]}\\n{secrets[0][9:]}"
            forms = (each, f"\\{secrets[0]}", behind_backslash, encoded, f"{each[:7]}\n{each[7:]}", each[:9])
            parts += [RANDOM.choice(forms), "".join(RANDOM.choices(letters + ' \n"\\', k=RANDOM.choice([0, 1, 3, 50])))]
        data = "".join(parts).encode()
        whole, pieces = Redactor(values), Redactor(values, even=RANDOM.random() < 0.3)
        expected = whole.feed(data) + whole.rest()
        out, at = b"", 0
        while at < len(data):
            size = RANDOM.choice([1, 2, 5, 17, 100])
            out += pieces.feed(data[at : at + size])
            at += size
        assert out + pieces.rest() == expected
        assert not [each for each in secrets if each.encode() in expected]


@pytest.mark.parametrize("before", ["n", "n\\n", "x\\\\"])
@pytest.mark.parametrize("within", ["", "\\n"], ids=["in one line", "in two lines"])
def test_no_byte_of_a_value_is_passed_on_wherever_a_line_break_of_json_is_cut(before: str, within: str) -> None:
    value = "nQKSI+BmFB9tf0vLPXDj"
    values = Values({"own:0": Secret(value)})
    data = f"a {before}\\{value[:9]}{within}{value[9:]} z".encode()
    whole = Redactor(values)
    expected = whole.feed(data) + whole.rest()
    assert expected.count(b"[lkr own:0]") == 1
    for cut in range(len(data)):
        pieces = Redactor(values)
        assert pieces.feed(data[:cut]) + pieces.feed(data[cut:]) + pieces.rest() == expected
