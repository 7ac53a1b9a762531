"""Panels, variables, marks and links of the dashboards over the one data source, built with Grafana's typed library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import geomap, stat, statetimeline, statushistory, table, timeseries
from grafana_foundation_sdk.builders.common import (
    FrameGeometrySource,
    MapLayerOptions,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import (
    ConstantVariable,
    Dashboard,
    DashboardLink,
    QueryVariable,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import (
    FrameGeometrySourceMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    AnnotationQuery,
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    MatcherConfig,
    VariableRefresh,
    VariableSort,
)

from dashboards.grafana.looks import (
    CONDITIONS,
    QUALITIES,
    SEVERITIES,
    bilingual,
    fixed,
    linked,
    named,
    override,
    thresholds,
)
from quantrac.telemetry.parameters import Parameter

DATASOURCE_TYPE: Final = "grafana-postgresql-datasource"
DATASOURCE_UID: Final = "quantrac"
DATASOURCE: Final = DataSourceRef(type_val=DATASOURCE_TYPE, uid=DATASOURCE_UID)
TAG: Final = "quantrac"
STATION_PAGE: Final = "${console}/stations/${__data.fields.id}"
ALARM_PAGE: Final = "${console}/alarms/${__data.fields.id}"
WORKBENCH: Final = "${console}/workbench?channel=${__data.fields.channel}"
STATION_DASHBOARD: Final = "/d/quantrac-station?var-station=${__data.fields.id}&${__url_time_range}"


@dataclass
class SqlQuery(Dataquery):
    """A query of the PostgreSQL data source, for which the library has no model of its own."""

    raw_sql: str
    format: str
    ref_id: str = "A"

    def to_json(self) -> dict[str, Any]:
        """Return the query as Grafana stores it."""
        return {
            "datasource": {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID},
            "editorMode": "code",
            "format": self.format,
            "rawQuery": True,
            "rawSql": self.raw_sql.strip(),
            "refId": self.ref_id,
        }


class Query(Builder[SqlQuery]):
    """The builder of a query; `ref_id` tells several of a panel apart."""

    def __init__(self, sql: str, query_format: str = "time_series", ref_id: str = "A") -> None:
        self._query = SqlQuery(sql, query_format, ref_id)

    def build(self) -> SqlQuery:
        """Return the query."""
        return self._query


class _Marks(AnnotationQuery):
    """Marks on the time axis from a query: columns time, timeend, text, tags. The library knows Grafana's own only."""

    def __init__(self, name: str, sql: str, colour: str) -> None:
        super().__init__(name=name, datasource=DATASOURCE, icon_color=colour)
        self._query = SqlQuery(sql, "table", "Anno")

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "target": self._query}


class _MarksBuilder(Builder[AnnotationQuery]):
    def __init__(self, made: AnnotationQuery) -> None:
        self._made = made

    def build(self) -> AnnotationQuery:
        return self._made


def marks(name: str, sql: str, colour: str) -> Builder[AnnotationQuery]:
    """Return marks on the time axis of every panel: columns time, timeend, text, tags."""
    return _MarksBuilder(_Marks(name, sql, colour))


def dashboard(title: str, uid: str, time_zone: str, console: str, *, since: str, page: str = "") -> Dashboard:
    """Return a dashboard without panels, with times of a time zone, that opens from `since` (`now-24h`) to now.

    Links lead to the other dashboards, and to `page` of the console at the address `console`.
    """
    others = DashboardLink("Quantrac").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    back = DashboardLink("Bảng điều khiển / Console").type(DashboardLinkType.LINK).icon("external link")
    made = Dashboard(title).uid(uid).tags([TAG]).timezone(time_zone).time(since, "now")
    made = made.tooltip(DashboardCursorSync.CROSSHAIR).with_variable(ConstantVariable("console").value(console))
    made = made.link(others.as_dropdown(True).keep_time(True).icon("apps"))
    return made.link(back.url(f"${{console}}{page}").target_blank(True))


def table_panel(
    title: str, sql: str, *, span: int, height: int, columns: Mapping[str, list[DynamicConfigValue]] | None = None
) -> table.Panel:
    """Return a table; `span` of 24 columns; `columns`: properties by name. `id` and `channel` are for links alone."""
    panel = table.Panel().title(title).datasource(DATASOURCE).span(span).height(height)
    hidden = dict.fromkeys(("id", "channel"), override(custom_hidden=True))
    for name, properties in {**hidden, **(columns or {})}.items():
        panel = panel.override_by_name(name, properties)
    return panel.with_target(Query(sql, "table"))


def number_panel(
    title: str, sql: str, *, bad_from: float | None = None, unit: str = "short", span: int = 6
) -> stat.Panel:
    """Return a number that turns red from `bad_from` up; None: it is neither good nor bad."""
    steps = [(None, "green"), (bad_from, "red")] if bad_from is not None else [(None, "text")]
    panel = stat.Panel().title(title).datasource(DATASOURCE).span(span).height(4).unit(unit)
    return panel.thresholds(thresholds(steps)).with_target(Query(sql, "table"))


def series_panel(
    title: str, sql: str, *, span: int = 24, height: int = 9, unit: str = "short", decimals: int | None = None
) -> timeseries.Panel:
    """Return curves over time with their least, mean, greatest and last value; gaps stay gaps."""
    legend = VizLegendOptions().display_mode(LegendDisplayMode.TABLE).placement(LegendPlacement.BOTTOM)
    tooltip = VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    panel = timeseries.Panel().title(title).datasource(DATASOURCE).span(span).height(height).unit(unit)
    panel = panel.legend(legend.show_legend(True).calcs(["min", "mean", "max", "lastNotNull"])).tooltip(tooltip)
    panel = panel.span_nulls(False).line_width(1).show_points(VisibilityMode.AUTO).point_size(4)
    panel = panel if decimals is None else panel.decimals(decimals)
    return panel.with_target(Query(sql))


