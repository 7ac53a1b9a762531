# ruff: noqa: S608 (fragments of ours are put together, nothing that anybody gives)
"""The dashboard of operation: services and their lag, books, dead letters, spools, lines, links, carriers, jobs."""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from dashboards.grafana import queries
from dashboards.grafana.looks import YES_NO, Names, linked, named, override
from dashboards.grafana.panels import STATION_DASHBOARD, dashboard, number_panel, parameter_panel, table_panel, variable
from dashboards.grafana.queries import HERE
from quantrac.config.network import Network
from quantrac.telemetry.parameters import CATALOGUE

UID: Final = "quantrac-operations"
KEPT_HOUSE: Final = ("spool_depth", "error_rate", "signal", "battery_v", "clock_offset", "disk_free")
SENT: Final[Names] = {
    "sent": ("Đã gửi / Sent", "blue"),
    "delivered": ("Đã nhận / Delivered", "green"),
    "queued": ("Chờ / Queued", "yellow"),
    "held": ("Giữ lại / Held", "blue"),
    "failed": ("Không gửi được / Failed", "red"),
    "unknown": ("Không rõ / Unknown", "orange"),
}

MISSING: Final = f"select coalesce(sum(missing), 0) as missing from v_ledger where {HERE}"
LOST: Final = f"select coalesce(sum(lost), 0) as lost from v_ledger where {HERE}"
FEED_LAG: Final = "select max(lag_s) as lag from v_feed where making_share is null"
OPEN_LETTERS: Final = "select coalesce(sum(count), 0) as open from v_dead_letter where closed_at is null"
FAILING: Final = "select count(*) as failing from v_carrier where failing_since is not null"
SILENT: Final = "select count(*) as silent from v_service where beat_at < now() - interval '2 minutes'"
SERVICES: Final = """
select service as "Dịch vụ / Service", worker as "Nơi / Worker", connected::text as "Nối / Connected",
       extract(epoch from now() - beat_at) as "Im lặng / Silent for", backlog_lag_s as "Chậm / Backlog",
       started_at as "Từ / Started", making_share as "Tính lại / Recomputed", making_rate as "Mỗi giây / A second",
       making_until as "Xong lúc / Done at"
from v_service order by service, worker
"""
FEED: Final = """
select consumer as "Bên đọc / Consumer", lag_rows as "Còn lại / Rows left", lag_s as "Chậm / Lag",
       moved_at as "Lần cuối / Moved", making_share as "Tính lại / Recomputed", making_until as "Xong lúc / Done at"
from v_feed order by lag_s desc
"""
LEDGER: Final = f"""
select station as "id", station as "Trạm / Station", epoch as "Sổ / Epoch", highest_seq as "Cao nhất / Highest",
       stored as "Đã ghi / Stored", dead as "Không hợp lệ / Dead", lost as "Mất / Lost", missing as "Thiếu / Missing",
       missing_since as "Thiếu từ / Missing since", received as "Đã đến / Received", new as "Mới / New",
       duplicate as "Trùng / Duplicate", rejected as "Từ chối / Rejected", conflict as "Khác / Conflict",
       last_seen_at as "Lần cuối / Last seen"
from v_ledger where {HERE} order by missing + lost desc, station, epoch limit 200
"""
DEAD_LETTERS: Final = """
select coalesce(station, '?') as "Trạm / Station", reason as "Lý do / Reason", status as "Trạng thái / Status",
       sum(count) as "Số lần / Count", sum(count) filter (where closed_at is null) as "Chưa xử lý / Open",
       max(received_at) as "Lần cuối / Last"
from v_dead_letter where $__timeFilter(received_at) group by 1, 2, 3 order by 5 desc nulls last, 4 desc limit 100
"""
BREACHES: Final = """
select coalesce(station, '?') as "Trạm / Station", kind as "Loại / Kind", count as "Số lần / Count",
       first_at as "Từ / First", last_at as "Lần cuối / Last", detail as "Chi tiết / Detail"
from v_breach where $__timeFilter(last_at) order by last_at desc limit 100
"""
CARRIERS: Final = """
select carrier as "Cách gửi / Carrier", medium as "Loại / Medium", ok_at as "Tốt lúc / Last well",
       failing_since as "Hỏng từ / Failing since", needs_person::text as "Cần người / Needs a person",
       error as "Lỗi / Error"
from v_carrier order by failing_since nulls last, carrier
"""
NOTIFICATIONS: Final = """
select queued_at as "Lúc / Queued", medium as "Loại / Medium", carrier as "Cách gửi / Carrier",
       contact_masked as "Đến / To", status as "Trạng thái / Status", attempts as "Lần / Attempts",
       error as "Lỗi / Error"
from v_notification where $__timeFilter(queued_at) order by queued_at desc limit 200
"""
JOBS: Final = """
select distinct on (job) job as "Việc / Job", due_at as "Hạn / Due", finished_at as "Xong / Finished",
       outcome as "Kết quả / Outcome", detail as "Chi tiết / Detail"
from v_job where due_at <= now() order by job, due_at desc
"""


