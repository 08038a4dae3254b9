"""Benchmarks: Verbatim beside its peers, on this machine, run alternately. ``python -m bench [--only NAME]``."""
