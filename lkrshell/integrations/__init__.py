"""Brings keys into other people's tools: Jupyter, pytest, pydantic-settings, llm.

Each file serves one tool, and imports it only when it is used.
"""
