"""Objective-C of macOS from Python: the owner's authentication (Touch ID, Apple Watch or the login password), and the
pasteboard. Uses ctypes, since only commands that wait for a person anyway need it. It is not on the path of an entry.

Source: Apple's headers objc/runtime.h, objc/message.h, LAContext.h, LAPublicDefines.h, NSPasteboard.h, NSError.h;
Clang's "Block Implementation Specification"; nspasteboard.org for the types that clipboard managers respect.
"""

import contextlib
import ctypes
import functools
from collections.abc import Iterator
from ctypes import (
    POINTER,
    Structure,
    c_bool,
    c_char_p,
    c_int,
    c_long,
    c_ubyte,
    c_uint32,
    c_ulong,
    c_void_p,
    cast,
)
from typing import Any

from lkrshell.core import platform
from lkrshell.core.errors import REFUSED, LkrError

_OWNER = 2  # LAPolicyDeviceOwnerAuthentication: biometry, watch or password
_FAILED, _NO_PASSWORD, _LOCKOUT, _NOT_INTERACTIVE = -1, -5, -8, -1004  # LAError
_CANCELLED = (-2, -4, -9)  # by the person, the system, us
_UTF8 = 0x08000100  # kCFStringEncodingUTF8
_TEXT = "public.utf8-plain-text"  # NSPasteboardTypeString
_THIS_HOST_ONLY = 1  # NSPasteboardContentsCurrentHostOnly
_MARKS = ("org.nspasteboard.ConcealedType", "org.nspasteboard.TransientType")
_GLOBAL, _SIGNED = 1 << 28, 1 << 30  # BLOCK_IS_GLOBAL, BLOCK_HAS_SIGNATURE


class NobodyToAsk(LkrError):
    """macOS can ask nobody here: no desktop session, or an account without a password."""

    code = REFUSED


class _Descriptor(Structure):
    _fields_ = (("reserved", c_ulong), ("size", c_ulong), ("signature", c_char_p))


class _Block(Structure):
    _fields_ = (
        ("isa", c_void_p), ("flags", c_int), ("reserved", c_int), ("invoke", c_void_p),
        ("descriptor", POINTER(_Descriptor)),
    )  # fmt: skip


_asked: list[Any] = []  # what macOS may still call, even after a Ctrl-C
_Reply = ctypes.CFUNCTYPE(None, c_void_p, c_bool, c_void_p)


@functools.cache
def _library(name: str) -> ctypes.CDLL:
    return ctypes.CDLL(platform.library(name))


def _send(receiver: Any, selector: str, result: Any = c_void_p, *arguments: tuple[Any, Any]) -> Any:
    """Sends a message to an object. `arguments` are pairs of a C type and a value. A message to nil does nothing."""
    if not receiver:
        return None
    objc = _library("objc")
    name = objc.sel_registerName
    name.restype, name.argtypes = c_void_p, [c_char_p]
    kinds = [kind for kind, _ in arguments]
    address = cast(objc.objc_msgSend, c_void_p).value
    function = ctypes.CFUNCTYPE(result, c_void_p, c_void_p, *kinds)(address or 0)
    return function(receiver, name(selector.encode()), *(value for _, value in arguments))


def _class(name: str, framework: str) -> Any:
    _library(framework)  # which registers its classes
    objc = _library("objc")
    objc.objc_getClass.restype, objc.objc_getClass.argtypes = c_void_p, [c_char_p]
    return objc.objc_getClass(name.encode())


@contextlib.contextmanager
def _string(text: str) -> Iterator[int]:
    """An NSString of ours, released at the end: CFString and NSString are one."""
    foundation, data = _library("CoreFoundation"), text.encode("utf-8", "surrogateescape")
    make = foundation.CFStringCreateWithBytes
    make.restype, make.argtypes = c_void_p, [c_void_p, c_char_p, c_long, c_uint32, c_ubyte]
    foundation.CFRelease.restype, foundation.CFRelease.argtypes = None, [c_void_p]
    made = make(None, data, len(data), _UTF8, 0)
    if not made:
        raise LkrError("it holds bytes that are no text", "use --show")
    try:
        yield made
    finally:
        foundation.CFRelease(made)


