"""What all dashboards share: variables, links to each other and to pgdrift's page, annotations."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from deploy.dashboards.kit import PROMETHEUS

TAG = "pgdrift"
FLEET, ENVIRONMENT, ITSELF = "pgdrift-fleet", "pgdrift-environment", "pgdrift-itself"


def page(
    uid: str,
    title: str,
    says: str,
    *variables: Builder[models.VariableModel],
    environment: str = "",
) -> Dashboard:
    """Return an empty dashboard with what all of them have; its links lead to an environment's."""
    made = Dashboard(title).uid(uid).description(says).tags([TAG]).editable()
    made = made.time("now-24h", "now").refresh("1m").timezone("browser")
    made = made.tooltip(models.DashboardCursorSync.CROSSHAIR)
    for variable in (_datasource(), _job(), *variables, _page()):
        made = made.with_variable(variable)
    others = dashboard.DashboardLink("pgdrift").type(models.DashboardLinkType.DASHBOARDS)
    made = made.link(others.tags([TAG]).include_vars(True).keep_time(True))
    there = dashboard.DashboardLink("pgdrift's page").type(models.DashboardLinkType.LINK)
    return made.link(there.url(on_the_page(environment)).target_blank(True).icon("external link"))


class Dashboard(dashboard.Dashboard):
    """A dashboard, part by part: a headline, and the panels below it."""

    def part(self, title: str, *panels: Builder[models.Panel]) -> Dashboard:
        """Add a headline and its panels."""
        self.with_row(dashboard.Row(title))
        for panel in panels:
            self.with_panel(panel)
        return self


def numbered(made: models.Dashboard) -> models.Dashboard:
    """Return the dashboard with its panels numbered, so that a link to one stays one."""
    for number, panel in enumerate(made.panels or (), 1):
        panel.id_val = number
    return made


def choice(name: str, query: str, *, many: bool) -> dashboard.QueryVariable:
    """Return a variable that offers what Prometheus has; `many` of it, or all."""
    made = dashboard.QueryVariable(name).label(name).datasource(PROMETHEUS)
    made = made.query({"query": query, "refId": name}).sort(models.VariableSort.ALPHABETICAL_ASC)
    made = made.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    if many:
        everything = models.VariableOption(text="All", value="$__all")
        made = made.multi(True).include_all(True).current(everything)
    return made


def on_the_page(environment: str = "") -> str:
    """Return the address of pgdrift's page, or of an environment's, by an expression of Grafana."""
    return "${page:raw}/" + (f"environments/{environment}" if environment else "")


def on_the_dashboard(environment: str) -> str:
    """Return the address of an environment's dashboard, with the time and the choices of this."""
    same = "${datasource:queryparam}&${job:queryparam}&${__url_time_range}"
    return f"/d/{ENVIRONMENT}?var-environment={environment}&{same}"


def annotation(
    name: str, expr: str, title: str, color: str, *, by_value: bool = False
) -> Annotation:
    """Return marks in time: where the query is above 0, or at the times that are its values."""
    made = Annotation(title, by_value=by_value)
    return made.name(name).datasource(PROMETHEUS).enable(True).icon_color(color).expr(expr)


class Annotation(dashboard.AnnotationQuery):
    """An annotation by Prometheus: what its plugin reads beyond what all annotations have."""

    def __init__(self, title: str, *, by_value: bool) -> None:
        super().__init__()
        self._internal = _Annotation(title, by_value=by_value)


class _Annotation(models.AnnotationQuery):
    def __init__(self, title: str, *, by_value: bool) -> None:
        super().__init__()
        self._own = {"titleFormat": title, "step": "60s", "useValueForTime": by_value}

    def to_json(self) -> dict[str, object]:
        return super().to_json() | self._own


def _datasource() -> dashboard.DatasourceVariable:
    made = dashboard.DatasourceVariable("datasource").label("data source").type("prometheus")
    return made.current(models.VariableOption(text="default", value="default"))


def _job() -> dashboard.QueryVariable:
    return choice("job", "label_values(pgdrift_build_info, job)", many=True)


def _page() -> dashboard.QueryVariable:
    """Return where people reach pgdrift's page, as it says itself (`web.public_url`)."""
    query = 'label_values(pgdrift_web_info{job=~"$job"}, public_url)'
    return choice("page", query, many=False).hide(models.VariableHide.HIDE_VARIABLE)
