"""The text of a systemd user unit for what runs from login to logout. Nothing here writes a file or starts anything.

Sources: systemd.unit(5), systemd.service(5), systemd.exec(5). `default.target.wants` is what `systemctl --user enable`
would link it in.
"""

import os
from collections.abc import Mapping


def path(name: str, config: str) -> str:
    """Where systemd looks for the unit of a user whose XDG_CONFIG_HOME that is."""
    return os.path.join(config, "systemd/user", f"{name}.service")


def link(name: str, config: str) -> tuple[str, str]:
    """The link that has it start at login, and where it leads."""
    return os.path.join(config, "systemd/user/default.target.wants", f"{name}.service"), f"../{name}.service"


def unit(description: str, words: list[str], environment: Mapping[str, str], at_work: int) -> str:
    """The unit that runs `words`. The exit code `at_work` means that another
    process does the work already."""
    lines = [
        "[Unit]", f"Description={description}", "", "[Service]",
        # By env, since systemd takes no quotation marks and the like in the path of what it starts itself.
        f"ExecStart=/usr/bin/env {' '.join(_quoted(word).replace('$', '$$') for word in words)}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in environment.items()),
        "Restart=on-failure", f"SuccessExitStatus={at_work}", f"RestartPreventExitStatus={at_work}", "UMask=0077",
        "LimitCORE=0", "NoNewPrivileges=yes", "", "[Install]", "WantedBy=default.target", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _quoted(text: str) -> str:
    """A word as systemd reads it. Nobody can put a line of their own into a unit."""
    if any(char < " " for char in text):
        raise ValueError("a unit has no place for such a character")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def reload() -> list[str]:
    return ["systemctl", "--user", "daemon-reload"]


def start(name: str) -> list[str]:
    return ["systemctl", "--user", "start", f"{name}.service"]


def stop(name: str) -> list[str]:
    return ["systemctl", "--user", "stop", f"{name}.service"]
