"""LLM vendors: their variables, their keys' shapes, what they charge."""
