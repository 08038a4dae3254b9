"""Expectation suites: read, judged over a channel, and shown."""
