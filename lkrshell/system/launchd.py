"""The text of a launchd agent, which runs a program in the background on macOS. Nothing here writes a file or starts
anything.

Source: launchd.plist(5) and launchctl(1). A user's agent is the file ~/Library/LaunchAgents/LABEL.plist, and `launchctl
bootstrap gui/UID PATH` starts it.
"""

import os
import plistlib
from collections.abc import Mapping

_PREFIX = "com.llm-key-ring."


def label(name: str) -> str:
    return _PREFIX + name


def path(name: str, home: str) -> str:
    """Where launchd looks for the agent of the user with this home folder."""
    return os.path.join(home, "Library/LaunchAgents", f"{label(name)}.plist")


def plist(name: str, words: list[str], environment: Mapping[str, str]) -> bytes:
    """The agent `name` that runs `words`: at login and again after a crash, one at a time, without core dumps, and with
    only these variables.

    `words` begin with an absolute path and contain no secret, since every user may read them.
    """
    if not os.path.isabs(words[0]):
        raise ValueError("launchd has no PATH")
    return plistlib.dumps(
        {
            "Label": label(name),
            "ProgramArguments": words,
            "RunAtLoad": True,
            "KeepAlive": {"Crashed": True},
            "EnvironmentVariables": dict(environment),
            "ProcessType": "Background",
            "Umask": 0o077,
            "HardResourceLimits": {"Core": 0},
            "StandardInPath": os.devnull,
            "StandardOutPath": os.devnull,
            "StandardErrorPath": os.devnull,
        }
    )


def start(name: str, home: str, user: int) -> list[str]:
    """The command that makes launchd load and start the agent."""
    return ["/bin/launchctl", "bootstrap", f"gui/{user}", path(name, home)]


def stop(name: str, user: int) -> list[str]:
    return ["/bin/launchctl", "bootout", f"gui/{user}/{label(name)}"]
