"""What people and machines read over HTTP: status page, JSON API, metrics, health. Reads only."""

from pgdrift.web.app import make_app
from pgdrift.web.listen import serve
from pgdrift.web.settings import WebSettings
from pgdrift.web.site import Configured, Found, Plans

__all__ = ["Configured", "Found", "Plans", "WebSettings", "make_app", "serve"]