def operations(network: Network, console: str) -> Dashboard:
    """Return the dashboard."""
    seconds = override(unit="s", decimals=0)
    anew = {"Tính lại / Recomputed": override(unit="percentunit", decimals=0)}
    services = {"Nối / Connected": named(YES_NO), "Im lặng / Silent for": seconds, "Chậm / Backlog": seconds, **anew}
    person = {"Cần người / Needs a person": named({"true": ("Có / Yes", "red"), "false": ("Không / No", "green")})}
    station = {"Trạm / Station": linked("Trạm / Station", STATION_DASHBOARD)}
    sent = {"Trạng thái / Status": named(SENT)}
    made = (
        dashboard("Quantrac · Vận hành / Operations", UID, network.settings.time_zone, console, since="now-24h")
        .refresh("30s")
        .with_variable(variable("station", "Trạm / Station", queries.STATION_VARIABLE, multi=True))
        .with_panel(number_panel("Dịch vụ im lặng / Silent services", SILENT, bad_from=1, span=4))
        .with_panel(number_panel("Trễ xử lý / Feed lag", FEED_LAG, bad_from=60, unit="s", span=4))
        .with_panel(number_panel("Bản tin thiếu / Missing", MISSING, bad_from=1, span=4))
        .with_panel(number_panel("Bản tin mất / Lost", LOST, bad_from=1, span=4))
        .with_panel(number_panel("Bản tin hỏng chưa xử lý / Open dead letters", OPEN_LETTERS, bad_from=1, span=4))
        .with_panel(number_panel("Cách gửi đang hỏng / Failing carriers", FAILING, bad_from=1, span=4))
        .with_panel(table_panel("Dịch vụ / Services", SERVICES, span=12, height=8, columns=services))
        .with_panel(
            table_panel("Dòng thay đổi / Change feed", FEED, span=12, height=8, columns={"Chậm / Lag": seconds, **anew})
        )
        .with_row(Row("Sổ sách / Books"))
        .with_panel(table_panel("Sổ bản tin / Ledger", LEDGER, span=24, height=8, columns=station))
        .with_panel(table_panel("Bản tin hỏng / Dead letters", DEAD_LETTERS, span=12, height=8))
        .with_panel(table_panel("Vi phạm giới hạn / Breaches", BREACHES, span=12, height=8))
        .with_row(Row("Trạm / Stations"))
    )
    for name in KEPT_HOUSE:
        sql = queries.curves(f"{HERE} and parameter = '{name}'", queries.BY_STATION)
        made = made.with_panel(parameter_panel(CATALOGUE[name], sql, span=12))
    return (
        made.with_row(Row("Gửi tin, công việc / Messages, jobs"))
        .with_panel(table_panel("Cách gửi / Carriers", CARRIERS, span=12, height=7, columns=person))
        .with_panel(table_panel("Công việc / Jobs", JOBS, span=12, height=7))
        .with_panel(table_panel("Tin nhắn / Messages to people", NOTIFICATIONS, span=24, height=9, columns=sent))
    )
