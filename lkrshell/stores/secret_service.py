"""Reads all keys of a project from the Secret Service over one D-Bus connection. Never prompts.

For `lkr export`, where loading python-keyring's libraries (jeepney, secretstorage, cryptography) would take longer than
everything else. It only reads; python-keyring writes the items that it finds.

Source: the D-Bus Specification (message format, EXTERNAL authentication), the Secret Service API 0.2. The session
is "plain": the values cross a socket that belongs to this user alone.
"""

import os

from lkrshell.core import time_limit
from lkrshell.core.errors import StoreLocked, StoreUnreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SECRETS = "/org/freedesktop/secrets"
_CALL, _REPLY, _ERROR = 1, 2, 3
_REPLY_SERIAL, _ERROR_NAME, _SIGNATURE = 5, 4, 8
_MAX_MESSAGE = 1 << 27  # the specification's limit
_WAIT = 30.0  # seconds; the hook's own limit is shorter


def fetch(service: str, names: list[str], label: str = "") -> dict[str, bytes]:
    """The secrets of the items with these attributes (`service`, `username`), if they exist.

    With a label, only the collection of that label is used. Otherwise the default collection is preferred. StoreLocked
    if an item is in a locked collection, or if there is no collection with that label; StoreUnreachable if nobody
    answers.
    """
    try:
        with _Bus() as bus:
            listed = bus.property(_SECRETS, "Service", "Collections")
            bus.send()
            # gnome-keyring may handle a connection's first call before it knows the client: OpenSession would crash it
            collections = bus.answer(listed)[0]
            own = _unlocked_collection(bus, collections, label) if label else ""
            session = bus.call("OpenSession", "sv", _padded(_text("plain") + b"\1s\0", 4) + _text(""))
            default = bus.call("ReadAlias", "s", _text("default"))
            searches = [bus.call("SearchItems", "a{ss}", _query(service, name)) for name in names]
            bus.send()
            session_path = bus.answer(session)[1]
            collection = bus.answer(default)[0] + "/"
            paths: dict[str, str] = {}
            for name, search in zip(names, searches, strict=True):
                unlocked, locked = bus.answer(search)
                if own:
                    unlocked, locked = [path for path in unlocked if path.startswith(own)], []
                found = sorted(unlocked, key=lambda path: not path.startswith(collection))
                if found:
                    paths[name] = found[0]
                elif locked:
                    raise StoreLocked("the keychain is locked", "lkr unlock, or unlock it in your desktop")
            if not paths:
                return {}
            wanted = bus.call("GetSecrets", "aoo", _padded(_array(_texts(*paths.values()), 4), 4) + _text(session_path))
            bus.send()
            (secrets,) = bus.answer(wanted)
            return {name: bytes(secrets[path][2]) for name, path in paths.items()}
    except OSError as error:
        reason = "it does not answer" if isinstance(error, TimeoutError) else error.strerror or "the connection broke"
        raise StoreUnreachable(f"the keychain cannot be reached ({reason})", _HINT) from None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise StoreUnreachable("lkr does not understand the keychain's answer", _HINT) from None


def _unlocked_collection(bus: "_Bus", paths: list[str], label: str) -> str:
    """Which of these collections has this label, as a path followed by a slash."""
    asked = [(bus.property(path, "Collection", "Label"), bus.property(path, "Collection", "Locked")) for path in paths]
    bus.send()
    answers = [(bus.answer(name)[0], bus.answer(locked)[0]) for name, locked in asked]
    for path, (name, locked) in zip(paths, answers, strict=True):
        if name == label:
            if locked:
                raise StoreLocked("the keychain is locked", "lkr unlock")
            return str(path) + "/"
    raise StoreLocked("the keychain has no collection for lkr yet", "create it: lkr unlock")


_HINT = "see lkr status; LKR_BACKEND=vault uses the vault instead"


