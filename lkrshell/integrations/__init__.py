"""What brings keys into other people's tools: Jupyter, pytest, pydantic-settings, llm. Each file is for one tool, and
loads it only when it is used.
"""
