"""`%load_ext lkrshell`: a project's keys in a notebook, with their values masked in its outputs, and the magic `%lkr`.

Everything that a Jupyter kernel sends to its front end, and so into the .ipynb, passes through one function of its
session: output, results, displays, widgets, errors. The values are masked there. IPython on a terminal masks nothing.
"""

import os
import shlex
import sys
from threading import Lock

import lkrshell
from lkrshell.core.text import show
from lkrshell.integrations import redaction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BINARY = ("image/png", "image/jpeg", "image/gif", "application/pdf")  # contain no text to search
_USAGE = "%lkr status, %lkr load, or %lkr use [PROFILE]"


class Notebook:
    """One kernel's keys. `profile` is the one chosen here, None for the project's."""

    def __init__(self, shell: "Any") -> None:
        self._shell, self._redactor = shell, redaction.begin()
        self._before: dict[str, str | None] = {}  # the variables that we set, with their previous values
        self._profile: str | None = None
        self._loaded = lkrshell.Loaded()
        self._streams: dict[str, redaction.Stream] = {}
        self._turn = Lock()  # threads also send output
        kernel = getattr(shell, "kernel", None)
        if kernel is not None:
            self._kernel, self._serialize = kernel, kernel.session.serialize
            kernel.session.serialize = self._masked
            shell.events.register("pre_run_cell", lambda _: self._redactor.add_environment())
            shell.events.register("post_run_cell", lambda _: self._end_of_cell())

    def load(self) -> None:
        """Loads the keys, and prints their names. Raises LkrError as `lkrshell.load` does."""
        before = dict(os.environ)
        self._loaded = lkrshell.load(self._profile)
        for name, value in os.environ.items():
            if before.get(name) != value:
                self._before.setdefault(name, before.get(name))
        self._redactor.add_kept(self._loaded.kept)
        self._redactor.add_environment()
        keys = [f"{variable} ({key})" for variable, key in self._loaded.loaded.items()]
        keys += [f"{variable} (was set already)" for variable in self._loaded.kept]
        _say(f"lkr: {', '.join(keys) or 'no keys'}")

    def use(self, profile: str) -> None:
        """Switches this kernel to another profile; to the project's own choice when `profile` is empty. When that
        fails, everything stays as it was."""
        present = dict(os.environ)
        before, chosen = self._before, self._profile
        _set(before)
        self._before, self._profile = {}, profile or None
        try:
            self.load()
        except BaseException:  # also Ctrl-C
            _set(dict.fromkeys(os.environ) | present)
            self._before, self._profile = before, chosen
            raise

    def status(self) -> None:
        """Prints what is loaded, and from where."""
        _say(f"Project  {show(self._loaded.folder or 'none')}")
        _say(f"Profile  {self._profile or os.environ.get('LKR_PROFILE') or 'as the project has it'}")
        for variable, key in {**self._loaded.loaded, **self._loaded.kept}.items():
            state = "was set already" if variable in self._loaded.kept else "loaded"
            state += ", by the broker" if variable in self._loaded.virtual else ""
            _say(f"{variable}  {key}  {state if variable in os.environ else 'no longer set'}")
        for key in self._loaded.missing:
            _say(f"not stored: {key}; lkr set {key}")

    def magic(self, text: str) -> None:
        """Runs `%lkr WORDS`."""
        from IPython.core.error import UsageError

        try:
            words = shlex.split(text)
            if words == ["status"] or not words:
                self.status()
            elif words == ["load"]:
                self.load()
            elif words[0] == "use" and len(words) < 3:
                self.use(words[1] if len(words) == 2 else "")
            else:
                raise UsageError(f"lkr: no such command; {_USAGE}")
        except (lkrshell.LkrError, ValueError) as error:
            raise UsageError(f"lkr: {error}") from None

    def _masked(self, message: "dict[str, Any]", *rest: "Any", **more: "Any") -> "Any":
        content = message.get("content")
        if isinstance(content, dict):
            if message.get("msg_type") == "stream" and "lkr" not in content:
                name = str(content.get("name"))
                with self._turn:
                    stream = self._streams.setdefault(name, redaction.Stream(self._redactor))
                    content = {**content, "text": stream.feed(str(content.get("text", "")))}
            else:
                content = self._mask({name: value for name, value in content.items() if name != "lkr"})
            message = {**message, "content": content}
        return self._serialize(message, *rest, **more)

    def _mask(self, made: "Any") -> "Any":
        """Returns a masked copy of JSON data. The original belongs to the program and stays unchanged."""
        if isinstance(made, str):
            return self._redactor.text(made)
        if isinstance(made, dict):
            return {self._mask(name): value if name in _BINARY else self._mask(value) for name, value in made.items()}
        if isinstance(made, (list, tuple)):
            return [self._mask(each) for each in made]
        return made

    def _end_of_cell(self) -> None:
        """Sends text that was held back because it could have been the beginning of a value."""
        for name, stream in (("stdout", sys.stdout), ("stderr", sys.stderr)):
            stream.flush()
            with self._turn:
                rest = self._streams[name].rest() if name in self._streams else ""
            if rest:
                content = {"name": name, "text": rest, "lkr": "rest"}
                self._kernel.send_response(self._kernel.iopub_socket, "stream", content)


def load_ipython_extension(shell: "Any") -> None:
    """Loads the project's keys into this kernel, masks their values in its outputs, and adds the magic `%lkr`.

    The project is that of the notebook's folder. A problem becomes a one-line error.
    """
    from IPython.core.error import UsageError

    global _notebook
    if _notebook is None:
        _notebook = Notebook(shell)
        shell.register_magic_function(_notebook.magic, "line", "lkr")
    try:
        _notebook.load()
    except lkrshell.LkrError as error:
        raise UsageError(f"lkr: {error}") from None


_notebook: Notebook | None = None


def _set(variables: dict[str, str | None]) -> None:
    """Sets the variables in the environment, and removes those that are None."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
