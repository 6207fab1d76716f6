"""Which system this is, asked here and nowhere else, and where macOS has its libraries.

The tests run lkr as on macOS by a copy of the package in which NAME says "darwin" and `library` names a stand-in.
"""

import sys

NAME = sys.platform
LINUX, DARWIN, WINDOWS = NAME == "linux", NAME == "darwin", NAME == "win32"


def library(name: str) -> str:
    """The path of a macOS framework by its name, or of the system's own library for "System".

    There may be no such file: since macOS 11 the loader has them in its shared cache.
    """
    if name == "System":
        return "/usr/lib/libSystem.B.dylib"
    if name == "objc":
        return "/usr/lib/libobjc.A.dylib"
    return f"/System/Library/Frameworks/{name}.framework/{name}"
