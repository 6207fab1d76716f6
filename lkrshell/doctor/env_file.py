"""The project's `.env` file: keys that it still has in plain text. Names variables, never a value."""

import os
from collections.abc import Iterator

from lkrshell.core.errors import LkrError
from lkrshell.core.text import quoted, show
from lkrshell.doctor import Finding, direnv, shown, warning
from lkrshell.project import envfile, lookup
from lkrshell.runtime import import_plan
from lkrshell.vendors import providers


def env_file(fix: bool) -> Iterator[Finding]:
    """Variables that look like a provider's keys. Leaves out those that the check of direnv reports.

    Only a warning: a program that reads the file may need it.
    """
    here = lookup.current_folder()
    folder = lookup.find(here)
    path = os.path.join(folder or "", ".env")
    if folder is None or not os.path.isfile(path):
        return
    try:
        values = envfile.read(path).values
    except LkrError:
        return  # `lkr import .env` says why
    reported = {each.variable for each in direnv.also_set() if os.path.samefile(each.path, path)}
    found = [
        show(variable)
        for variable, value in import_plan.keys_in(values).items()
        if import_plan.looks_secret(variable, value)
        and providers.holds_a_key(variable, value)
        and variable not in reported
    ]
    if found:
        name = ".env" if folder == here else quoted(path)
        yield warning(f"{shown(path)} holds {', '.join(found)} in plain text", f"lkr import {name} --blank")