@contextlib.contextmanager
def _pool() -> Iterator[None]:
    """Objects that macOS returns without an owner live until the end of the block."""
    objc = _library("objc")
    objc.objc_autoreleasePoolPush.restype, objc.objc_autoreleasePoolPush.argtypes = c_void_p, []
    objc.objc_autoreleasePoolPop.restype, objc.objc_autoreleasePoolPop.argtypes = None, [c_void_p]
    pool = objc.objc_autoreleasePoolPush()
    try:
        yield
    finally:
        objc.objc_autoreleasePoolPop(pool)


def authenticate(reason: str) -> bool:
    """Has macOS ask the person at the Mac for their finger, watch or password; False when they cancel.

    macOS shows `reason` behind "python is trying to". LkrError (2) if they fail, NobodyToAsk if macOS cannot ask.
    """
    import queue

    answers: queue.SimpleQueue[int] = queue.SimpleQueue()

    def reply(_: int, success: bool, error: int | None) -> None:  # runs on one of macOS's own threads
        answers.put(0 if success else int(_send(error, "code", c_long) or _FAILED))

    invoke = _Reply(reply)
    descriptor = _Descriptor(0, ctypes.sizeof(_Block), b"v20@?0B8@12")
    isa = ctypes.addressof(c_void_p.in_dll(_library("System"), "_NSConcreteGlobalBlock"))
    block = _Block(isa, _GLOBAL | _SIGNED, 0, cast(invoke, c_void_p), ctypes.pointer(descriptor))
    _asked.append((invoke, descriptor, block))
    with _pool(), _string(reason) as text:
        context = _send(_send(_class("LAContext", "LocalAuthentication"), "alloc"), "init")
        if not context:
            raise NobodyToAsk("this Mac has no way to ask for its owner", "use a terminal")
        try:
            selector = "evaluatePolicy:localizedReason:reply:"
            _send(context, selector, None, (c_long, _OWNER), (c_void_p, text), (c_void_p, ctypes.addressof(block)))
            code = answers.get()
        finally:
            _send(context, "release", None)
    return _verdict(code)


def _verdict(code: int) -> bool:
    """What LAError's number means."""
    if code in _CANCELLED:
        return False
    if code == _NOT_INTERACTIVE:
        raise NobodyToAsk("macOS cannot ask here: there is no desktop session, as over SSH", "use a terminal")
    if code == _NO_PASSWORD:
        raise NobodyToAsk("this account has no password, so macOS cannot ask for it", "set one in System Settings")
    if code == _LOCKOUT:
        raise LkrError("Touch ID is locked after too many tries", "unlock the Mac by its password first", REFUSED)
    if code:
        raise LkrError(f"macOS did not recognize you (LAError {code})", "nothing was changed", REFUSED)
    return True


def copy(value: str) -> int:
    """Puts the value on this Mac's pasteboard, marked so that clipboard managers neither keep nor show it. Universal
    Clipboard does not copy it to the person's other devices. Returns the number of this change. LkrError without a
    pasteboard.
    """
    with _pool():
        board = _pasteboard()
        _send(board, "prepareForNewContentsWithOptions:", c_long, (c_ulong, _THIS_HOST_ONLY))
        for kind, text in ((_TEXT, value), *((mark, "") for mark in _MARKS)):
            with _string(text) as string, _string(kind) as type_:
                arguments = (c_void_p, string), (c_void_p, type_)
                if not _send(board, "setString:forType:", c_bool, *arguments):
                    raise LkrError("the pasteboard took nothing", "use --show")
        return int(_send(board, "changeCount", c_long))


def clear(change: int) -> bool:
    """Empties the pasteboard, if nothing was copied since the change with that number."""
    with _pool():
        board = _pasteboard()
        if _send(board, "changeCount", c_long) != change:
            return False
        _send(board, "clearContents", c_long)
        return True


def _pasteboard() -> Any:
    board = _send(_class("NSPasteboard", "AppKit"), "generalPasteboard")
    if not board:
        raise LkrError("there is no pasteboard here: no desktop session, as over SSH", "use --show")
    return board
