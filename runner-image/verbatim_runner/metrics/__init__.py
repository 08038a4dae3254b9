"""How metrics are read: readers turn the command's output into readings, the recorder keeps and stores them.

A new way to read metrics is one module here and one line in ``capture``. Nothing here starts processes or knows stages.
"""
