"""Writes the completions into the folder that is named."""

import sys

from tools.completions import write

write(sys.argv[1])
