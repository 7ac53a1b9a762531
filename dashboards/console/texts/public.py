"""The pages that anybody may read."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "public_pages": ("Trang công khai", "Public page"),
    "public_title": ("Nước và không khí hôm nay", "Water and air today"),
    "public_too_often": (
        "Địa chỉ này hỏi quá nhiều lần. Xin thử lại sau {seconds} giây.",
        "This address asks too often. Try again in {seconds} s.",
    ),
    "public_nothing": ("Không có trang công khai này. Xem /public", "There is no such public page. See /public"),
    "public_not_yet": (
        "Trang đang chuẩn bị, xin thử lại sau vài giây.",
        "The page is being prepared: try again in a few seconds.",
    ),
    "public_question": ("Bây giờ lấy nước được không?", "May I take in water now?"),
    "public_for": ("Cho", "For"),
    "public_yes": ("LẤY ĐƯỢC", "YES"),
    "public_no": ("CHƯA NÊN LẤY", "NOT NOW"),
    "public_unknown": ("CHƯA BIẾT ĐƯỢC", "CANNOT SAY"),
    "public_yes_why": ("Các chỉ tiêu đo được đều trong giới hạn.", "All that is measured is within its limit."),
    "public_maintenance": (
        "Trạm đang được bảo trì, số liệu lúc này không dùng được.",
        "The station is being maintained: its values do not count at the moment.",
    ),
    "public_silent": (
        "Trạm không gửi số liệu về. Hãy đo tại ao, hoặc chờ trạm hoạt động lại.",
        "The station sends nothing. Measure at the pond, or wait until it is back.",
    ),
    "public_warned": (
        "Các chỉ tiêu đo được đều trong giới hạn, nhưng trạm này đang có cảnh báo. "
        "Hãy đọc cảnh báo trước khi lấy nước.",
        "All that is measured is within its limit, but there is an alarm for this station: read it before you take in "
        "water.",
    ),
    "public_below": ("thấp hơn mức cho phép", "below the least allowed"),
    "public_above": ("cao hơn mức cho phép", "above the most allowed"),
    "public_fine": ("đạt", "within the limit"),
    "public_suspect": ("số liệu đang nghi ngờ", "the value is in doubt"),
    "public_failed": ("máy đo không có số liệu dùng được", "the instrument has no usable value"),
    "public_unchecked": ("số liệu chưa được kiểm tra tự động", "the automatic tests have not seen the value yet"),
    "public_old": ("số liệu đã cũ", "the value is old"),
    "public_missing": ("chưa có số liệu", "there is no value yet"),
    "public_no_limit": ("hiện không có giới hạn nào đang áp dụng", "no limit is in force at present"),
    "public_value": ("Giá trị", "Value"),
    "public_measured": ("Chỉ tiêu", "Measured"),
    "public_limit": ("Cho phép", "Allowed"),
    "public_from": ("từ", "from"),
    "public_to": ("đến", "to"),
    "public_unconfirmed": ("chưa đối chiếu với văn bản gốc", "not compared with the decree's text"),
    "public_at": ("lúc", "at"),
    "public_yesterday": ("Hôm qua giờ này", "This time yesterday"),
    "public_same": ("không đổi", "unchanged"),
    "public_up": ("tăng", "up by"),
    "public_down": ("giảm", "down by"),
    "public_was_yes": ("Hôm qua giờ này: lấy được.", "This time yesterday: yes."),
    "public_was_no": ("Hôm qua giờ này: chưa nên lấy.", "This time yesterday: not then."),
    "public_was_unknown": ("Hôm qua giờ này: không đủ số liệu.", "This time yesterday: too few values."),
    "public_not_measured": (
        "Trạm không đo: {titles}. Hãy tự kiểm tra trước khi lấy nước.",
        "Not measured here: {titles}. Test it yourself before you take in water.",
    ),
    "public_not_judged": (
        "Chưa xét vì không có giới hạn cho loại ao này:", "Not judged, for these ponds have no limit of it:",
    ),
    "public_judge_yourself": (
        "Hãy tự xem có hợp với ao của mình không.", "See for yourself whether it suits your pond.",
    ),
    "public_tide": ("Giờ tới theo con nước", "The next hours by the tide"),
    "public_tide_hours": ("Có thể lấy nước vào:", "Water is likely to be fit:"),
    "public_tide_always": (
        "Tuần qua nước thường đạt ở mọi con nước.", "In the last week the water was mostly fit at any tide.",
    ),
    "public_tide_never": (
        "Tuần qua không con nước nào thường đạt: chưa đoán được giờ lấy nước.",
        "In the last week the water was seldom fit at any tide: no hours can be named.",
    ),
    "public_tide_few": (
        "Tuần qua chưa đủ số liệu để đoán.", "Too few values of the last week to name hours.",
    ),
    "public_tide_no_tide": (
        "Chưa có dự tính con nước cho trạm này.", "There is no tide prediction for this station.",
    ),
    "public_tide_note": (
        "Đoán theo con nước dự tính và {hours} giờ đo trong tuần qua, không phải là lời bảo đảm. Hãy xem lại trang này "
        "trước khi mở cống.",
        "An estimate by the predicted tide and {hours} measured hours of the last week, no promise. Look here again "
        "before you open the sluice.",
    ),
    "public_air": ("Không khí: VN_AQI", "Air: VN_AQI"),
    "public_no_air": ("Chưa có chỉ số của giờ này.", "There is no index of this hour."),
    "public_for_hour": ("của giờ kết thúc lúc", "of the hour that ended at"),
    "public_unreviewed": ("chưa kiểm duyệt", "unreviewed"),
    "public_reviewed": ("đã kiểm duyệt", "reviewed"),
    "public_last": ("Tín hiệu gần nhất từ trạm:", "Last heard of:"),
    "public_never": ("chưa có", "never"),
    "public_more": ("Xem chi tiết", "Details"),
    "public_all": ("Tất cả các trạm", "All stations"),
    "public_communes": ("Theo xã, phường", "By commune"),
    "public_cooperatives": ("Theo tổ hợp tác, hợp tác xã", "By group of farmers"),
    "public_computed": ("Trang này tính lúc", "This page was made at"),
    "public_reload": ("Tải lại trang để xem số liệu mới.", "Load it again for new values."),
    "public_is_old": (
        "Trung tâm không đọc được số liệu mới từ {at}. Trang này nói theo số liệu cũ.",
        "The centre has read no new values since {at}. This page goes by old ones.",
    ),
    "public_note": (
        "Số liệu máy đo tự động, chưa kiểm duyệt trừ khi ghi khác. Trang chỉ để tham khảo, không thay cho bản tin "
        "chính thức.",
        "Values of automatic instruments, unreviewed unless marked otherwise. For information only: the official "
        "bulletins prevail.",
    ),
    "public_alarms": ("Cảnh báo", "Alarms"),
    "public_alarm_untitled": ("Cảnh báo môi trường", "Environmental alarm"),
    "public_over": ("Đã hết", "Over"),
    "public_since": ("từ", "since"),
    "public_feed": ("Cảnh báo (RSS)", "Alarms (RSS)"),
    "public_data": ("Dữ liệu (JSON)", "Data (JSON)"),
    "public_poster": ("Tờ dán (in A4)", "Poster (A4)"),
    "public_poster_ask": ("Hôm nay lấy nước được không?", "May I take in water today?"),
    "public_poster_air": ("Không khí hôm nay thế nào?", "How is the air today?"),
    "public_poster_scan": (
        "Mở máy ảnh của điện thoại, soi vào ô vuông. Không mất tiền, không cần đăng ký.",
        "Point your telephone's camera at the square. Free, no registration.",
    ),
    "public_poster_type": ("Hoặc gõ địa chỉ:", "Or type the address:"),
    "public_poster_yes": ("các chỉ tiêu đều trong giới hạn", "all that is measured is within its limit"),
    "public_poster_no": ("có chỉ tiêu vượt giới hạn", "something is beyond its limit"),
    "public_poster_unknown": (
        "thiếu số liệu: hãy đo tại ao hoặc hỏi cán bộ", "values are missing: measure at the pond, or ask",
    ),
    "public_poster_call": ("Hỏi trung tâm quan trắc:", "Ask the monitoring centre:"),
}  # fmt: skip
