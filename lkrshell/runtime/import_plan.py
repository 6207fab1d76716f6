"""Plans how keys from a file or an environment are imported: under which name each one is stored.

The person decides what the plan leaves open; only then is it carried out. This module reads the store but never writes
it.
"""

from lkrshell.core import names, references, variables
from lkrshell.core.secret import MAX_VALUE, Secret
from lkrshell.state import index
from lkrshell.vendors import providers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lkrshell.stores.base import Store

_SHORTEST = 8  # characters of a secret
NEW, SAME, DIFFERS = "new", "same", "differs"
# What examples contain in place of a key: `your-key`, `sk-...`, `<key>`, `xxxx`, `{{lkr:openai:main}}`.
_PLACEHOLDER = (
    r"<.*>|\{\{.*|.*(?:\.\.\.|…).*|(?:[a-z]+-){0,3}(?:your|insert[-_ ]|replace[-_ ]|change[-_]?me|todo|x{4}|\*{4}).*"
)


def keys_in(values: dict[str, str]) -> dict[str, str]:
    """The variables that may hold keys."""
    return {variable: value for variable, value in values.items() if _fits(variable, value)}


def is_placeholder(value: str) -> bool:
    """True for an empty value, for a key's stand-in in an example, and for the name of a provider's key, as in a
    manifest."""
    import re

    if names.is_key(value) and names.provider_of(value) in providers.known():
        return True
    return not value or re.fullmatch(_PLACEHOLDER, value, re.IGNORECASE | re.DOTALL) is not None


def looks_secret(variable: str, value: str) -> bool:
    """True for a variable of a file whose name and value look like those of a secret, whether or not a manifest may
    set it: also for `DB_PASSWORD` and `openai_api_key`."""
    if len(value) < _SHORTEST or is_placeholder(value) or references.is_reference(value):
        return False
    name = variable.upper().replace(".", "_")
    return variables.ends_like_a_secret(name) or providers.holds_a_key(name, value)


class Plan:
    """The values that were found, and the key that each becomes, by variable. `replaced` are keys that lose their
    value."""

    def __init__(self, store: "Store", found: dict[str, str], named: dict[str, str], name: str | None = None) -> None:
        """`named`: the keys that the manifest has for variables. `name`: one key for all of them."""
        self.store, self.found = store, found
        self.keys: dict[str, str] = {}
        self.replaced: set[str] = set()
        self._stored = runtime_keys(store)
        self._present: dict[str, Secret | None] = {}
        for variable in found:
            self.keys[variable] = name or named.get(variable) or self._proposed(variable)

    def state(self, variable: str) -> str:
        """`new`, `same` or `differs`: what the store has under the name of this variable's key."""
        there = self.present(self.keys[variable])
        if there is None:
            return NEW
        return SAME if there.reveal() == self.found[variable] else DIFFERS

    def conflicts(self) -> list[str]:
        """Variables whose key has another value in this plan, or in the store while nobody agreed to replace it."""
        found, first = [], dict[str, str]()
        for variable, key in self.keys.items():
            other = self.found[first.setdefault(key, variable)] != self.found[variable]
            if other or (self.state(variable) == DIFFERS and key not in self.replaced):
                found.append(variable)
        return found

    def problem(self, variable: str, key: str) -> str | None:
        """Why storing this variable's value as `key` would lose another value, or is invalid; None if it is fine."""
        if not names.is_own(key):
            return "a label consists of a-z, 0-9 and -, such as prod or my-app"
        there = self.present(key)
        if there is not None and (there.kind == "admin" or there.reveal() != self.found[variable]):
            return f"{key} is already stored with another value"
        if any(self.found[other] != self.found[variable] for other in self._taken(key) if other != variable):
            return f"{key} already belongs to another variable in this plan"
        return None

    def values(self) -> dict[str, Secret]:
        """The values to store, by key. An admin key stays an admin key."""
        fresh = {key: variable for variable, key in self.keys.items() if self.state(variable) != SAME}
        kinds = {key: there.kind for key in fresh if (there := self.present(key))}
        return {key: Secret(self.found[variable], kinds.get(key, "runtime")) for key, variable in fresh.items()}

    def present(self, key: str) -> Secret | None:
        if key not in self._present:
            self._present[key] = self.store.get([key]).get(key) if self.store.is_created() else None
        return self._present[key]

    def _taken(self, key: str) -> list[str]:
        return [variable for variable, name in self.keys.items() if name == key]

    def _proposed(self, variable: str) -> str:
        """The provider's key that already has this value, else its `main`, else a name made from the variable."""
        main = str(providers.key_for(variable))
        provider = names.provider_of(main)
        for key in [main, *self._stored]:
            if key.startswith(f"{provider}:") and key in self._stored and not self.problem(variable, key):
                return key
        there = self.present(main)
        if (there is None or there.kind != "admin") and not any(
            self.found[other] != self.found[variable] for other in self._taken(main)
        ):
            return main
        return free_name(main, variable, lambda key: self.problem(variable, key) is None)


def free_name(main: str, variable: str, fits: "Callable[[str], bool]") -> str:
    """A free name whose label is made from the variable, not `main`."""
    provider = names.provider_of(main)
    label = "-".join(part for part in variable.lower().split("_") if part)
    candidates = [f"{provider}:{label}", *(f"{provider}:{label}-{number}" for number in range(2, 100))]
    return next((key for key in candidates if fits(key)), candidates[0])


def likely_key(store: "Store", variable: str) -> str:
    """The only key of the variable's provider that is stored, else its `main`. The variable must have a provider."""
    main = str(providers.key_for(variable))
    stored = [key for key in runtime_keys(store) if names.provider_of(key) == names.provider_of(main)]
    return stored[0] if len(stored) == 1 else main


def runtime_keys(store: "Store") -> list[str]:
    """The stored keys of kind `runtime`, according to the index."""
    found = []
    for key in index.names(store.name):
        entry = index.read(store.name, key)
        if entry and entry.kind == "runtime":
            found.append(key)
    return found


def _fits(variable: str, value: str) -> bool:
    if is_placeholder(value) or references.is_reference(value) or "\0" in value:
        return False  # a program reads a reference, so the file must keep it
    return len(value.encode("utf-8", "surrogateescape")) <= MAX_VALUE and providers.may_hold_a_key(variable)
