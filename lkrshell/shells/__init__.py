"""What is particular to a shell: quoting, hooks, rc files."""
