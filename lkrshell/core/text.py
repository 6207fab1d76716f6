"""Text for a person: it cannot control a terminal, and its paths can be pasted into a shell."""


def show(text: str) -> str:
    """`text` made safe for a terminal: control characters and invalid bytes become escapes."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode("ascii") for c in text
    )


def quoted(path: str) -> str:
    """`path` as one word of a POSIX shell, for hints that can be pasted."""
    import shlex

    return show(shlex.quote(path))
