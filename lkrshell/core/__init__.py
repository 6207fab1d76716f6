"""Pure rules and data: names, bindings, entries, policies, errors. Reads and writes nothing."""
