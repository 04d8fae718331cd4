"""``python -m theodolite`` is the command ``theodolite``."""

from __future__ import annotations

import sys

from theodolite.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
