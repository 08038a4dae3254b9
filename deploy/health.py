"""Tell, for docker-compose.yaml, whether a part of Airflow is healthy: as the API server reports it.

python3 health.py [api-server | scheduler | dag_processor | triggerer]
"""

from __future__ import annotations

import json
import sys
import urllib.request

with urllib.request.urlopen("http://api-server:8080/api/v2/monitor/health", timeout=5) as answer:
    health = json.load(answer)
part = sys.argv[1]
sys.exit(0 if part == "api-server" or health[part]["status"] == "healthy" else 1)
