"""The events of the audit log: one list for the writer, the reader and the completions."""

# Events of a project: their field `project` is its folder. In other events that field may be a file.
OF_PROJECTS = ("agent", "allow", "confirm", "deny", "direnv", "exec", "python", "redact", "scan", "shell", "token")
OF_KEYS = (
    "backup", "enroll", "gen", "get", "import", "lock", "login", "logout", "migrate", "passwd", "policy", "refresh",
    "refused", "rekey", "rename", "restore", "rm", "rotate", "seal", "set", "source", "team", "unenroll", "unlock",
    "unseal", "usage",
)  # fmt: skip
EVENTS = tuple(sorted(OF_PROJECTS + OF_KEYS))
