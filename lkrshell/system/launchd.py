"""The text of a launchd agent for what runs in the background on macOS. Nothing here writes a file or starts anything.

Source: launchd.plist(5) and launchctl(1): an agent of a user lies in ~/Library/LaunchAgents/LABEL.plist and is started
by `launchctl bootstrap gui/UID PATH`.
"""

import os
import plistlib

_PREFIX = "com.llm-key-ring."


def label(name: str) -> str:
    return _PREFIX + name


def path(name: str, home: str) -> str:
    """Where launchd looks for the agent of a user whose home folder that is."""
    return os.path.join(home, "Library/LaunchAgents", f"{label(name)}.plist")


def plist(name: str, words: list[str]) -> bytes:
    """The agent `name` that runs `words`: not at login, once a time, with no core dump, in nobody's environment.

    `words` begin with an absolute path and hold no secret, for every user may read them.
    """
    if not os.path.isabs(words[0]):
        raise ValueError("launchd has no PATH")
    return plistlib.dumps(
        {
            "Label": label(name),
            "ProgramArguments": words,
            "RunAtLoad": False,
            "KeepAlive": False,
            "ProcessType": "Background",
            "Umask": 0o077,
            "HardResourceLimits": {"Core": 0},
            "StandardInPath": os.devnull,
            "StandardOutPath": os.devnull,
            "StandardErrorPath": os.devnull,
        }
    )


def start(name: str, home: str, user: int) -> list[str]:
    """The command that has launchd know and start the agent."""
    return ["/bin/launchctl", "bootstrap", f"gui/{user}", path(name, home)]


def stop(name: str, user: int) -> list[str]:
    return ["/bin/launchctl", "bootout", f"gui/{user}/{label(name)}"]
