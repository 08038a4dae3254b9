"""The live server: what a training is doing, asked over HTTP while it runs; metrics and cancellation in return.

A Django application without a project, served by waitress in a thread. It reads and signals; it never writes to the
store, starts nothing and knows no stage.
"""
