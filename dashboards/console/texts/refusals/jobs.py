"""Vietnamese of refusals of the jobs of the clock."""

from __future__ import annotations

from typing import Final

VIETNAMESE: Final = {
    "there is no job {job}; there are: {known}": "không có việc {job}; hiện có: {known}",
    "the job {job} has been asked for already and waits for jobs run": (
        "việc {job} đã được yêu cầu và đang chờ jobs run"
    ),
    "no run of the job {job} was asked for at {at}": "không có lần chạy nào của việc {job} được yêu cầu lúc {at}",
}
