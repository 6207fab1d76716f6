"""Other programs and the desktop: git, clipboard, pinentry, Touch ID, launchd."""
