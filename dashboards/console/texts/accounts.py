"""Signing in, one's own account and its second factor, the accounts of all."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "role_viewer": ("người xem", "viewer"),
    "role_operator": ("trực ban", "operator"),
    "role_technician": ("kỹ thuật viên", "technician"),
    "role_data_officer": ("cán bộ số liệu", "data officer"),
    "role_administrator": ("quản trị", "administrator"),
    "choose_password": ("Chọn mật khẩu", "Choose a password"),
    "new_password": ("Mật khẩu mới", "New password"),
    "new_password_rule": (
        "Ít nhất 10 ký tự; vài từ liền nhau, có dấu, là dễ nhớ và khó đoán.",
        "At least 10 characters; a few words in a row are easy to remember and hard to guess.",
    ),
    "forgot_password": (
        "Quên mật khẩu: xin người quản trị một liên kết mới.",
        "Forgotten: ask an administrator for a new link.",
    ),
    "link_over": ("Liên kết không còn dùng được", "This link cannot be used"),
    "link_over_why": (
        "Liên kết đã hết hạn hoặc đã được dùng. Hãy xin người quản trị một liên kết mới.",
        "It has run out or was used. Ask an administrator for a new one.",
    ),
    "sign_in_busy": ("quá nhiều người đăng nhập cùng lúc; hãy thử lại", "too many people sign in at once; try again"),
    "no_passwords": (
        "bảng điều khiển này không dùng mật khẩu; hãy đăng nhập qua nhà cung cấp",
        "this console takes no passwords; sign in by the provider",
    ),
    "my_account": ("Tài khoản của tôi", "My account"),
    "accounts": ("Các tài khoản", "Accounts"),
    "accounts_help": (
        "Không có mật khẩu mặc định: người được mời tự chọn mật khẩu qua liên kết. Ai làm gì đều ghi vào nhật ký.",
        "There is no default password: whoever is invited chooses one by the link. Every act stands in the audit.",
    ),
    "account_invite": ("Mời người mới", "Invite a colleague"),
    "account_name": ("Họ và tên", "Full name"),
    "account_login_rule": (
        "2 đến 80 ký tự a-z 0-9 . _ @ -, ví dụ an.tran",
        "2 to 80 of a-z 0-9 . _ @ -, such as an.tran",
    ),
    "account_role": ("Vai trò", "Role"),
    "account_stations": ("Chỉ ở các trạm (không chọn: mọi trạm)", "Only at these stations (none: at all)"),
    "account_make_link": ("Tạo tài khoản và liên kết", "Make account and link"),
    "account_acts": ("Thao tác", "Acts"),
    "account_new_link": ("Liên kết mới", "New link"),
    "account_disable": ("Khóa", "Disable"),
    "account_enable": ("Mở khóa", "Enable"),
    "account_give": ("Giao vai trò", "Give the role"),
    "account_take": ("Thôi vai trò", "Take the role"),
    "account_own": ("tài khoản của bạn", "your own account"),
    "account_no_password": ("chưa chọn mật khẩu", "no password yet"),
    "account_disable_what": (
        "Người này bị đăng xuất ngay và không vào được nữa; những gì đã làm vẫn còn trong nhật ký.",
        "They are signed out at once and come in no more; what they did stays in the audit.",
    ),
    "account_enable_what": (
        "Người này lại vào được bằng mật khẩu cũ.",
        "They come in again, by the password they had.",
    ),
    "account_link": ("Liên kết", "Link"),
    "account_link_for": ("Liên kết cho", "Link for"),
    "account_link_help": (
        "Hãy gửi liên kết này cho đúng người đó. Trong ba ngày, ai mở nó thì chọn được mật khẩu, một lần; "
        "liên kết trước hết hiệu lực. Liên kết chỉ hiện một lần này.",
        "Send it to that person alone. Within three days whoever opens it chooses the password, once; earlier "
        "links end. It is shown this once.",
    ),
    "account_copy": ("Sao chép", "Copy"),
    "account_copied": ("Đã sao chép.", "Copied."),
    "account_copy_by_hand": ("Liên kết đã được chọn: nhấn Ctrl+C.", "It is selected: press Ctrl+C."),
    "account_roles": ("Vai trò", "Roles"),
    "account_linked": ("đăng nhập qua nhà cung cấp", "signs in by the provider"),
    "account_disabled": ("bị khóa từ", "disabled since"),
    "factor_code_where": (
        "6 chữ số trong ứng dụng xác thực trên điện thoại, hoặc một mã dự phòng.",
        "The 6 digits in the authenticator on your telephone, or a recovery code.",
    ),
    "factor_lost": (
        "Mất điện thoại và mã dự phòng: nhờ người quản trị đặt lại.",
        "Telephone and recovery codes lost: ask an administrator to reset it.",
    ),
    "factor_on": ("Đã bật từ", "On since"),
    "factor_codes_left": ("Số mã dự phòng còn lại", "Recovery codes left"),
    "factor_remove": ("Tắt xác thực hai bước", "Turn it off"),
    "factor_new_codes": ("Tạo mã dự phòng mới", "Make new recovery codes"),
    "factor_no_key": (
        "Máy chủ chưa đặt QUANTRAC_ACCOUNT_KEY nên chưa dùng được; hãy báo người quản trị.",
        "QUANTRAC_ACCOUNT_KEY is not set at the server, so nobody can use one; tell an administrator.",
    ),
    "factor_demanded": ("Vai trò của bạn bắt buộc xác thực hai bước", "Your role demands a second factor"),
    "factor_demanded_of": ("Bắt buộc xác thực hai bước với", "A second factor is demanded of"),
    "factor_what": (
        "Ngoài mật khẩu, mỗi lần đăng nhập cần thêm mã từ điện thoại: người khác biết mật khẩu cũng không vào được.",
        "Beside the password each sign-in needs a code of your telephone: whoever learns your password stays outside.",
    ),
    "factor_begin": ("Bật xác thực hai bước", "Turn it on"),
    "factor_scan": (
        "Quét mã này bằng ứng dụng xác thực (Google Authenticator, Microsoft Authenticator, FreeOTP…).",
        "Scan this with an authenticator (Google Authenticator, Microsoft Authenticator, FreeOTP…).",
    ),
    "factor_picture": ("Mã QR của khóa xác thực", "QR code of the secret"),
    "factor_by_hand": ("Hoặc nhập khóa bằng tay:", "Or type the secret:"),
    "factor_first_code": ("Mã 6 chữ số mà ứng dụng hiện ra", "The 6 digits that the authenticator shows"),
    "factor_confirm": ("Xác nhận", "Confirm"),
    "factor_codes": ("Mã dự phòng", "Recovery codes"),
    "factor_codes_why": (
        "Khi không có điện thoại, mỗi mã dùng được một lần. Hãy in hoặc chép lại và cất kỹ: mã chỉ hiện một lần này.",
        "Without your telephone each of them lets you in once. Print or copy them now: they are shown this once.",
    ),
    "factor_codes_kept": ("Tôi đã cất mã, tiếp tục →", "I have kept them, go on →"),
    "factor_reset": ("Đặt lại xác thực hai bước", "Reset the second factor"),
    "factor_reset_what": (
        "Người này bị đăng xuất và lần sau vào chỉ bằng mật khẩu. Hãy chắc chắn đúng là người đó đang nhờ.",
        "They are signed out and come in by password alone next time. Make sure that it is they who ask.",
    ),
}
