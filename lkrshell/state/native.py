"""Calls functions of the system's libraries, through `_ctypes`, since `import ctypes` takes 5 ms.

Each function is declared with the types in its header. An argument of the wrong size would be read from the wrong place
(on ARM, a pointer passed as an int loses its upper half).
"""

import _ctypes

from lkrshell.core import platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

address_of = _ctypes.addressof
byref = _ctypes.byref
_FLAGS = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
_types: "dict[str, Any]" = {}
_functions: "dict[tuple[str, str], Callable[..., Any]]" = {}
_libraries: "dict[str, int]" = {}


def c_type(letter: str) -> "Any":
    """The C type for a letter of the struct module: "i" int, "I" unsigned, "B" unsigned char, "P" void *, "z" char
    *."""
    if letter not in _types:
        _types[letter] = type(f"C{letter}", (_ctypes._SimpleCData,), {"_type_": letter})
    return _types[letter]


def _library(path: str) -> int:
    if path not in _libraries:
        _libraries[path] = _ctypes.dlopen(path, 0)
    return _libraries[path]


def function(path: str, name: str, types: str) -> "Callable[..., Any]":
    """The function `name` of the library at `path`. `types`: a letter for its result ("v": none), then for each
    argument.

    A result of type "P" is an int, or None for NULL. OSError if there is no such library or function.
    """
    if (path, name) not in _functions:
        made = _prototype(types[0])(_ctypes.dlsym(_library(path), name))
        made.argtypes = tuple(map(c_type, types[1:]))
        _functions[path, name] = made
    return _functions[path, name]


def _prototype(letter: str) -> "Any":
    """The class of C functions with this result."""
    if (key := f"-> {letter}") not in _types:
        result = None if letter == "v" else c_type(letter)
        _types[key] = type(f"To{letter}", (_ctypes.CFuncPtr,), {"_flags_": _FLAGS, "_restype_": result})
    return _types[key]


def call(name: str, types: str, *arguments: "Any") -> "Any":
    """Calls a function of the system's C library."""
    return function(platform.library("System"), name, types)(*arguments)


def constant(path: str, name: str) -> int:
    """The pointer in the library's variable `name`, such as an `extern const CFStringRef`."""
    value: int = c_type("P").from_address(address(path, name)).value
    return value


def address(path: str, name: str) -> int:
    """The address of the library's variable `name`."""
    where: int = _ctypes.dlsym(_library(path), name)
    return where


def buffer(content: "int | bytes") -> "Any":
    """Memory for C: a number of zero bytes, or a copy of `content`. `bytes(memoryview(it))` reads what a call wrote."""
    size = content if isinstance(content, int) else len(content)
    made: Any = _array(size)()
    if isinstance(content, bytes):
        memoryview(made).cast("B")[:] = content
    return made


def copy_bytes(where: int, size: int) -> bytes:
    """A copy of `size` bytes at an address that a call gave us."""
    return bytes(memoryview(_array(size).from_address(where))) if size else b""


def _array(size: int) -> "Any":
    return type("Bytes", (_ctypes.Array,), {"_type_": c_type("c"), "_length_": size})


def out_variable(letter: str) -> "Any":
    """A variable that a call fills; `.value` reads it, and `byref` passes it."""
    return c_type(letter)()


errno = _ctypes.get_errno
