"""`python -m stylize` is the `vimo` command."""

import sys

from stylize.cli import main

sys.exit(main())
