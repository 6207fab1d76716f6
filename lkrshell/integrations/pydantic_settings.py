"""A source for pydantic-settings: fields get their values from the project's keys, without the environment."""

from collections.abc import Mapping

from pydantic_settings import BaseSettings, EnvSettingsSource

import lkrshell

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os


class LkrSettingsSource(EnvSettingsSource):
    """The project's keys, by the names of their variables. Prefixes, aliases and letter case work as for the
    environment. The arguments are those of `lkrshell.load`."""

    def __init__(
        self,
        settings_cls: type[BaseSettings],
        profile: str | None = None,
        *,
        folder: "str | os.PathLike[str] | None" = None,
        required: bool = True,
    ) -> None:
        self._asked = lkrshell.keys(profile, folder=folder)
        self._required = required
        super().__init__(settings_cls)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        try:
            with self._asked as keys:
                found = dict(keys)
        except lkrshell.LkrError:
            if self._required:
                raise
            found = {}
        return found if self.case_sensitive else {variable.lower(): value for variable, value in found.items()}
