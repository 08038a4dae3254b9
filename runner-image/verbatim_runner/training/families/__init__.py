"""The names that each training system promises, one family a module: a function from the ``Setting`` to variables.

A new family is one module here and one line in ``variables.FAMILIES``. A name that would change what a framework does
in a run on one machine is not set; docs/environment-variables.md lists those, each with its reason.
"""