def parameter_panel(
    parameter: Parameter, sql: str, limits: str | None = None, *, span: int = 24, height: int = 9
) -> timeseries.Panel:
    """Return curves of one parameter with its title, unit and decimals; `limits`: a query of the limits to draw."""
    title = f"{bilingual(parameter)}{f', {parameter.label}' if parameter.label else ''}"
    panel = series_panel(
        title, sql, span=span, height=height, unit=f"suffix: {parameter.label}", decimals=parameter.decimals
    )
    return panel if limits is None else with_limits(panel, limits)


def with_limits(panel: timeseries.Panel, limits: str) -> timeseries.Panel:
    """Return the panel with broken lines for limits, whose names begin with ▲ or ▼, red where they are severe."""
    line = override(custom_lineStyle={"fill": "dash", "dash": [8, 6]}, custom_showPoints="never", color=fixed("orange"))
    panel = panel.with_target(Query(limits, ref_id="L")).override_by_regexp("/^[▲▼]/", line)
    return panel.override_by_regexp(f"/^[▲▼].*({SEVERE})/", override(color=fixed("red")))


SEVERE: Final = "|".join(SEVERITIES[word][0].replace("/", r"\/") for word in ("high", "critical"))


def timeline_panel(title: str, sql: str, *, height: int) -> statetimeline.Panel:
    """Return the verdict on each channel over time, as rows of coloured spans with their words."""
    panel = statetimeline.Panel().title(title).datasource(DATASOURCE).span(24).height(height)
    panel = panel.merge_values(True).row_height(0.8).show_value(VisibilityMode.AUTO)
    return panel.override_by_regexp("/.*/", named(QUALITIES)[:1]).with_target(Query(sql))


def days_panel(title: str, sql: str, steps: Sequence[tuple[float | None, str]], *, height: int) -> statushistory.Panel:
    """Return a share of each day and row as a field of colours with numbers."""
    panel = statushistory.Panel().title(title).datasource(DATASOURCE).span(24).height(height)
    panel = panel.unit("percentunit").decimals(0).min(0).max(1).thresholds(thresholds(steps))
    return panel.show_value(VisibilityMode.AUTO).with_target(Query(sql))


def map_panel(title: str, sql: str, *, span: int, height: int) -> geomap.Panel:
    """Return stations on the outlines that Grafana itself brings: no tile of anybody is fetched.

    The query gives latitude, longitude, the name, and `worst`: 0 well to 4 critical, 5 offline.
    """
    outlines = (
        MapLayerOptions()
        .type("geojson")
        .name("Đường bờ / Outlines")
        .config(
            {
                "src": "public/maps/countries.geojson",
                "style": {"color": {"fixed": "#8a9aa8"}, "opacity": 0.3},
                "rules": [],
            }
        )
    )
    style = {
        "color": {"field": "worst", "fixed": "dark-green"}, "opacity": 0.9, "size": {"fixed": 9, "min": 2, "max": 15},
        "symbol": {"fixed": "img/icons/marker/circle.svg", "mode": "fixed"},
        "text": {"field": "Trạm / Station", "fixed": "", "mode": "field"},
        "textConfig": {"fontSize": 12, "offsetX": 0, "offsetY": 16, "textAlign": "center", "textBaseline": "middle"},
    }  # fmt: skip
    place = FrameGeometrySource().mode(FrameGeometrySourceMode.COORDS).latitude("latitude").longitude("longitude")
    stations = MapLayerOptions().type("markers").name("Trạm / Stations").location(place)
    stations = stations.config({"showLegend": False, "style": style})
    view = geomap.MapViewConfig().id("fit").all_layers(True).padding(15).zoom(10)
    panel = geomap.Panel().title(title).datasource(DATASOURCE).span(span).height(height).view(view)
    panel = panel.controls(geomap.ControlsOptions().show_zoom(True).show_scale(True).mouse_wheel_zoom(False))
    panel = panel.basemap(outlines).layers([stations])
    worst = [(None, "green"), (1, "blue"), (2, "yellow"), (3, "orange"), (4, "red"), (5, "#808080")]
    panel = panel.thresholds(thresholds(worst)).override_by_name("worst", named(CONDITIONS)[:1])
    panel = panel.override_by_name("Trạm / Station", linked("Trạm / Station", STATION_DASHBOARD))
    return panel.with_target(Query(sql, "table"))


def picture_panel(title: str, sql: str, *, height: int) -> table.Panel:
    """Return pictures in rows; the query's column `Ảnh / Picture` is a data URL."""
    shown = override(custom_cellOptions={"type": "image"}, custom_width=420)
    return table_panel(title, sql, span=24, height=height, columns={"Ảnh / Picture": shown})


def units_from(ref_id: str, of: str) -> DataTransformerConfig:
    """Return the transformation that takes unit and decimals of query `of` from columns of query `ref_id`."""
    mappings = [{"fieldName": name, "handlerKey": name} for name in ("unit", "decimals")]
    to = MatcherConfig(id_val="byFrameRefID", options=of)
    return DataTransformerConfig(
        id_val="configFromData", options={"configRefId": ref_id, "mappings": mappings, "applyTo": to}
    )


def variable(name: str, label: str, sql: str, *, multi: bool, everything: bool | None = None) -> QueryVariable:
    """Return a choice among the rows of a query, in its order; with `multi` several, with `everything` also all."""
    everything = multi if everything is None else everything
    made = QueryVariable(name).label(label).query(sql).datasource(DATASOURCE).multi(multi).include_all(everything)
    return made.refresh(VariableRefresh.ON_DASHBOARD_LOAD).sort(VariableSort.DISABLED)