def addresses() -> list[str]:
    """The socket paths of the session bus, best first; abstract ones begin with NUL. Empty if this module cannot use
    any."""
    text = os.environ.get("DBUS_SESSION_BUS_ADDRESS", "")
    if not text:
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        path = os.path.join(runtime, "bus")
        return [path] if runtime and os.path.exists(path) else []
    found = []
    for address in text.split(";"):
        transport, _, rest = address.partition(":")
        options = dict(option.partition("=")[::2] for option in rest.split(","))
        if transport == "unix" and "path" in options:
            found.append(_unescape(options["path"]))
        elif transport == "unix" and "abstract" in options:
            found.append("\0" + _unescape(options["abstract"]))
    return found


def _unescape(text: str) -> str:
    head, *rest = text.split("%")
    data = head.encode()
    for part in rest:
        try:
            data += bytes([int(part[:2], 16)]) + part[2:].encode()
        except ValueError:
            return text
    return data.decode("utf-8", "surrogateescape")


class _Bus:
    """A connection to the session bus. It collects calls, sends them together, and takes the answers in any order."""

    def __enter__(self) -> "_Bus":
        import _socket

        self._out = b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n"
        self._in = b""
        self._serial = 0
        self._answers: dict[int, list[Any]] = {}
        problem = OSError(0, "there is no session bus")
        for address in addresses():
            self._socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
            self._socket.settimeout(time_limit.remaining(_WAIT))
            try:
                self._socket.connect(address)
            except OSError as error:
                problem = error
                self._socket.close()
            else:
                self.send()
                if not self._line().startswith(b"OK "):
                    raise OSError(0, "the bus refuses us")
                self._out = b"BEGIN\r\n"
                self._queue("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", "", b"")
                return self
        raise problem

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def call(self, member: str, signature: str, body: bytes) -> int:
        """Adds a call to the Secret Service; `body` is already marshalled. Returns the serial for `answer`."""
        return self._queue(
            "org.freedesktop.secrets", _SECRETS, "org.freedesktop.Secret.Service", member, signature, body
        )

    def property(self, path: str, interface: str, name: str) -> int:
        """Adds a call that asks for a property of the object at `path`."""
        body = _padded(_text(f"org.freedesktop.Secret.{interface}"), 4) + _text(name)
        return self._queue("org.freedesktop.secrets", path, "org.freedesktop.DBus.Properties", "Get", "ss", body)

    def _queue(self, to: str, path: str, interface: str, member: str, signature: str, body: bytes) -> int:
        self._serial += 1
        fields = b""
        for code, kind, value in ((1, "o", path), (2, "s", interface), (3, "s", member), (6, "s", to)):
            fields = _padded(fields, 8) + bytes([code, 1, ord(kind), 0]) + _text(value)
        if signature:
            fields = (
                _padded(fields, 8) + bytes([_SIGNATURE, 1, ord("g"), 0, len(signature)]) + signature.encode() + b"\0"
            )
        header = b"l" + bytes([_CALL, 0, 1]) + _number(len(body)) + _number(self._serial) + _number(len(fields))
        self._out += _padded(header + fields, 8) + body
        return self._serial

    def send(self) -> None:
        view = memoryview(self._out)
        while view:
            self._socket.settimeout(time_limit.remaining(_WAIT))
            view = view[self._socket.send(view) :]
        self._out = b""

    def answer(self, serial: int) -> "list[Any]":
        """What the call returned."""
        while serial not in self._answers:
            self._receive()
        return self._answers.pop(serial)

    def _receive(self) -> None:
        head = self._take(16)
        if head[:1] not in (b"l", b"B"):
            raise ValueError("byte order")
        order = "little" if head[:1] == b"l" else "big"
        size, count = _int(head[4:8], order), _int(head[12:16], order)
        if size > _MAX_MESSAGE or count > _MAX_MESSAGE:
            raise ValueError("size")
        rest = self._take(-(-count // 8) * 8 + size)
        reader = _Reader(head + rest[: len(rest) - size], order)
        reader.at = 12
        fields = dict(reader.read("a(yv)")[0])
        kind = head[1]
        if kind == _ERROR and _REPLY_SERIAL in fields:
            name = str(fields.get(_ERROR_NAME, "")).rpartition(".")[2]
            if name == "IsLocked":
                raise StoreLocked("the keychain is locked", "lkr unlock, or unlock it in your desktop")
            raise OSError(0, name if name.isidentifier() else "error")
        if kind == _REPLY:
            body = _Reader(rest[len(rest) - size :], order)
            self._answers[fields[_REPLY_SERIAL]] = body.read(fields.get(_SIGNATURE, ""))

    def _more(self) -> None:
        self._socket.settimeout(time_limit.remaining(_WAIT))
        chunk = self._socket.recv(1 << 16)
        if not chunk:
            raise OSError(0, "the connection was closed")
        self._in += chunk

    def _line(self) -> bytes:
        while b"\r\n" not in self._in:
            if len(self._in) > 1 << 14:
                raise ValueError("line")
            self._more()
        line, _, self._in = self._in.partition(b"\r\n")
        return line

    def _take(self, size: int) -> bytes:
        while len(self._in) < size:
            self._more()
        taken, self._in = self._in[:size], self._in[size:]
        return taken


_SIZES = {"y": 1, "n": 2, "q": 2, "b": 4, "i": 4, "u": 4, "x": 8, "t": 8, "d": 8, "h": 4}


class _Reader:
    """Unmarshals values: numbers as int, strings as str, arrays as list or (of entries) dict, `ay` as bytes."""

    def __init__(self, data: bytes, order: str) -> None:
        self._data, self._order, self.at = data, order, 0

    def read(self, signature: str) -> "list[Any]":
        values = []
        while signature:
            one = _first(signature)
            values.append(self._value(one))
            signature = signature[len(one) :]
        return values

    def _value(self, kind: str) -> "Any":
        first = kind[0]
        if first in _SIZES:
            return self._number(_SIZES[first])
        if first in "so":
            return self._bytes(self._number(4), 1).decode("utf-8")
        if first == "g":
            return self._bytes(self._number(1), 1).decode("ascii")
        if first == "v":
            return self._value(_first(self._value("g")))
        if first == "(":
            self._align(8)
            return self.read(kind[1:-1])
        if first == "a":
            return self._array(kind[1:])
        raise ValueError("type")

    def _array(self, item: str) -> "Any":
        end = self._number(4)
        self._align(8 if item[0] in "({xtd" else _SIZES.get(item[0], 1 if item[0] in "gv" else 4))
        end += self.at
        if end > len(self._data):
            raise ValueError("array")
        if item == "y":
            return self._bytes(end - self.at, 0)
        values = []
        while self.at < end:
            if item[0] == "{":
                self._align(8)
                values.append(self.read(item[1:-1]))
            else:
                values.append(self._value(item))
        return dict(values) if item[0] == "{" else values

    def _align(self, size: int) -> None:
        self.at += -self.at % size

    def _number(self, size: int) -> int:
        self._align(size)
        return _int(self._bytes(size, 0), self._order)

    def _bytes(self, size: int, more: int) -> bytes:
        taken = self._data[self.at : self.at + size]
        self.at += size + more
        if len(taken) != size:
            raise ValueError("cut short")
        return taken


def _first(signature: str) -> str:
    """The first complete type of a signature."""
    if signature[0] == "a":
        return "a" + _first(signature[1:])
    if signature[0] not in "({":
        return signature[0]
    depth = 0
    for at, char in enumerate(signature):
        depth += (char in "({") - (char in ")}")
        if depth == 0:
            return signature[: at + 1]
    raise ValueError("signature")


def _int(data: bytes, order: str) -> int:
    return int.from_bytes(data, "little" if order == "little" else "big")


def _number(value: int) -> bytes:
    return value.to_bytes(4, "little")


def _padded(data: bytes, size: int) -> bytes:
    return data + b"\0" * (-len(data) % size)


def _text(text: str) -> bytes:
    """A string or an object path, without the padding that what follows may need."""
    data = text.encode("utf-8", "surrogateescape")
    return _number(len(data)) + data + b"\0"


def _query(service: str, username: str) -> bytes:
    entry = _padded(_texts("service", service), 8)
    return _array(entry + _texts("username", username), 8)


def _texts(*texts: str) -> bytes:
    body = b""
    for text in texts:
        body = _padded(body, 4) + _text(text)
    return body


def _array(entries: bytes, alignment: int) -> bytes:
    """An array at the start of a body."""
    return _padded(_number(len(entries)), alignment) + entries
