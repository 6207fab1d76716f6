"""Writes the completions into the given folder."""

import sys

from tools.completions import write

write(sys.argv[1])
