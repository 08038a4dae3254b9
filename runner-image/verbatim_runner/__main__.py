"""``python -m verbatim_runner``: the same as the zipapp."""

from verbatim_runner.main import main

main()
