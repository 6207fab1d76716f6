"""The public Python API: gives a program that imports lkrshell its project's keys, under the rules of `lkr exec`.

The package `lkrshell` exports its names.
"""
