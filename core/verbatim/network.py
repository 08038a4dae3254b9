"""How the platform's machine reaches packages and code: the variables that both engines pass on to stages."""

from __future__ import annotations

PROXIES = (
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
)  # fmt: skip
INDEXES = (
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL",
    "UV_INDEX_STRATEGY", "UV_HTTP_TIMEOUT", "UV_INSECURE_HOST", "UV_PYTHON_INSTALL_MIRROR",
)  # fmt: skip
AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "PIP_CERT")
"""Files of certificate authorities. Containers have paths of their own: there these name ``VERBATIM_CA_BUNDLE``."""
FIND_LINKS = "UV_FIND_LINKS"
"""Where uv looks for packages besides the index: the settings' ``wheels``."""
