"""What the dashboards are made of: a question in words and in PromQL in, a panel of Grafana out.

Every panel says what it shows, in which unit, and what is bad. Nothing here knows a metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TypeAlias, TypeVar

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS = models.DataSourceRef(type_val="prometheus", uid="${datasource}")

GREEN, YELLOW, ORANGE, RED, GREY, BLUE = "green", "yellow", "orange", "red", "#8e8e8e", "blue"

Steps: TypeAlias = Sequence[tuple[float | None, str]]
"""From which value on which colour; the first begins at None."""

Link: TypeAlias = Builder[models.DashboardLink]
Panel = TypeVar("Panel", timeseries.Panel, stat.Panel, table.Panel, statetimeline.Panel)


@dataclass(frozen=True, slots=True)
class Query:
    """One question in PromQL, and what each answer is called: `{{label}}` stands for its value."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: the name of its field, what stands above it, and how it reads."""

    field: str
    title: str
    unit: str = ""
    steps: Steps = ()
    words: Mapping[str, tuple[str, str]] | None = None
    links: Sequence[Link] = ()


def lines(
    title: str,
    says: str,
    *queries: Query,
    unit: str,
    steps: Steps = (),
    width: int = 12,
    stacked: bool = False,
    links: Sequence[Link] = (),
) -> timeseries.Panel:
    """Return how something moved over the time shown; `stacked` as bars that add up."""
    panel = _dressed(timeseries.Panel(), title, says, queries, unit, width, 8)
    legend = common.VizLegendOptions().display_mode(shapes.LegendDisplayMode.LIST)
    panel = panel.legend(legend.placement(shapes.LegendPlacement.BOTTOM).show_legend(True))
    panel = panel.tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI))
    panel = panel.min(0).show_points(shapes.VisibilityMode.AUTO).fill_opacity(10)
    if stacked:
        stacking = common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A")
        panel = panel.draw_style(shapes.GraphDrawStyle.BARS).stacking(stacking).fill_opacity(80)
    if steps:
        drawn = common.GraphThresholdsStyleConfig().mode(shapes.GraphTresholdsStyleMode.DASHED)
        panel = panel.thresholds(_thresholds(steps)).thresholds_style(drawn)
    if links:
        panel = panel.data_links([*links])
    return panel


def number(
    title: str,
    says: str,
    query: Query,
    *,
    unit: str,
    steps: Steps,
    words: Mapping[str, tuple[str, str]] | None = None,
    width: int = 4,
) -> stat.Panel:
    """Return one figure as it is now; `words` stand for values, each with a colour."""
    panel = _dressed(stat.Panel(), title, says, [query], unit, width, 4, instant=True)
    panel = panel.thresholds(_thresholds(steps)).graph_mode(shapes.BigValueGraphMode.NONE)
    panel = panel.color_mode(shapes.BigValueColorMode.BACKGROUND)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    return panel.mappings([_words(words)]) if words else panel


def states(
    title: str,
    says: str,
    query: Query,
    words: Mapping[str, tuple[str, str]],
    *,
    width: int = 24,
    height: int = 8,
    links: Sequence[Link] = (),
) -> statetimeline.Panel:
    """Return which of a few states each row was in over the time shown."""
    panel = _dressed(statetimeline.Panel(), title, says, [query], "none", width, height)
    panel = panel.mappings([_words(words)]).thresholds(_thresholds([(None, GREY)]))
    panel = panel.show_value(shapes.VisibilityMode.NEVER).merge_values(True).fill_opacity(90)
    return panel.data_links([*links]) if links else panel


def rows(
    title: str,
    says: str,
    *queries: Query,
    columns: Sequence[Column],
    width: int = 24,
    height: int = 9,
    matrix: tuple[str, str] | None = None,
    sort: str = "",
) -> table.Panel:
    """Return a table of what holds now: what the queries answer is one row where labels are equal.

    `matrix` are the labels that become rows and columns. `sort` is the title of a column.
    """
    panel = _dressed(table.Panel(), title, says, queries, "short", width, height, table=True)
    panel = panel.show_header(True)
    for step in _matrix(*matrix) if matrix else _merged(len(queries), columns):
        panel = panel.with_transformation(step)
    for column in columns:
        if properties := list(_properties(column)):
            panel = panel.override_by_name(column.title, properties)
    if sort:
        panel = panel.sort_by([common.TableSortByFieldState().display_name(sort)])
    return panel


def link(title: str, url: str) -> Link:
    """Return where a click on a value leads; `${__field.labels.x}` stands for the value's label."""
    return dashboard.DashboardLink(title).url(url).target_blank(url.startswith("${page"))


def outcome_words() -> Mapping[str, tuple[str, str]]:
    """Return how an outcome reads where it is a number: 2 in sync, 1 drifted, 0 unknown."""
    return {"2": ("in sync", GREEN), "1": ("drifted", ORANGE), "0": ("unknown", GREY)}


def _dressed(
    panel: Panel,
    title: str,
    says: str,
    queries: Iterable[Query],
    unit: str,
    width: int,
    height: int,
    *,
    instant: bool = False,
    table: bool = False,
) -> Panel:
    panel = panel.title(title).description(says).datasource(PROMETHEUS)
    panel = panel.span(width).height(height).unit(unit).no_value("none")
    for letter, query in zip(ascii_uppercase, queries, strict=False):
        target = prometheus.Dataquery().expr(query.expr).ref_id(letter)
        target = target.legend_format(query.legend or "__auto")
        target = target.instant() if instant or table else target.range()
        if table:
            target = target.format(PromQueryFormat.TABLE)
        panel = panel.with_target(target)
    return panel


def _thresholds(steps: Steps) -> dashboard.ThresholdsConfig:
    made = [models.Threshold(value, color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(made)


def _words(words: Mapping[str, tuple[str, str]]) -> models.ValueMap:
    return models.ValueMap(
        {
            value: models.ValueMappingResult(text=text, color=color, index=index)
            for index, (value, (text, color)) in enumerate(words.items())
        }
    )


def _merged(queries: int, columns: Sequence[Column]) -> Iterable[models.DataTransformerConfig]:
    """Give what makes one table of several: rows that have equal labels become one."""
    fields = {"Time", *(f"Value #{letter}" for letter in ascii_uppercase[:queries])}
    yield models.DataTransformerConfig(id_val="merge", options={})
    yield models.DataTransformerConfig(
        id_val="organize",
        options={
            "excludeByName": dict.fromkeys(sorted(fields - {c.field for c in columns}), True),
            "indexByName": {c.field: index for index, c in enumerate(columns)},
            "renameByName": {c.field: c.title for c in columns},
        },
    )


def _matrix(row: str, column: str) -> Iterable[models.DataTransformerConfig]:
    options = {"rowField": row, "columnField": column, "valueField": "Value"}
    yield models.DataTransformerConfig(id_val="groupingToMatrix", options=options)


def _properties(column: Column) -> Iterable[models.DynamicConfigValue]:
    if column.unit:
        yield models.DynamicConfigValue("unit", column.unit)
    if column.words:
        yield models.DynamicConfigValue("mappings", [_words(column.words)])
    if column.steps:
        yield models.DynamicConfigValue("thresholds", _thresholds(column.steps).build())
    if column.steps or column.words:
        cell = {"type": "color-background", "mode": "basic"}
        yield models.DynamicConfigValue("custom.cellOptions", cell)
    if column.links:
        yield models.DynamicConfigValue("links", [made.build() for made in column.links])
