"""Imports an export's modules from one file, the bundle, so that entering a project opens one file instead of forty.

`lkrshell.boot` runs this module out of the bundle, and only if the user or root owns that file and nobody else can
write it. `lkr export`, `lkr exec` and `lkr status --short` use the bundle, too. It is used only by the same Python, and
only while each source keeps its size and time. See `bundle_writer`.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    # "magic" is the number of Python's bytecode. By module: (time in ns, size in bytes, code, the modules that must be
    # loaded first, in that order, and the path below the package).
    Codes = dict[str, Any]


def is_fresh(root: str, codes: "Codes") -> bool:
    """True when `codes` belong to this Python and to the current sources of the package in the folder `root`."""
    import _frozen_importlib_external
    from posix import stat

    if codes["magic"] != _frozen_importlib_external.MAGIC_NUMBER:
        return False
    for name, row in codes.items():
        if name != "magic":
            info = stat(root + row[4])
            if (info.st_mtime_ns, info.st_size) != row[:2]:
                return False
    return True


def install(root: str, codes: "Codes") -> None:
    """Makes imports use `codes`, unless they are stale."""
    if is_fresh(root, codes):
        sys.meta_path.insert(0, _Finder(root, codes))  # type: ignore[arg-type]


class _Finder:
    """Finds and loads the modules of the bundle, in place of the import system's search for files."""

    def __init__(self, root: str, codes: "Codes") -> None:
        self.root, self.codes = root, codes

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        if name not in self.codes:
            return _pyrage() if name == "pyrage" else None
        for other in self.codes[name][3]:
            if other not in sys.modules:
                self._load(other)
        return self._spec(name)

    def create_module(self, spec: object) -> None:
        return None

    def exec_module(self, module: "ModuleType") -> None:
        exec(self.codes[module.__name__][2], module.__dict__)  # noqa: S102  # as every import does

    def _spec(self, name: str) -> "Any":
        origin = self.root + self.codes[name][4]
        is_package = origin.endswith("/__init__.py")
        spec = type(sys.__spec__)(name, self, origin=origin, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [origin[:-12]]
        return spec

    def _load(self, name: str) -> None:
        """Loads a module whose dependencies are loaded. The import system would take ten times as long."""
        spec, module = self._spec(name), type(sys)(name)
        parent, _, child = name.rpartition(".")
        module.__spec__, module.__loader__, module.__package__ = spec, spec.loader, spec.parent
        module.__file__ = spec.origin
        if spec.submodule_search_locations:
            module.__path__ = spec.submodule_search_locations
        sys.modules[name] = module
        try:
            self.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
        if parent:
            setattr(sys.modules[parent], child, module)


def _pyrage() -> object:
    """The library's compiled module, which is all that its package exports; None if the package looks different.

    Searches sys.path in order, as Python does, but by the file's name, since listing the folders takes longer.
    """
    from _frozen_importlib_external import ExtensionFileLoader, spec_from_file_location
    from posix import stat

    for folder in sys.path:
        path = f"{folder}/pyrage/pyrage.abi3.so"
        try:
            stat(path)
        except OSError:
            continue
        return spec_from_file_location("pyrage", path, loader=ExtensionFileLoader("pyrage", path))
    return None
