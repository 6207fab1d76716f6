"""Where values live: the OS keychain or the vault."""
