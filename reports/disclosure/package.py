"""What describes a disclosure: its data package (Frictionless), its README in two languages, its checksums. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from reports.disclosure.archive import ArchivedFile
from reports.exports.columns import Column, Kind

TYPES: Final[dict[Kind, str]] = {
    "time": "datetime", "local": "datetime", "text": "string", "number": "number", "count": "integer",
    "truth": "boolean",
}  # fmt: skip
MEDIA_TYPES: Final = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


class Described(NamedTuple):
    """A table of data in the archive."""

    file: ArchivedFile
    vi: str
    en: str
    columns: tuple[Column, ...]


class YearFacts(NamedTuple):
    """What the README says of the year."""

    year: int
    zone: str
    stations: Sequence[tuple[str, str, str]]
    """Station, Vietnamese and English name."""
    unsigned_days: int
    """Days of channels that nobody signed."""
    days: int
    """All days of channels."""


def datapackage(facts: YearFacts, tables: Iterable[Described]) -> str:
    """Return `datapackage.json`, after Frictionless Data Package 1."""
    return json.dumps(
        {
            "profile": "data-package",
            "name": f"environmental-monitoring-{facts.year}",
            "title": f"Số liệu quan trắc môi trường tự động, Automatic environmental monitoring, {facts.year}",
            "resources": [_resource(one) for one in tables],
        },
        ensure_ascii=False, indent=2,
    ) + "\n"  # fmt: skip


def _resource(one: Described) -> dict[str, object]:
    name, _, suffix = one.file.path.rpartition(".")
    fields = [
        {"name": c.name, "type": TYPES[c.kind], "title": c.vi, "description": c.en} for c in one.columns
    ]  # fmt: skip
    return {
        "profile": "tabular-data-resource" if suffix == "csv" else "data-resource",
        "name": f"{name.replace('/', '-')}-{suffix}".lower(), "path": one.file.path,
        "title": one.vi, "description": one.en, "format": suffix, "mediatype": MEDIA_TYPES[suffix], "encoding": "utf-8",
        "bytes": one.file.bytes, "hash": f"sha256:{one.file.sha256}",
        "schema": {"fields": fields, "missingValues": [""]},
    }  # fmt: skip


def checksums(files: Iterable[ArchivedFile]) -> str:
    """Return a file for `sha256sum --check`."""
    return "".join(f"{one.sha256}  {one.path}\n" for one in files)


def readme(facts: YearFacts, language: str) -> str:
    """Return the README in Vietnamese (`vi`) or English (`en`)."""
    at = 1 if language == "vi" else 2
    stations = "".join(f"- {station[at]} (`{station[0]}`)\n" for station in facts.stations)
    text = VIETNAMESE if language == "vi" else ENGLISH
    signed = ALL_SIGNED if not facts.unsigned_days else SOME_UNSIGNED
    said = signed[language].format(unsigned=facts.unsigned_days, days=facts.days)
    return text.format(year=facts.year, zone=facts.zone, stations=stations, signed=said)


ALL_SIGNED: Final = {
    "vi": "Mọi ngày của mọi kênh đã được người có trách nhiệm ký duyệt.",
    "en": "Every day of every channel was signed as reviewed.",
}
SOME_UNSIGNED: Final = {
    "vi": "**{unsigned} trên {days} ngày của các kênh chưa được ký duyệt**: xem `unsigned_days.csv` và cột `stage`. "
    "Số liệu những ngày này còn có thể thay đổi.",
    "en": "**{unsigned} of {days} days of channels were not signed as reviewed**: see `unsigned_days.csv` and the "
    "column `stage`. Data of these days may still change.",
}
VIETNAMESE: Final = """# Số liệu quan trắc môi trường tự động, liên tục năm {year}

Công khai theo Nghị định 73/2017/NĐ-CP. Các trạm:

{stations}
{signed}

## Trong gói có gì

- `hourly/`, `daily/`: giá trị giờ và giá trị ngày của từng trạm, CSV và Parquet (nội dung như nhau). Giờ và
  ngày theo múi giờ {zone}; dòng mang giờ bắt đầu, gồm các số liệu begin < t ≤ begin + độ rộng. `valid` cho
  biết đủ số liệu hay không, `stage` là mức kiểm duyệt.
- `stations.csv`, `channels.csv`: trạm và từ điển kênh đo với đơn vị. Ý nghĩa từng cột nằm trong
  `datapackage.json`.
- `limits.csv`: giới hạn của quy chuẩn, tiêu chuẩn có hiệu lực trong năm; `confirmed` là false thì chưa đối
  chiếu văn bản.
- `completeness.csv`: tỷ lệ nhận và tỷ lệ hợp lệ theo tháng và năm, số liệu thiếu theo nguyên nhân.
- `flags.csv`: kết quả kiểm tra tự động; `reviews.csv`: đánh giá và hiệu chỉnh của người kiểm duyệt, kèm lý do.
- `unsigned_days.csv`: ngày chưa ký duyệt.
- `checksums.sha256`: kiểm bằng `sha256sum --check checksums.sha256`.
"""
ENGLISH: Final = """# Automatic, continuous environmental monitoring in {year}

Disclosed after Decree 73/2017/ND-CP. The stations:

{stations}
{signed}

## What is in it

- `hourly/`, `daily/`: hourly and daily values of each station as CSV and Parquet, with the same content.
  Hours and days are those of {zone}; a row bears the begin and holds the readings begin < t ≤ begin + width.
  `valid` says whether there were enough, `stage` how far it was reviewed.
- `stations.csv`, `channels.csv`: stations, and the dictionary of channels with units. What each column means
  is in `datapackage.json`.
- `limits.csv`: limits of decrees and standards in force in the year; those that are not `confirmed` are from
  memory.
- `completeness.csv`: received and valid share by month and year, and what lacks by cause.
- `flags.csv`: findings of automatic tests; `reviews.csv`: verdicts and corrections of people with their
  reasons.
- `unsigned_days.csv`: days that nobody signed.
- `checksums.sha256`: `sha256sum --check checksums.sha256`.
"""
