"""For the tests of other people's programs and stores: a store in memory, a fake project, and the contract of stores.

It never reads or writes the person's keys, settings or grants. Use it only in tests: while in use, it replaces
functions of lkr for the whole process.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from unittest import mock

from lkrshell.core.errors import LkrError, StoreLocked
from lkrshell.core.secret import Secret
from lkrshell.project import approve, lookup
from lkrshell.runtime import agents, keys
from lkrshell.sources import base
from lkrshell.state import files, paths
from lkrshell.stores import registry
from lkrshell.stores.base import Store

__all__ = ("FakeProject", "MemoryStore", "StoreContract", "check_source", "fake_project")


class MemoryStore:
    """A `Store` that keeps its keys in memory, and loses them with the object. Any passphrase unlocks it."""

    name, noun, takes_passphrase, has_dialog, counts_reads = "memory", "store", False, False, False

    def __init__(self) -> None:
        self._keys: dict[str, Secret] = {}
        self._locked = False

    def is_created(self) -> bool:
        return True

    def describe(self) -> str:
        return self.name

    def weakness(self) -> str | None:
        return None

    def get(self, names: list[str]) -> dict[str, Secret]:
        if self._locked:
            raise StoreLocked("the store is locked", "lkr unlock")
        return {name: self._keys[name] for name in names if name in self._keys}

    def set(self, name: str, secret: Secret) -> None:
        self._keys[name] = secret

    def delete(self, name: str) -> bool:
        return self._keys.pop(name, None) is not None

    def exists(self, name: str) -> bool:
        return name in self._keys

    def names(self) -> list[str] | None:
        return sorted(self._keys)

    def is_locked(self) -> bool:
        return self._locked

    def lock(self) -> None:
        self._locked = True

    def unlock(self, passphrase: Secret | None) -> None:
        self._locked = False

    def seconds_left(self) -> int | None:
        return None


class FakeProject:
    """A project in a temporary folder, whose keys are in `store`. `allow` gives its manifest the keys it names."""

    def __init__(self, folder: str, store: MemoryStore) -> None:
        self.folder, self.store = folder, store

    def allow(self) -> None:
        """Allows the manifest, as `lkr allow` does."""
        place = lookup.Place(self.folder)
        approve.write(place, place.text[1:])


@contextmanager
def fake_project(values: Mapping[str, str], manifest: str = "", allow: bool = True) -> Iterator[FakeProject]:
    """Gives the block a project: inside it, `lkrshell.load()`, `keys()` and `get()` return its values.

    `values` are the stored keys by name, such as `{"openai:prod": "sk-fake"}`. `manifest` is the text of its
    `.lkr.toml`; by default one that assigns these keys to their providers' variables. At the end, `os.environ` is as it
    was before `load()`. Agents are not detected, so the block behaves the same for everyone.
    """
    text = manifest or f"version = 1\nkeys = {list(values)!r}\n"
    store = MemoryStore()
    with ExitStack() as stack:
        root = os.path.realpath(stack.enter_context(tempfile.TemporaryDirectory(prefix="lkr-")))
        folder = os.path.join(root, "project")
        files.make_private_dir(folder)
        for of, name, replacement in (
            (paths, "_folder", lambda kind, _: os.path.join(root, kind)),
            (paths, "accept", lambda: None),
            (paths, "are_the_accounts_own", lambda: True),
            (registry, "choose", lambda _: store),
            (lookup, "current_folder", lambda: folder),
            (agents, "ancestors", lambda *_, **__: agents.Ancestry()),
            (agents, "detect", lambda *_: None),
        ):
            stack.enter_context(mock.patch.object(of, name, replacement))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LKR_")}
        stack.enter_context(mock.patch.dict(os.environ, environment, clear=True))
        for name, value in values.items():
            keys.set_value(store, name, Secret(value))
        with open(os.path.join(folder, lookup.MANIFEST), "w", encoding="utf-8") as file:
            file.write(text)
        project = FakeProject(folder, store)
        if allow:
            project.allow()
        yield project


class StoreContract:
    """What every store must do. Subclass it under a name that begins with `Test`, with a fixture `store` that returns
    an unlocked store, and run it with pytest. `passphrase` unlocks the store again.

    It uses key names that nobody is likely to have. The fixture should remove `NAME` and `OTHER` at the end.
    """

    NAME, OTHER = "lkr-contract-test:one", "lkr-contract-test:two"
    VALUES = ("plain", "ü 日本 \U0001f511", 'quote " back \\ line\nbreak', "x" * 65536, "\udcff\udc80 not UTF-8")
    passphrase: str | None = "a passphrase"

    def test_what_went_in_comes_out(self, store: Store) -> None:
        name, other = self.NAME, self.OTHER
        assert store.get([name, other]) == {}
        for number, value in enumerate(self.VALUES):
            kind = ("runtime", "admin")[number % 2]
            store.set(name, Secret(value, kind))
            found = store.get([name, other])
            assert set(found) == {name}
            assert (found[name].reveal(), found[name].kind) == (value, kind)
        store.set(other, Secret("second"))
        both = {each: secret.reveal() for each, secret in store.get([other, name]).items()}
        assert both == {other: "second", name: self.VALUES[-1]}
        assert store.exists(name)
        listed = store.names()
        assert listed is None or {name, other} <= set(listed)
        assert store.delete(name)
        assert not store.delete(name)
        assert not store.exists(name)
        assert set(store.get([name, other])) == {other}

    def test_a_locked_store_gives_nothing_until_it_is_unlocked(self, store: Store) -> None:
        store.set(self.NAME, Secret("value"))
        assert not store.is_locked()
        store.lock()
        assert store.is_locked()
        try:
            store.get([self.NAME])
        except StoreLocked:
            pass
        else:
            raise AssertionError("a locked store gave a value")
        store.unlock(Secret(self.passphrase) if self.passphrase else None)
        assert store.get([self.NAME])[self.NAME].reveal() == "value"

    def test_no_error_or_repr_shows_a_value(self, store: Store) -> None:
        store.set(self.NAME, Secret("value-0123456789"))
        assert "0123456789" not in repr(store.get([self.NAME])) + repr(store)
        store.lock()
        try:
            store.get([self.NAME])
        except LkrError as error:
            assert "0123456789" not in f"{error!r} {error.hint}"
        store.unlock(Secret(self.passphrase) if self.passphrase else None)


def check_source(source: base.Source) -> None:
    """Raises AssertionError if a source breaks what lkr relies on. It needs an empty place, and writes if the source
    can.

    `source` must be logged in.
    """
    known = {base.LISTS, base.WRITES, base.VERSIONS, base.LEASES, base.LOGINS}
    assert source.capabilities <= known, "capabilities are those of lkrshell.sources.base"
    nothing = source.read(["openai:contract"], {})
    assert set(nothing) == {"openai:contract"}, "an answer for each key, and no other"
    answer = nothing["openai:contract"]
    assert answer.secret is None, "no value for a key that is not there"
    assert answer.error or answer.why in (base.MISSING, base.FORBIDDEN), "and a reason"
    if base.WRITES not in source.capabilities:
        return
    for value in ("sk-first-0123456789", "sk-'\"$(x) `y` \\ ü"):
        source.write("openai:contract", Secret(value))
        given = source.read(["openai:contract", "openai:other"], {})
        secret = given["openai:contract"].secret
        assert secret is not None and secret.reveal() == value, "what was written is read, whole"
        assert given["openai:other"].secret is None, "one missing key keeps no other back"
    if base.LISTS in source.capabilities:
        assert source.names() == ["openai:contract"], "names are provider:label, sorted"
    if base.VERSIONS in source.capabilities:
        before = source.previous("openai:contract")
        assert before is not None and before.reveal() == "sk-first-0123456789", "the value before"
    source.remove("openai:contract")
    assert source.read(["openai:contract"], {})["openai:contract"].secret is None, "removed is gone"
