"""The catalog: the relational index over the store, and the one place of mutable state.

Runs on the worker, in the command and in pages, never in a stage's container.
"""

from __future__ import annotations

from verbatim.catalog.audit import Audit
from verbatim.catalog.extractions import Extractions
from verbatim.catalog.runs import Runs
from verbatim.catalog.versions import Versions


class Catalog(Runs, Versions, Extractions, Audit):
    """Experiments, runs, model versions, aliases, extractions and the audit.

    Every method raises ``PlatformFault`` when the database does not answer; its messages never hold the password.

    Args:
        url: SQLAlchemy URL: ``sqlite:////path`` or ``postgresql+psycopg2://…``.
    """
