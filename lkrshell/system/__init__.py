"""Programs of the system that lkr calls: git, clipboard tools, pinentry."""
