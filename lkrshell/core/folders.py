"""Paths as text: what is above a folder, and what is within one."""

import os


def above(folder: str) -> list[str]:
    """`folder` and its parents, nearest first."""
    chain = [folder]
    while (parent := os.path.dirname(folder)) != folder:
        folder = parent
        chain.append(folder)
    return chain


def within(folder: str, top: str) -> bool:
    """True when `folder` is `top` or below it; both are real paths."""
    return folder == top or folder.startswith(top.rstrip("/") + "/")
