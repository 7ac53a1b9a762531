"""Explains a dead letter: why it was refused, in words, and what can be read of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from quantrac.desks.books import DeadLetterRow
from quantrac.telemetry import wire
from quantrac.telemetry.wire import BadEnvelope, WireEvent, WireReading
from quantrac.telemetry.words import Words

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


REASONS: Final[dict[str, Words]] = {
    "not_utf8": Words("không phải văn bản UTF-8", "is no UTF-8 text"),
    "not_json": Words("không phải JSON", "is no JSON"),
    "not_an_object": Words("JSON không phải là một đối tượng", "is JSON, but no object"),
    "no_epoch": Words("thiếu epoch hoặc epoch sai", "has no epoch, or one that is none"),
    "no_seq": Words("thiếu số thứ tự hoặc số thứ tự sai", "has no sequence number, or one that is none"),
    "bad_time": Words("thiếu thời gian hoặc thời gian sai", "has no time, or one that is none"),
    "bad_readings": Words("phần số liệu không phải danh sách", "its readings are no list"),
    "bad_events": Words("phần sự kiện không phải danh sách", "its events are no list"),
    "empty": Words("không có số liệu hay sự kiện nào", "holds neither readings nor events"),
    "too_large": Words("quá lớn", "is too large"),
    "bad_topic": Words("topic sai dạng", "came on a topic that is none of ours"),
    "unknown_station": Words(
        "trạm chưa được khai báo: thêm tệp trạm, chạy quantrac stations apply rồi replay",
        "comes from a station that is not configured: add its file, quantrac stations apply, then replay",
    ),
    "in_the_future": Words(
        "thời gian ở tương lai: xem đồng hồ của trạm", "its time lies in the future: see the station's clock"
    ),
    "before_service": Words(
        "thời gian trước ngày trạm hoạt động (in_service): xem đồng hồ của trạm",
        "its time lies before the station's in_service: see the station's clock",
    ),
    "too_old": Words(
        "số liệu quá cũ (quotas.oldest của network.yaml): xem đồng hồ của trạm; nếu đúng, nâng giới hạn hoặc replay",
        "is older than quotas.oldest of network.yaml: see the station's clock; if right, raise it or replay",
    ),
    "unknown_channel": Words(
        "kênh chưa được khai báo: thêm vào tệp trạm, chạy quantrac stations apply rồi replay",
        "names a channel that is not configured: add it to the station's file, quantrac stations apply, then replay",
    ),
    "wrong_type": Words("sai kiểu dữ liệu", "has a value of the wrong type"),
    "not_finite": Words("giá trị không phải số hữu hạn", "has a value that is no finite number"),
    "unknown_state": Words("trạng thái không có trong danh mục", "has a state that does not exist"),
    "value_with_comm": Words("có giá trị dù mất liên lạc (comm)", "has a value although its state is comm"),
    "null_with_ok": Words("không có giá trị dù trạng thái là ok", "has no value although its state is ok"),
    "channel_twice": Words("một kênh có hai lần", "lists a channel twice"),
    "refused_by_database": Words("cơ sở dữ liệu từ chối", "the database would not take it"),
    "not_understood": Words("chương trình không xử lý được: xin báo lỗi", "our checks failed over it: please report"),
    "not_jpeg": Words("ảnh không phải JPEG", "is no JPEG"),
    "bad_properties": Words(
        "thiếu hoặc sai thuộc tính của ảnh (epoch, seq, t, camera, cause)",
        "lacks a picture's user properties (epoch, seq, t, camera, cause), or they are wrong",
    ),
}  # fmt: skip


def words(reason: str) -> Words:
    """Return the words for a reason; the code itself for one that has none."""
    return REASONS.get(reason, Words(reason, reason))


def explained(letter: DeadLetterRow, zone: ZoneInfo) -> Iterator[str]:
    """Yield lines for a person: what was found, and what can be read of the payload with the refused parts marked."""
    if isinstance(letter.detail, dict) and letter.detail.get("found"):
        yield f"found: {letter.detail['found']}"
    refused = _refused(letter.detail)
    if letter.topic.endswith("/image"):
        yield f"a picture of {letter.length} bytes"
        return
    try:
        lenient = wire.decode_leniently(letter.payload)
    except BadEnvelope:
        yield "it cannot be read as a message" + ("" if letter.length == len(letter.payload) else "; it was cut")
        return
    message = lenient.message
    yield f"message {message.seq} of epoch {message.epoch}, time {_time(message.t, zone)}"
    for reading in message.r:
        yield _reading(reading)
    for place, reason in refused.items():
        yield f"  refused {place}: {words(reason).en} ({words(reason).vi})"
    for event in message.e:
        yield _event(event, zone)


def _refused(detail: Any) -> dict[str, str]:
    """Return reasons by place and what stood there, such as `r[3] dox`."""
    parts = detail.get("refused", []) if isinstance(detail, dict) else []
    return {f"{part['place']} {part['found']}": part["reason"] for part in parts}


def _reading(reading: WireReading) -> str:
    channel, value, state = reading
    return f"  {channel:<24} {'-' if value is None else value:>12} {state}"


def _event(event: WireEvent, zone: ZoneInfo) -> str:
    kind, device, detail, t = event
    return f"  event {kind} {device or '-'} {_time(t, zone)}: {detail}"


def _time(ms: int, zone: ZoneInfo) -> str:
    try:
        moment = EPOCH + timedelta(milliseconds=ms)
        return f"{moment:%Y-%m-%d %H:%M:%SZ} ({moment.astimezone(zone).isoformat(' ')})"
    except OverflowError:
        return f"{ms} ms since 1970 (no date)"
