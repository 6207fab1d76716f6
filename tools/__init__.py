"""What only developers run: generators of checked-in files."""
