"""A team's keys, sealed in the project's git repository."""
