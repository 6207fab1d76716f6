"""Pure rules and data: names, wants, entries, policies, errors. Reads and writes nothing."""
