"""What the hooks run, by its path and with `python -I -S -X utf8`: no site, no user paths, no PYTHONPATH.

Small on purpose: Python compiles a script at each start, but not the modules that it imports. Those come from one
file, if `lkr hook` could write it: see lkrshell.shells.bundle.
"""

import sys


def use_bundle(root: str) -> None:
    """Makes imports use the bundle of the package in the folder `root`, if it can be trusted and is not stale."""
    try:
        import marshal
        import posix

        path = f"{root}/__pycache__/export.{sys.implementation.cache_tag}.bundle"
        with open(posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK), "rb", 0) as file:
            info, made = posix.fstat(file.fileno()), posix.stat(f"{root}/shells/bundle.py")
            head = f"{made.st_mtime_ns} {made.st_size}\n".encode()
            # Trusted if the user or root owns it and nobody else can write it. Used if this bundle.py made it.
            if info.st_uid not in (0, posix.getuid()) or info.st_mode & 0o170022 != 0o100000:
                return
            if file.read(len(head)) == head:
                codes = marshal.loads(file.read())  # noqa: S302  # as trusted as a .pyc
                module = type(sys)("lkrshell.shells.bundle")
                exec(codes[module.__name__][2], module.__dict__)  # noqa: S102
                module.install(root, codes)
    except Exception:  # noqa: S110  # then modules come from their own files
        pass


if __name__ == "__main__":
    import gc

    gc.disable()  # the process ends before there is anything to collect
    sys.path += sys.argv.pop(1).split("\n")
    use_bundle(__file__[:-8])

    from lkrshell.dispatch import main

    main()
