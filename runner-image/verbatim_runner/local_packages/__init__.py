"""The packages that lie in the code: the project itself where it is one, and those that it names by where they lie.

What their static files say is read here, and nothing of them is run: neither a build backend nor a ``setup.py``.
"""

from verbatim_runner.local_packages.description import LocalPackage, modules_in, read_local_package
from verbatim_runner.local_packages.find import find_local_packages
from verbatim_runner.local_packages.sources import local_sources
from verbatim_runner.local_packages.wheel import unpack_wheel

__all__ = ["LocalPackage", "find_local_packages", "local_sources", "modules_in", "read_local_package", "unpack_wheel"]
