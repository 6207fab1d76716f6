"""A project's manifests: finding, parsing, allowing and resolving them."""
