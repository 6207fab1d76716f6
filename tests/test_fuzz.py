"""Whatever lies in a file of ours or in a manifest: never a traceback, never a value in an error."""

import os
import string
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lkrshell import config, export, grants, manifest, names, project, records, secret
from lkrshell.errors import LkrError, ManifestError
from lkrshell.want import Want

TEXT = st.text(st.characters(codec="utf-8"), max_size=40)
SECRET = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789"
KEYS = st.from_regex(names.KEY, fullmatch=True).filter(names.is_key)
VARIABLES = st.from_regex(names.VARIABLE, fullmatch=True).filter(names.is_variable)
relaxed = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=300)

# Pieces of manifests, put together anyhow: nearer to the truth than random bytes.
PIECES = st.sampled_from(
    ["version = 1\n", "[keys]\n", "keys = [", "]\n", "{", "}", "=", '"', "'", "\n", ".", "profiles",
     "[profiles.x.keys]\n", 'OPENAI_API_KEY = "openai:prod"\n', f'A_KEY = "{SECRET}"\n', f'{SECRET} = 1\n',
     "inherit = true\n", "optional",
     'A = { key = "a:b", scope = "exec" }\n', "\0", "\udcff", "1979-05-27", "0x1", "[[keys]]\n", "profile = 'x'\n"]
)  # fmt: skip


@relaxed
@given(st.lists(PIECES | TEXT, max_size=12).map("".join), st.none() | st.lists(PIECES, max_size=6).map("".join))
@example(f"version = 1\n[keys]\nA_KEY = '''{SECRET}\n", None)
@example(f"version = {SECRET}", None)
@example(f"version = 1\n[{SECRET}]", None)
@example("[" * 5000, None)
@example("version = 1\nkeys = " + "[" * 3000, None)
def test_a_manifest_is_parsed_or_refused_without_its_values(text: str, local: str | None) -> None:
    try:
        parsed = manifest.parse("/p/.lkr.toml", text, "/p/.lkr.local.toml", local)
    except ManifestError as error:
        assert SECRET not in str(error)
        assert str(error).isprintable()
    else:
        assert all(names.is_key(want.key) and names.is_variable(want.variable) for want in parsed.wants)


@relaxed
@given(st.lists(st.lists(st.text(st.characters(), max_size=20), min_size=1, max_size=4).map(tuple), min_size=1))
def test_records_come_back_as_they_went(rows: list[tuple[str, ...]]) -> None:
    try:
        data = records.dump(rows)
    except UnicodeEncodeError:
        return  # a lone surrogate that stands for no byte
    loaded = records.load(data)
    assert records.dump([tuple(row) for row in loaded]) == data


@relaxed
@given(st.binary(max_size=200))
def test_records_of_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        records.load(data)
    except ValueError:
        pass


@pytest.fixture
def own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("DATA", "STATE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    return tmp_path


GRANT = st.builds(
    lambda text, local, inherit, profile, rows: grants.Grant(
        "/p\n'x", "=" + text, local, inherit, profile, tuple(rows), "2026-01-01T00:00:00Z"
    ),
    TEXT, st.sampled_from(["-", "=x\ty\\n"]), st.booleans(), st.sampled_from(["", "stg"]),
    st.lists(st.builds(Want, VARIABLES, KEYS, st.booleans(), st.sampled_from(["shell", "exec"])), max_size=3),
)  # fmt: skip


@relaxed
@given(grant=GRANT, cut=st.integers(0, 400), junk=st.binary(max_size=8))
def test_a_damaged_grant_is_whole_or_refused(own_folders: Path, grant: grants.Grant, cut: int, junk: bytes) -> None:
    grants.write(grant)
    path = Path(grants.path_of(grant.real))
    read = grants.read(grant.real)
    assert read is not None
    assert (read.text, read.local, read.inherit, read.profile) == (
        grant.text,
        grant.local,
        grant.inherit,
        grant.profile,
    )
    assert read.wants == grant.wants
    good = path.read_bytes()
    path.write_bytes(good[:cut] + junk + good[cut + len(junk) :])
    try:
        grants.read(grant.real)
    except ManifestError as error:
        assert "lkr allow" in str(error)


@relaxed
@given(st.binary(max_size=100) | st.lists(st.sampled_from([b"backend = 'vault'\n", b"quiet = true\n", b"lock_after = ",
       b"5\n", b"-1\n", b"[x]\n", b"\xff", b"\0", b"9" * 30]), max_size=6).map(b"".join))  # fmt: skip
def test_a_config_is_read_or_refused(own_folders: Path, data: bytes) -> None:
    folder = own_folders / "CONFIG/lkr"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_bytes(data)
    for _ in range(2):  # the second time from the compiled copy
        try:
            assert config.load().backend in config.BACKENDS
        except LkrError as error:
            assert str(error).isprintable()


@relaxed
@given(st.binary(max_size=200), st.sampled_from(["runtime", "admin"]))
@example(b'{"value": "x", "kind": "admin"}', "runtime")
@example(b'", "kind": "', "admin")
def test_a_secret_comes_back_as_it_went_and_never_shows(value: bytes, kind: str) -> None:
    before = secret.Secret(value.decode("utf-8", "surrogateescape"), kind)
    after = secret.parse_secret(before.dump())
    assert (after.reveal(), after.kind) == (before.reveal(), kind)
    if len(value) > 8:
        assert before.reveal() not in f"{before} {before!r} {before:>9}"


@relaxed
@given(st.binary(max_size=200))
def test_what_a_store_holds_is_always_some_value(data: bytes) -> None:
    assert secret.parse_secret(data).kind in secret.KINDS


@relaxed
@given(st.text(string.ascii_letters + string.digits + string.punctuation + " \n\x1b", max_size=60))
def test_names_are_told_from_values(text: str) -> None:
    if names.is_key(text):
        assert not names.looks_like_a_value(text)


def test_texts_of_files_have_the_form_that_the_hooks_compare() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "f")
        assert project.read_text(path) == "-"
        for data, text in ((b"", "="), (b"a\n", "=a\n"), (b"\xff", "=\udcff"), (b"a\0b", "!")):
            Path(path).write_bytes(data)
            assert project.read_text(path) == text
        assert project.read_text(folder) == "!"


@relaxed
@given(st.text(max_size=20), st.text(max_size=20))
def test_no_message_repeats_what_may_be_a_value(before: str, after: str) -> None:
    assert SECRET not in names.said(before + SECRET + after)
    assert names.said("colour") == "'colour'"


@relaxed
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60))
@example("OPENAI_API_KEY=openai:prod=99999999999999999999")
@example("= == PATH=x A=b=c=d")
def test_an_inherited_state_of_any_form_is_read(text: str) -> None:
    state = export._state(text)
    for key in state.values():
        assert export._end(key, key.partition("=")[0]) >= 0
