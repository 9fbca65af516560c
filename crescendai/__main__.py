"""``python -m crescendai``, the same as ``crescendai``."""

from crescendai.cli import main

main()
