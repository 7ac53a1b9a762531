"""Vietnamese of refusals of signing in, of changes of accounts, and of what an account or a token may do."""

from __future__ import annotations

from typing import Final

VIETNAMESE: Final = {
    "the token {name} may not do this here": "mã truy cập {name} không có quyền làm việc này ở đây",
    "the token is unknown, revoked or over": "mã truy cập không đúng, đã bị thu hồi hoặc đã hết hạn",
    "sign in first": "hãy đăng nhập trước",
    "sign in with the second factor first: open the console's page /account": (
        "hãy xác thực hai bước trước: mở trang /account của bảng điều khiển"
    ),
    "another administrator changes your own account, or `quantrac users` at a shell": (
        "tài khoản của chính bạn phải do người quản trị khác đổi, hoặc bằng lệnh `quantrac users` trên máy chủ"
    ),
    "login: found {found!r}, expected 2 to 80 of a-z 0-9 . _ @ -, such as an.tran": (
        "tên đăng nhập {found!r} không đúng: cần 2 đến 80 ký tự a-z 0-9 . _ @ -, ví dụ an.tran"
    ),
    "name: found {found!r}, expected the person's full name": "họ tên {found!r} không đúng: cần họ và tên đầy đủ",
    "{login}: found no role, expected one of {roles}": "{login} chưa có vai trò: cần một trong {roles}",
    "there is an account {login} already; see `quantrac users list`": "đã có tài khoản {login}",
    "there is no account {login}; see `quantrac users list`": "không có tài khoản {login}",
    "--take takes the role at all stations: leave --stations out;"
    " to take it at some only, give the role again with --stations and those that stay": (
        "thôi vai trò là thôi ở mọi trạm; muốn giữ ở một số trạm thì giao lại vai trò với các trạm đó"
    ),
    "{login} is no {role}": "{login} không có vai trò {role}",
    "{login} is not disabled": "{login} không bị khóa",
    "{login} is disabled since {at}": "{login} bị khóa từ {at}",
    "found the station {found}, expected some of {known}": "không có trạm {found}; các trạm: {known}",
    "{login} has no second factor": "{login} chưa bật xác thực hai bước",
    "a program has no account page": "chương trình không có trang tài khoản",
    "the account {login} has no role for this here": "tài khoản {login} không có quyền làm việc này ở đây",
    "the page is older than the session: open it again": "trang này mở trước khi đăng nhập lại: hãy tải lại trang",
}
