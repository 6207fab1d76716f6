"""The shell that runs us."""


def current_shell() -> str:
    """Its name, as bash; empty when that cannot be told."""
    import shellingham

    try:
        return str(shellingham.detect_shell()[0])
    except shellingham.ShellDetectionFailure:
        return ""
