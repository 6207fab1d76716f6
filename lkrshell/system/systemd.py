"""The texts of systemd user units: a service, and the sockets that start it when somebody connects.

Nothing here writes a file or starts anything.

Sources: systemd.unit(5), systemd.service(5), systemd.socket(5), systemd.exec(5). `sockets.target.wants` is where
`systemctl --user enable` would put the link.
"""

import os
from collections.abc import Mapping


def paths(name: str, config: str) -> tuple[str, str]:
    """Where systemd looks for the service and the sockets of a user with this XDG_CONFIG_HOME."""
    folder = os.path.join(config, "systemd/user")
    return os.path.join(folder, f"{name}.service"), os.path.join(folder, f"{name}.socket")


def link(name: str, config: str) -> tuple[str, str]:
    """The link that makes systemd open the sockets at login, and its target."""
    return os.path.join(config, "systemd/user/sockets.target.wants", f"{name}.socket"), f"../{name}.socket"


def sockets(description: str, name: str, addresses: list[str]) -> str:
    """The unit of a socket called `name` in the runtime folder, and of those at `addresses` (`HOST:PORT`). The service
    gets them in this order."""
    if not all(each.isascii() and each.isprintable() and not set(each) & set(" %") for each in (name, *addresses)):
        raise ValueError("a unit has no place for such an address")
    lines = ["[Unit]", f"Description={description}", "", "[Socket]", f"ListenStream=%t/{name}"]
    lines += [*(f"ListenStream={each}" for each in addresses), "SocketMode=0600", "DirectoryMode=0700"]
    return "\n".join([*lines, "", "[Install]", "WantedBy=sockets.target", ""])


def service(name: str, description: str, words: list[str], environment: Mapping[str, str], at_work: int) -> str:
    """The unit that runs `words` once somebody connects to the sockets. The exit code `at_work` means that another
    process already does the work."""
    lines = [
        "[Unit]", f"Description={description}", f"Requires={name}.socket", f"After={name}.socket", "", "[Service]",
        # Through env, since systemd does not accept quotation marks and the like in a program's own path.
        f"ExecStart=/usr/bin/env {' '.join(_quoted(word).replace('$', '$$') for word in words)}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in environment.items()),
        f"SuccessExitStatus={at_work}", "UMask=0077", "LimitCORE=0", "NoNewPrivileges=yes", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """A word, quoted for systemd, so that nobody can add a line of their own to a unit."""
    if any(char < " " for char in text):
        raise ValueError("a unit has no place for such a character")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def reload() -> list[str]:
    return ["systemctl", "--user", "daemon-reload"]


def start(name: str) -> list[str]:
    return ["systemctl", "--user", "start", f"{name}.socket"]


def stop(name: str) -> list[str]:
    return ["systemctl", "--user", "stop", f"{name}.socket", f"{name}.service"]
