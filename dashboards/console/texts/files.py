"""The texts of the pages of configuration files."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "files": ("Tệp cấu hình", "Configuration files"),
    "files_title": ("Tệp cấu hình của mạng", "The network's configuration files"),
    "files_help": (
        "Tệp là bản gốc. Có thể sửa ở đây hoặc trên máy chủ; mỗi lần sửa ở đây đều được ghi lại với người sửa và "
        "lý do, và có thể hoàn tác.",
        "The files are the truth. They may be changed here or at a shell; each change made here is kept with "
        "person and reason, and can be taken back.",
    ),
    "files_find": ("Lọc theo tên trạm, tệp, thiết bị", "Filter by station, file, device"),
    "files_found": ("mục khớp", "match|matches"),
    "files_station": ("Tệp của trạm", "Station file"),
    "files_instruments": ("Mô tả thiết bị", "Device profiles"),
    "files_state": ("Trạm đang chạy", "The station runs"),
    "station_new": ("Thêm trạm mới", "A new station"),
    "station_new_id": ("Mã trạm", "Id"),
    "station_new_like": ("Thiết bị giống trạm", "Instruments like those of"),
    "station_new_vi": ("Tên tiếng Việt", "Vietnamese name"),
    "station_new_en": ("Tên tiếng Anh", "English name"),
    "station_new_commune": ("Xã, phường", "Commune or ward"),
    "station_new_latitude": ("Vĩ độ", "Latitude"),
    "station_new_longitude": ("Kinh độ", "Longitude"),
    "station_new_begin": ("Soạn tệp", "Begin the file"),
    "station_new_help": (
        "Mở tệp của trạm mới trong ô soạn thảo, theo trạm đã chọn; chưa lưu gì cho đến khi bạn lưu. Số sê-ri, hiệu "
        "chỉnh, độ lệch cao độ và mã gửi Bộ của trạm cũ được bỏ ra.",
        "Opens the new station's file in the editor, made of the chosen one; nothing is kept until you save it. Serial "
        "numbers, corrections, offsets to a datum and codes for the ministry of the old one are left out.",
    ),
    "files_shared": ("Dùng chung: mạng và quy tắc", "Shared: network and rules"),
    "files_profiles": ("Mọi mô tả thiết bị", "All device profiles"),
    "files_contacts": (
        "Người nhận tin không nằm trong tệp: họ ở trong cơ sở dữ liệu.",
        "The people who get messages stand in no file: they are in the database.",
    ),
    "files_none": ("Không đọc được thư mục cấu hình, hoặc thư mục trống:", "No files can be read in the folder:"),
    "file_network": ("Thiết lập chung của mạng", "Settings of the network"),
    "file_stations": ("Tệp của trạm", "Station file of"),
    "file_devices": ("Mô tả thiết bị", "Device profile"),
    "file_rules": ("Quy tắc cảnh báo", "Alarm rules"),
    "file_layer": ("lớp phủ", "overlay"),
    "file_twins": ("Cùng tên ở lớp khác:", "The same name in another layer:"),
    "agent_same": ("đúng cấu hình này", "these files"),
    "agent_other": ("cấu hình khác", "other files"),
    "agent_unheard": ("trạm chưa báo cấu hình", "has not said"),
    "agent_unknown": ("chưa áp dụng", "not applied yet"),
    "apply_new": ("trạm mới", "new station"),
    "apply_changed": ("thay đổi", "changed"),
    "apply_unchanged": ("không đổi", "unchanged"),
    "apply_deactivated": ("ngừng dùng, giữ số liệu", "taken out of use, its data are kept"),
    "changes_recent": ("Thay đổi gần đây", "Recent changes"),
    "changes_none": ("Chưa có thay đổi nào.", "No change is on record yet."),
    "change_of_file": ("Lịch sử của tệp", "History of the file"),
    "change_when": ("Lúc", "When"),
    "change_who": ("Người sửa", "By"),
    "change_show": ("Xem các dòng đã sửa", "Show the lines"),
    "change_takes_back": ("hoàn tác thay đổi", "takes back change"),
    "change_taken_back": ("đã bị hoàn tác bởi thay đổi", "was taken back by change"),
    "change_by_hand": (
        "Sau thay đổi mới nhất dưới đây, tệp còn được sửa trên máy chủ.",
        "After the newest change below the file was changed at a shell, too.",
    ),
    "change_take_back": ("Hoàn tác thay đổi này", "Take this change back"),
    "change_back_done": ("Đã hoàn tác, ghi thành thay đổi số", "Taken back, by change"),
    "file_text": ("Nội dung tệp", "Text of the file"),
    "file_keys": (
        "Tab: ra khỏi ô soạn thảo; Ctrl+S: lưu; F8: đến lỗi tiếp theo.",
        "Tab leaves the editor; Ctrl+S saves; F8 goes to the next mistake.",
    ),
    "file_checking": ("Đang kiểm tra…", "Checking…"),
    "file_good": ("Không có lỗi: cấu hình của cả mạng hợp lệ.", "No mistakes: the whole network passes the check."),
    "file_problems": ("lỗi", "mistake|mistakes"),
    "file_problem_of_others": ("có lỗi ở tệp của trạm khác", "a mistake in another station's file"),
    "file_problem_of_people": (
        "có lỗi; chi tiết chỉ hiển thị cho người được xem danh sách nhận tin",
        "a mistake; what was found is shown to those who may see contacts",
    ),
    "file_problems_elsewhere": ("Lỗi ở tệp khác", "Mistakes in other files"),
    "file_cautions": ("Nên xem lại: hợp lệ nhưng có thể nhầm", "Look again: allowed, and hardly meant"),
    "file_next_problem": ("Lỗi tiếp theo", "Next mistake"),
    "file_row": ("Dòng", "Line"),
    "file_unchecked": ("Chưa kiểm tra được", "Could not be checked"),
    "file_mistakes_first": (
        "Chưa thực hiện được: cấu hình còn lỗi, xem danh sách lỗi.",
        "Not possible: the files hold mistakes, see the list.",
    ),
    "file_compare": ("Xem thay đổi", "Show the difference"),
    "file_same": ("Không có dòng nào khác.", "No line differs."),
    "file_lines": ("Các dòng khác với tệp hiện tại", "Lines that differ from the file"),
    "file_effects": ("Nếu áp dụng, trung tâm sẽ thay đổi", "If applied, this changes at the centre"),
    "file_no_effect": ("Không trạm hay thiết lập nào thay đổi.", "No station and no setting changes."),
    "file_no_effect_yours": (
        "Không trạm nào của bạn và không thiết lập nào thay đổi.",
        "None of your stations and no setting changes.",
    ),
    "setting": ("thiết lập của mạng", "setting of the network"),
    "setting_unset": ("không đặt", "not set"),
    "file_save": ("Lưu tệp", "Save the file"),
    "file_saved": ("Đã lưu, thay đổi số", "Saved as change"),
    "file_unsaved": ("Có thay đổi chưa lưu", "Not saved yet"),
    "file_kept": (
        "Bạn có nội dung chưa lưu từ lần mở trước.",
        "There is text of yours from before that was not saved.",
    ),
    "file_proposed": (
        "Đây là nội dung được đề xuất; tệp chưa thay đổi.",
        "This is a proposed text; the file is unchanged.",
    ),
    "file_proposed_kept": (
        "Có nội dung được đề xuất, và bạn còn nội dung chưa lưu từ lần mở trước; chọn một thì bỏ bản còn lại.",
        "A text is proposed, and there is text of yours from before that was not saved; to use one drops the other.",
    ),
    "file_take_proposed": ("Dùng đề xuất", "Use the proposal"),
    "file_take_own": ("Dùng nội dung của tôi", "Use my text"),
    "file_take_kept": ("Dùng nội dung đó", "Use it"),
    "file_drop_kept": ("Bỏ, dùng tệp hiện tại", "Drop it, take the file"),
    "file_meanwhile": (
        "Tệp đã thay đổi sau khi bạn mở. Nội dung của bạn vẫn còn đây; phần dưới so với tệp mới. Nếu lưu lần nữa, "
        "nội dung của bạn sẽ thay thế tệp mới.",
        "The file has changed since you opened it. Your text is still here; the comparison below is with the new file. "
        "Saving again replaces it by your text.",
    ),
    "file_take_theirs": ("Bỏ nội dung của tôi, lấy tệp mới", "Drop my text, take the new file"),
    "file_begun": ("Tệp này chưa có; khi lưu sẽ được tạo mới.", "There is no such file yet; saving makes it."),
    "file_gone": ("Tệp đã bị xóa. Nội dung được lưu gần nhất:", "The file is gone. What it said last is on record:"),
    "file_restore": ("Đưa vào ô soạn thảo", "Put it into the editor"),
    "file_too_large": (
        "Nội dung quá lớn để sửa ở đây (50 kB): hãy dùng quantrac stations edit.",
        "The text is too large to be edited here (50 kB): use quantrac stations edit.",
    ),
    "file_shut_setting": (
        "Chỉ xem: bảng điều khiển không được phép sửa tệp (QUANTRAC_CONFIG_EDITABLE). Vẫn có thể gõ thử, kiểm tra và "
        "so sánh.",
        "To read: the console may not change files (QUANTRAC_CONFIG_EDITABLE). You may still try, check and compare.",
    ),
    "file_shut_role": (
        "Chỉ xem: tài khoản của bạn không được sửa tệp này; tệp dùng chung cần vai trò ở mọi trạm.",
        "To read: your account may not change this file; a shared one needs a role at all stations.",
    ),
    "file_shut_large": (
        "Chỉ xem: tệp lớn hơn 50 kB, hãy dùng quantrac stations edit.",
        "To read: the file is larger than 50 kB, use quantrac stations edit.",
    ),
    "file_shut_bytes": (
        "Chỉ xem: tệp có ký tự không phải UTF-8.",
        "To read: the file holds bytes that are not UTF-8.",
    ),
    "in_force": ("Đưa vào hoạt động", "Bring into force"),
    "in_force_help": (
        "Lưu tệp chưa đổi gì ở trung tâm và ở trạm: áp dụng cho trung tâm trước, rồi gửi cho trạm.",
        "Saving changes nothing at the centre or the station yet: apply to the centre first, then send it to the "
        "station.",
    ),
    "in_force_look": ("Xem trước thay đổi khi áp dụng", "See what applying would change"),
    "in_force_nothing": ("Trung tâm đang dùng đúng các tệp này.", "The centre has exactly these files."),
    "in_force_nothing_yours": (
        "Với các trạm của bạn và thiết lập của mạng, trung tâm đang dùng đúng các tệp này.",
        "Of your stations and of the network's settings the centre has exactly these files.",
    ),
    "in_force_apply": ("Áp dụng cho trung tâm", "Apply to the centre"),
    "in_force_applied": ("Đã áp dụng; số trạm thay đổi:", "Applied; stations changed:"),
    "in_force_settings": ("số thiết lập thay đổi:", "settings changed:"),
    "in_force_role": ("Chỉ người có vai trò ở mọi trạm mới áp dụng được.", "Applying needs a role at all stations."),
    "in_force_push": ("Gửi cho trạm", "Send to the station"),
    "push_sent": ("Đang gửi…", "Being sent…"),
    "push_not_sent": (
        "Chưa gửi được, trạm không nhận lệnh nào; nhật ký của bảng điều khiển cho biết vì sao. Hãy thử lại.",
        "It was not sent, and the station got no order; the console's log says why. Try again.",
    ),
    "push_waits": (
        "Trạm đang thử cấu hình mới; có thể mất vài phút.",
        "The station tries the new configuration; this may take minutes.",
    ),
    "push_confirmed": ("Trạm đã nhận và chạy tốt", "The station has taken it and runs well"),
    "push_unchanged": ("Trạm đã chạy đúng cấu hình này từ trước", "The station ran it already"),
    "push_rolled back": ("Trạm đã quay về cấu hình cũ", "The station went back to the old configuration"),
    "push_restart needed": (
        "Trạm đã nhận; một phần chỉ có hiệu lực khi khởi động lại",
        "The station has taken it; part of it needs a restart",
    ),
    "push_at_restart": ("khi khởi động lại:", "at the next start:"),
    "because": ("vì", "because:"),
    "did_edit": ("sửa", "edited"),
    "did_take back": ("hoàn tác thay đổi của", "took back a change of"),
    "object_file": ("tệp", "file"),
}
"""Key → (Vietnamese, English)."""
