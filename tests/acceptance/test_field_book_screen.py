"""The field book on a telephone: a visit typed at the waterside survives what happens there, and is saved once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, expect

from quantrac.desks import certificates, field_book, samples
from quantrac.desks.certificates import CertificateSheet
from quantrac.desks.field_book import DeviceWork, VisitSheet, WorkKind
from quantrac.desks.roles import Role, RoleGrant
from tests.fixtures.console import RunningConsole
from tests.fixtures.page_timing import SIDEWAYS, routed

pytestmark = pytest.mark.slow

PARTS = """
async () => {
  const { partsOf } = await import(document.querySelector("script[src*=samples]").src);
  const whole = "a;b\\r\\n1;2\\n3;4\\n\\"5\\n6\\";7\\n8;9";
  return [partsOf(whole, 1000), partsOf(whole, 12)];
}
"""
TWICE = """() => {
  const button = document.getElementById("visit-send");
  new MutationObserver(() => setTimeout(() => button.click())).observe(button, { attributes: true });
}"""
"""Somebody presses again as soon as the button lets them."""
A_DAY_SLOW = "const right = Date.now; Date.now = () => right() - 86_400_000;"
"""Runs before the page's own scripts: the browser's clock is wrong."""


def test_a_technician_writes_a_visit_on_a_telephone_and_a_laboratorys_result_follows(
    console: RunningConsole, chromium: Browser
) -> None:
    now = datetime.now(UTC)
    today = now.date()
    paper = CertificateSheet(
        "st-my-thanh", "sonde", "calibration", "HC-1", "Quatest 3", today, today + timedelta(days=9)
    )
    certificates.add(console.conn, paper, "An", now)
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    broken: list[str] = []
    context.on("weberror", lambda error: broken.append(str(error.error)))
    session = console.sign_in("Lê An", RoleGrant(Role.TECHNICIAN))
    context.add_cookies([{"name": "quantrac", "value": session, "url": console.url}])
    context.add_init_script(A_DAY_SLOW)
    page = context.new_page()
    routed(page)
    page.goto(f"{console.url}/field-book?station=st-my-thanh")
    page.locator("#visit-open").press("Enter")
    work = page.locator("fieldset.work").first
    work.locator("[data-field=kind]").select_option("calibration")
    work.locator("[data-field=device]").select_option("sonde")
    oxygen = work.locator("[data-channel=do]")
    oxygen.locator("[data-value=before]").fill("7,9")
    oxygen.locator("[data-value=after]").fill("8,2")
    assert page.evaluate(SIDEWAYS) <= 0, "nothing is beside the telephone's screen"

    page.reload()  # the telephone has forgotten the page
    expect(oxygen.locator("[data-value=after]")).to_have_value("8,2")
    page.route("**/api/stations/**", lambda route: route.abort())  # no network at the waterside
    page.locator("#visit-send").press("Enter")
    expect(page.locator("#visit-error")).to_be_visible()
    page.unroute("**/api/stations/**")
    page.locator("#visit-words").fill("nước đục <b>")
    page.evaluate(TWICE)
    page.locator("#visit-send").press("Enter")
    expect(page.locator("#saved")).to_be_visible()
    (visit,) = field_book.visits(console.conn)
    assert [(one.channel, one.before, one.after) for one in visit.works] == [("do", 7.9, 8.2)]
    entry = page.locator(f"#visit-{visit.visit_id}")
    expect(entry).to_contain_text("7,9 → 8,2")
    expect(page.locator("#visit")).to_be_hidden()

    entry.get_by_role("button", name="Sửa").press("Enter")
    expect(page.locator("#visit-words")).to_have_value("nước đục <b>")
    page.locator("#visit-reason").fill("gõ nhầm")
    page.locator("[data-channel=do] [data-value=after]").fill("8.3")
    page.locator("#visit-send").press("Enter")
    expect(entry).to_contain_text("gõ nhầm")
    assert field_book.visits(console.conn)[0].works[0].after == 8.3

    works = (
        DeviceWork("sonde", WorkKind.CALIBRATION, "do", 0.00042, 1e-7),
        DeviceWork("sonde", WorkKind.CALIBRATION, None),
        DeviceWork("sonde", WorkKind.PROBE_CHANGE, "do", 7.123456, None, None, "4711"),
        DeviceWork("sonde", WorkKind.CHECK, "battery_v", 12.5),
        DeviceWork("sonde", WorkKind.REPAIR, "ph"),
    )
    earlier = VisitSheet("st-my-thanh", now - timedelta(hours=3), now - timedelta(hours=2), works, "Bình", "gió to")
    other = field_book.add(console.conn, earlier, "Bình", now)
    page.goto(f"{console.url}/field-book?station=st-my-thanh")
    entry = page.locator(f"#visit-{other.visit_id}")
    entry.get_by_role("button", name="Sửa").press("Enter")
    expect(page.locator("[data-channel=do] [data-value=before]").first).to_have_value("0,00042")
    page.locator("#visit-words").fill("gió nhẹ")
    page.locator("#visit-reason").fill("gõ nhầm")
    page.locator("#visit-send").press("Enter")
    expect(entry).to_contain_text("gió nhẹ")
    expect(page.locator("#saved")).to_be_visible()  # by the script, which takes the next press
    assert set(field_book.versions(console.conn, other.visit_id)[0].works) == set(works), "only words were corrected"
    entry.get_by_role("button", name="Sửa").press("Enter")
    page.locator("#visit-reason").fill("gió lớn")
    field_book.correct(console.conn, other.visit_id, earlier._replace(words="mưa"), "Bình", "nhớ ra", now)
    page.locator("#visit-send").press("Enter")  # a colleague was faster: what stands is shown, what is typed stays
    expect(page.locator("#visit-corrects")).to_contain_text("Người khác đã sửa chuyến này")
    expect(entry).to_contain_text("mưa")
    page.locator("#visit-send").press("Enter")
    expect(entry).to_contain_text("gió lớn")
    expect(page.locator("#saved")).to_be_visible()

    entry.get_by_role("button", name="Sửa").press("Enter")
    page.locator("#visit-cancel").press("Enter")
    page.locator("#visit-open").press("Enter")
    expect(page.locator("#visit-crew")).to_have_value("Lê An")
    expect(page.locator("#visit-words")).to_have_value("")
    work.locator("[data-field=device]").select_option("sonde")
    oxygen.locator("[data-value=before]").fill("7;9")
    page.locator("#visit-send").press("Enter")
    expect(page.locator("#visit input:invalid")).to_have_count(1)
    page.locator("#visit-cancel").press("Enter")

    page.goto(f"{console.url}/samples?station=st-my-thanh")
    whole, parted = page.evaluate(PARTS)
    assert [part["lines_before"] for part in whole] == [0]
    assert [(part["text"], part["lines_before"]) for part in parted] == [
        ("a;b\n1;2\n3;4", 0), ('a;b\n"5\n6";7', 2), ("a;b\n8;9", 4),
    ]  # fmt: skip
    page.locator("#sample-open").press("Enter")
    sheet = page.locator("#sample")
    sheet.locator("[name=code]").fill("M1")
    sheet.get_by_role("button", name="Lưu").press("Enter")
    expect(page.locator("#saved")).to_be_visible()
    (sample,) = samples.samples(console.conn)
    assert abs(sample.sampled_at - now) < timedelta(hours=6), "by the server's clock"
    page.locator(f"#sample-{sample.sample_id}").get_by_role("button", name="Ghi kết quả").press("Enter")
    result = page.locator("#result")
    result.locator("[name=parameter]").select_option("nh4_n")
    result.locator("[name=reported]").fill("KPH")
    result.get_by_role("button", name="Lưu").press("Enter")
    expect(result.locator(".error")).to_contain_text("không phải là một số")
    result.locator("[name=reported]").fill("<0,02")
    result.get_by_role("button", name="Lưu").press("Enter")
    expect(page.locator(f"#sample-{sample.sample_id}")).to_contain_text("<0,02 mg/l")

    console.ingest_beats()
    page.goto(f"{console.url}/")
    expect(page.locator("#needs")).to_contain_text(re.compile(r"giấy chứng nhận hiệu chuẩn HC-1"))
    context.close()
    assert broken == []
