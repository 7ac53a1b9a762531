"""Reads the pictures that cameras took when an alarm rose."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Response

from dashboards.console.refusals import NotFound
from quantrac.database.pool import Connection

PICTURE: Final = """
select bytes from v_alarm_picture where alarm_id = %s and camera = %s and time is not null
order by wanted_at desc limit 1
"""
PICTURES: Final = """
select distinct on (camera) camera, time from v_alarm_picture
where alarm_id = %s and (time is not null
  or (outcome not in ('failed', 'expired') and wanted_at > now() - interval '15 minutes'))
order by camera, wanted_at desc
"""


def pictures_of(conn: Connection, alarm_id: int) -> list[dict[str, Any]]:
    """Return `camera` and `time` of an alarm's pictures; `time` None: it is on its way."""
    return [{"camera": camera, "time": time} for camera, time in conn.execute(PICTURES, [alarm_id])]


def picture(conn: Connection, alarm_id: int, camera: str) -> Response:
    """Return the JPEG of a camera for an alarm. Raises NotFound."""
    row = conn.execute(PICTURE, [alarm_id, camera]).fetchone()
    if row is None:
        raise NotFound("there is no picture of {camera} for alarm {alarm}", camera=camera, alarm=alarm_id)
    return Response(bytes(row[0]), media_type="image/jpeg")
