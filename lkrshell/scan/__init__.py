"""Finds keys left in plain text, and takes stored values out of a stream. Prints no value, and keeps none."""
