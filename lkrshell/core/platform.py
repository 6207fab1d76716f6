"""Which system this is, and where macOS keeps its libraries. No other module asks for the system.

To test the macOS code elsewhere, the tests copy the package, set NAME to "darwin" and `library` to a stand-in.
"""

import sys

NAME = sys.platform
LINUX, DARWIN, WINDOWS = NAME == "linux", NAME == "darwin", NAME == "win32"


def library(name: str) -> str:
    """The path of a macOS framework; "System" is the system's C library and "objc" the Objective-C runtime.

    The file may not exist: since macOS 11 the loader takes these libraries from its shared cache.
    """
    if name == "System":
        return "/usr/lib/libSystem.B.dylib"
    if name == "objc":
        return "/usr/lib/libobjc.A.dylib"
    return f"/System/Library/Frameworks/{name}.framework/{name}"
