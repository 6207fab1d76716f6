"""Our own files on disk, and what the kernel keeps for us."""
