"""The public Python API: a project's keys for the program that imports lkrshell, under the rules of `lkr exec`.

Its names are handed out by `lkrshell` itself.
"""
