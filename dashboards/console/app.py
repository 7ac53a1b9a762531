"""The web application, made of its parts. They read the public views only, and give what people do to a desk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi import Depends, FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.routing import APIRoute
from fastapi.templating import Jinja2Templates

from dashboards.api.rate import RateBound
from dashboards.api.routes import add_api
from dashboards.console.account_page import add_account_page
from dashboards.console.accounts_page import add_accounts_page
from dashboards.console.admission import Gate, check_gates, is_encrypted
from dashboards.console.alarm_actions import add_actions
from dashboards.console.alarm_page import add_alarm_page
from dashboards.console.alarms_page import add_alarms_page
from dashboards.console.aqi_page import add_aqi_page
from dashboards.console.assets import HERE, Assets
from dashboards.console.audit_page import add_audit_page
from dashboards.console.bulletins_page import add_bulletins_page
from dashboards.console.compare_page import add_compare_page
from dashboards.console.completeness_page import add_completeness_page
from dashboards.console.context import Console
from dashboards.console.disclosures_page import add_disclosures_page
from dashboards.console.equipment_page import add_equipment_page
from dashboards.console.error_answers import add_error_answers
from dashboards.console.exports_page import add_exports_page
from dashboards.console.field_book_page import add_field_book_page
from dashboards.console.file_page import add_configuration_pages
from dashboards.console.guard import Guard
from dashboards.console.jobs_page import add_jobs_page
from dashboards.console.limits_page import add_limits_page
from dashboards.console.ministry_page import add_ministry_page
from dashboards.console.network_pages import add_network_data, add_network_pages, described
from dashboards.console.numbers import given, number, signed
from dashboards.console.oidc_sign_in import add_oidc_sign_in
from dashboards.console.outside import add_outside
from dashboards.console.overview_data import add_overview_data
from dashboards.console.people_page import add_people_page
from dashboards.console.person_page import add_person_page
from dashboards.console.provider import Provider
from dashboards.console.public_pages import add_public_pages, changed, decimals_of
from dashboards.console.roster_page import add_roster_page
from dashboards.console.rules_page import add_rules_page
from dashboards.console.samples_page import add_samples_page
from dashboards.console.scripts import modules_of, texts_of
from dashboards.console.search import add_search
from dashboards.console.shift_page import add_shift_page
from dashboards.console.sign_in import add_sign_in
from dashboards.console.stages_page import add_stages_page
from dashboards.console.station_page import add_station_page
from dashboards.console.titles import one_way
from dashboards.console.told_page import add_told_page
from dashboards.console.trace_page import add_trace_page, trace_address
from dashboards.console.trial_page import add_trial
from dashboards.console.workbench_page import add_workbench_page
from dashboards.sensorthings.routes import add_sensorthings
from quantrac.desks.roles import DeskAct
from quantrac.telemetry.words import counted


def create_app(console: Console, hosts: frozenset[str]) -> FastAPI:
    """Return the application, which answers under these names; nothing is opened or started here."""
    app = FastAPI(title="Quantrac", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan(console))
    app.add_middleware(GZipMiddleware, minimum_size=1000, compresslevel=6)
    app.add_middleware(Guard, hosts=hosts)
    provider = None if console.rules.provider is None else Provider(console.rules.provider)
    templates = _templates(app, console, provider)
    add_error_answers(app, console, templates)
    for add_page in (add_network_pages, add_station_page, add_compare_page, add_equipment_page):
        add_page(app, console, templates)
    add_network_data(app, console)
    add_actions(app, console)
    add_sign_in(app, console, templates, provider)
    if provider is not None:
        add_oidc_sign_in(app, console, templates, provider)
    add_overview_data(app, console)
    add_account_page(app, console, templates)
    add_accounts_page(app, console, templates)
    add_audit_page(app, console, templates)
    add_workbench_page(app, console, templates)
    add_alarms_page(app, console, templates)
    add_alarm_page(app, console, templates)
    add_stages_page(app, console, templates)
    add_trace_page(app, console, templates)
    add_completeness_page(app, console, templates)
    add_exports_page(app, console, templates)
    add_ministry_page(app, console, templates)
    add_disclosures_page(app, console, templates)
    add_rules_page(app, console, templates)
    add_trial(app, console, templates)
    add_field_book_page(app, console, templates)
    add_samples_page(app, console, templates)
    for add_page_of_people in (add_people_page, add_roster_page, add_told_page, add_person_page):
        add_page_of_people(app, console, templates)
    add_configuration_pages(app, console, templates)
    add_shift_page(app, console, templates)
    add_jobs_page(app, console, templates)
    add_bulletins_page(app, console, templates)
    add_aqi_page(app, console, templates)
    add_limits_page(app, console, templates)
    add_search(app, console)
    add_outside(app, console, templates)
    may_read, bound = Depends(Gate(console, DeskAct.READ)), RateBound()
    add_api(app, console.reading, may_read, bound, console.clock)
    add_sensorthings(app, console.reading, may_read, bound)
    add_public_pages(app, console, templates)
    check_gates(app)
    _answer_head(app)
    return app


def _lifespan(console: Console) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        console.hub.bind(asyncio.get_running_loop())
        yield

    return lifespan


def _templates(app: FastAPI, console: Console, provider: Provider | None) -> Jinja2Templates:
    """Return the templates with what all of them may use; their scripts and styles are served."""
    assets = Assets()
    assets.mount(app)
    templates = Jinja2Templates(
        HERE / "templates", context_processors=[lambda request: {"is_encrypted": is_encrypted(request)}]
    )
    filters = local_time, one_way, number, signed, given, counted
    templates.env.filters |= {written.__name__: written for written in filters}
    templates.env.globals |= {
        "asset": assets.address, "modules_of": modules_of, "texts_of": texts_of, "grafana": console.grafana,
        "described": described, "trace_address": trace_address, "decimals_of": decimals_of, "changed": changed,
        "has_passwords": console.rules.passwords, "has_public_pages": lambda: _has_public_pages(console),
        "provider_name": None if provider is None else provider.settings.name,
    }  # fmt: skip
    return templates


def _has_public_pages(console: Console) -> bool:
    library = console.library()
    return library is not None and library.network.settings.public is not None


def _answer_head(app: FastAPI) -> None:
    for route in app.routes:
        if isinstance(route, APIRoute) and route.methods and "GET" in route.methods:
            route.methods.add("HEAD")


def local_time(time: datetime, zone: ZoneInfo) -> str:
    """Return a time as people in a zone read it."""
    return time.astimezone(zone).strftime("%H:%M %d/%m/%Y")
