"""SQL as a conf holds it: where its texts, names and comments are, what it may do, and values as literals of it.

It reads queries and refuses; it never writes one anew, and runs none. ``verbatim.data.query`` is the way in.
"""
