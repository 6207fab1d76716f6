"""Text for a person: nothing in it acts on a terminal, and a path can be pasted into a shell."""


def show(text: str) -> str:
    """`text` fit for a terminal: control characters and broken bytes as escapes, so a name can't act."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode("ascii") for c in text
    )


def quoted(path: str) -> str:
    """`path` as one word of a POSIX shell, for hints that can be pasted."""
    import shlex

    return show(shlex.quote(path))


def tilde(path: str, home: str) -> str:
    """`path` with `~` for the home folder in front."""
    return "~" + path.removeprefix(home) if path == home or path.startswith(f"{home}/") else path
