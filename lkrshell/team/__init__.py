"""A team's keys, sealed in the project's git repository. Never writes a value there in plain text."""
