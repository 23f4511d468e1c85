"""Every metric: standings and events come in, the text for Prometheus goes out.

`table` names them all, `derived` reads gauges off the latest standings at each scrape, `registry`
counts what happens and renders, `document` writes docs/metrics.md. Nothing here knows HTTP,
databases or channels.
"""

from pgdrift.metrics.derived import Named as Named
from pgdrift.metrics.derived import Seen as Seen
from pgdrift.metrics.document import markdown as markdown
from pgdrift.metrics.registry import Metrics as Metrics
from pgdrift.metrics.table import LABELS as LABELS
from pgdrift.metrics.table import METRICS as METRICS
from pgdrift.metrics.table import NOTIFIED as NOTIFIED
from pgdrift.metrics.table import PROCESS as PROCESS
