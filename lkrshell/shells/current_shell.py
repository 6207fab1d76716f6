"""Which shell runs us."""


def current_shell() -> str:
    """The name of the shell, such as bash; empty if it cannot be detected."""
    import shellingham

    try:
        return str(shellingham.detect_shell()[0])
    except shellingham.ShellDetectionFailure:
        return ""
