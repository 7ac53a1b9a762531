"""Vietnamese of refusals: of the desks' sentences, the words in them, and what is wrong with a field of a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

VIETNAMESE: Final[Mapping[str, str]] = {
    "alarm {alarm} was acknowledged by {by} at {at}": "cảnh báo {alarm} đã được {by} xác nhận lúc {at}",
    "alarm {alarm} is {state}; only one that is latched and back to normal is reset": (
        "cảnh báo {alarm} đang ở trạng thái «{state}»; chỉ đặt lại được cảnh báo đã chốt và đã trở lại bình thường"
    ),
    "no file is missed: `alerts run` says so ten seconds after one is gone or empty": (
        "không thiếu tệp nào: `alerts run` báo sau mười giây khi có tệp bị mất hoặc rỗng"
    ),
    "the changed files are wrong: correct them (quantrac rules check shows where)": (
        "các tệp vừa sửa có lỗi: hãy sửa lại (quantrac rules check chỉ chỗ sai)"
    ),
    "an alarm is shelved for at most 7 days: found {until} as the end": (
        "chỉ tạm gác cảnh báo nhiều nhất 7 ngày, không đến {until}"
    ),
    "alarm {alarm} is not shelved": "cảnh báo {alarm} không đang tạm gác",
    "out of service ends within 90 days and after it began: found {until}": (
        "ngừng vận hành nhiều nhất 90 ngày và kết thúc sau khi bắt đầu, không đến {until}"
    ),
    "{place} is not out of service": "{place} không đang ngừng vận hành",
    "there is no station {station}; see `quantrac status`": "không có trạm {station}; xem `quantrac status`",
    "{station} has no device {device} with channels; its devices: {known}": (
        "trạm {station} không có thiết bị {device}; các thiết bị của trạm: {known}"
    ),
    "{device} has no channel {channel}; its channels: {known}": ("{device} không có kênh {channel}; các kênh: {known}"),
    "there is no alarm {alarm}; see `quantrac alarms list --all`": (
        "không có cảnh báo {alarm}; xem `quantrac alarms list --all`"
    ),
    "since you looked {by} has acted: {event} at {at}; look, and send it again if you still want to": (
        "sau lúc bạn xem, {by} đã xử lý: {event} lúc {at}; hãy xem lại rồi gửi lần nữa nếu vẫn muốn"
    ),
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
    "the console cannot reach the database": "bảng điều khiển không kết nối được cơ sở dữ liệu",
    "this took too long and was stopped: ask for less, or try again": (
        "yêu cầu này mất quá nhiều thời gian nên đã dừng lại: hãy chọn khoảng ngắn hơn, hoặc thử lại"
    ),
    "QUANTRAC_COMMAND_KEYS is not set for the console: end it at the station, or by command": (
        "chưa đặt QUANTRAC_COMMAND_KEYS cho bảng điều khiển: hãy kết thúc tại trạm, hoặc bằng lệnh"
    ),
    "{station} has not ended the maintenance; it says: {error}": (
        "trạm {station} chưa kết thúc bảo trì; trạm trả lời: {error}"
    ),
    "{broker}: no connection, or no right to read {station}'s replies (user console)": (
        "không kết nối được máy chủ MQTT {broker}, hoặc người dùng console không có quyền đọc trả lời của "
        "trạm {station}"
    ),
    "{station} has not answered within {wait_s} s; if it comes back within {expires_s} s of the "
    "order it still carries it out, and its events say so": (
        "sau {wait_s} giây trạm {station} vẫn chưa trả lời; nếu có mạng lại trong vòng {expires_s} giây kể từ lúc "
        "ra lệnh, trạm vẫn thực hiện và báo lại bằng sự kiện"
    ),
    "{station} has answered what is no JSON object that can be kept: {reply}": (
        "trạm {station} trả lời không đúng dạng (không phải đối tượng JSON lưu được): {reply}"
    ),
    "the broker did not acknowledge the command": "máy chủ MQTT không xác nhận đã nhận lệnh",
    "{station} is not connected, and the broker keeps no session of it": (
        "trạm {station} đang mất kết nối, và máy chủ MQTT không giữ phiên nào của trạm"
    ),
    "the broker did not take the command ({outcome}, reason {reason})": (
        "máy chủ MQTT không nhận lệnh ({outcome}, mã {reason})"
    ),
    "the database knows no active station {station}: quantrac stations apply": (
        "cơ sở dữ liệu không có trạm {station} đang hoạt động: hãy chạy quantrac stations apply"
    ),
    "{file}: the keys cannot be read ({error})": "{file}: không đọc được tệp khóa ({error})",
    "{file}: found no line for {station}, expected: {station} <key>; make one: quantrac commands key": (
        "{file}: chưa có khóa của trạm {station}, cần một dòng: {station} <khóa>; tạo khóa bằng quantrac commands key"
    ),
    "{place}: expected a station and at least {digits} hexadecimal digits": (
        "{place}: cần tên trạm và ít nhất {digits} chữ số thập lục phân"
    ),
    "from and to: expected from before to, at most 5 years": "from phải trước to, cách nhau nhiều nhất 5 năm",
    "there is no channel {channel}": "không có kênh {channel}",
    "{day} of {channel} was signed by {by}: reopen the day first, with a reason": (
        "ngày {day} của {channel} đã được {by} ký duyệt: hãy mở lại ngày đó trước, kèm lý do"
    ),
    "a day is reopened with a reason": "mở lại một ngày phải có lý do",
    "none of these days is signed": "không có ngày nào trong số này đã được ký",
    "found no limits {name}; there are: {known}": "không có giới hạn {name}; đang có: {known}",
    "found {name}, expected a day, month or year: 2026-10-03, 2026-10, 2026": (
        "{name} không phải ngày, tháng hay năm; cần như 2026-10-03, 2026-10, 2026"
    ),
    "expected a first day not after the last one, at most 400 days": (
        "ngày đầu không được sau ngày cuối, cách nhau nhiều nhất 400 ngày"
    ),
    "of all stations at most {days} days; name one with station=": (
        "với mọi trạm nhiều nhất {days} ngày; hãy nêu một trạm bằng station="
    ),
    "there is no rule {rule}": "không có quy tắc {rule}",
    "expected a changed limit or delay, and at most {days} days": (
        "cần ít nhất một ngưỡng hay thời gian đã sửa, và nhiều nhất {days} ngày, ngày đầu không sau ngày cuối"
    ),
    "stopped after {seconds} s at {share} %: try one station, or fewer days": (
        "đã dừng sau {seconds} giây, mới xong {share} %: hãy thử một trạm, hoặc ít ngày hơn"
    ),
    "{key}: found {value}, expected a number such as 2.5": "{key}: gặp {value}, cần một số như 2.5",
    "{key}: found {value}, expected a duration such as 10m": "{key}: gặp {value}, cần một khoảng thời gian như 10m",
    "{key}: found no limit or delay, expected such as do-low.below.act.limit or do-low.below.act.on_delay": (
        "{key}: không phải ngưỡng hay thời gian, cần như do-low.below.act.limit hoặc do-low.below.act.on_delay"
    ),
    "{key}: there is no rule {rule} in the files": "{key}: các tệp không có quy tắc {rule}",
    "{key}: there is no such level in the files": "{key}: các tệp không có mức này",
    "{file}: this cannot be changed here without changing more: edit the file": (
        "{file}: không sửa riêng chỗ này ở đây được vì sẽ đổi cả chỗ khác: hãy sửa tệp"
    ),
    "another trial runs or comes first: try again in two minutes, your place is kept": (
        "đang có một lần thử khác, hoặc người khác đã chờ trước: hãy thử lại sau hai phút, chỗ của bạn được giữ"
    ),
    "more than {most} alarms would rise: set longer delays or a clear limit further from the limit, or try one station "
    "or fewer days": (
        "sẽ có hơn {most} cảnh báo: hãy tăng thời gian chờ, đặt ngưỡng hết báo cách xa ngưỡng báo hơn, "
        "hoặc thử một trạm hay ít ngày hơn"
    ),
    "the last day {last} lies in the future: expected today or before": (
        "ngày cuối {last} ở tương lai: cần hôm nay hoặc trước đó"
    ),
    "others read long stretches of time at this moment: try again": (
        "đang có người khác đọc những khoảng thời gian dài: hãy thử lại"
    ),
    "unknown station {names}; known: {known}": "không có trạm {names}; các trạm: {known}",
    "unknown channel {names}; known: {known}": "không có kênh {names}; các kênh: {known}",
    "expected an end after the beginning, at most ten years later": (
        "thời điểm cuối phải sau thời điểm đầu, nhiều nhất mười năm"
    ),
    "as of an earlier moment there are readings alone: choose the resolution raw": (
        "tại một thời điểm trước chỉ có từng số liệu: hãy chọn từng số liệu"
    ),
    "a sheet of Excel holds {rows} rows; there are more: choose a shorter time, fewer channels, or CSV": (
        "một trang Excel chứa {rows} dòng mà ở đây có nhiều hơn: hãy chọn ít ngày hơn, ít kênh hơn, hoặc CSV"
    ),
    "a NetCDF file shows readings as they are now: leave out the earlier moment": (
        "tệp NetCDF chỉ có số liệu như hiện nay: hãy bỏ thời điểm trước"
    ),
    "a NetCDF file holds one station: choose one": "mỗi tệp NetCDF chứa một trạm: hãy chọn một trạm",
    "a NetCDF file names the place, and the file of station {station} has none": (
        "tệp NetCDF cần vị trí, mà tệp cấu hình của trạm {station} không có"
    ),
    "about {rows} rows are too many for a page: choose fewer days or channels, or use quantrac export readings": (
        "khoảng {rows} dòng là quá nhiều cho một trang: hãy chọn ít ngày hoặc ít kênh hơn, hoặc dùng lệnh "
        "quantrac export readings"
    ),
    "there is no station {station}": "không có trạm {station}",
    "{channel} is no channel that the station measures": "{channel} không phải là kênh đo của trạm",
    "{channel} has no reading yet": "{channel} chưa có số liệu nào",
    "{channel} has no reading within a month of {time}": (
        "{channel} không có số liệu nào trong vòng một tháng quanh {time}"
    ),
    "{channel} has no reading of {time}; the nearest one is of {nearest}": (
        "{channel} không có số liệu lúc {time}; số liệu gần nhất lúc {nearest}"
    ),
    "there is no picture of {camera} at that time": "không có ảnh của {camera} vào lúc đó",
    "{station} refused: {error}": "trạm {station} từ chối: {error}",
    "from when until when shall it send again?": "gửi lại số liệu từ lúc nào đến lúc nào?",
    "there is no picture of {camera} for alarm {alarm}": "cảnh báo {alarm} không có ảnh của máy ảnh {camera}",
    "there is no review {number}: quantrac review list": "không có lần duyệt {number}: xem quantrac review list",
    "from and to: expected from before to, at most {days} days": "from phải trước to, cách nhau nhiều nhất {days} ngày",
    "a review needs a reason": "cần ghi lý do",
    "found channel {channel}, which is not known: see v_channel": "không có kênh {channel}: xem v_channel",
    "found channel {channel}, which is derived: review the readings that it is made of": (
        "kênh {channel} được tính từ kênh khác: hãy duyệt số liệu gốc của nó"
    ),
    "{channel} has no readings there: {after} < time <= {until}": (
        "kênh {channel} không có số liệu trong đoạn {after} < giờ <= {until}"
    ),
    "found more than {most} readings there: review them in shorter stretches": (
        "đoạn này có hơn {most} số liệu: hãy duyệt từng đoạn ngắn hơn"
    ),
    "nobody's verdict stands on these readings of {channel}": (
        "các số liệu này của kênh {channel} không có đánh giá nào của người duyệt"
    ),
    "found a number that is not finite, expected finite ones": "có số không hữu hạn, cần các số hữu hạn",
    "a correction needs a value, a factor, something to add, or a drift": (
        "cần một giá trị, hệ số, độ lệch hoặc độ trôi để hiệu chỉnh"
    ),
    "the corrected values would be too large to be kept": "giá trị sau hiệu chỉnh quá lớn, không lưu được",
    "{by} has reviewed some of these readings at {at}, after you looked: see what stands, then decide": (
        "{by} đã duyệt một phần các số liệu này lúc {at}, sau khi bạn mở xem: hãy xem lại rồi quyết định"
    ),
    "some of these readings are corrected already, by review {by}: withdraw that first": (
        "một phần số liệu này đã được hiệu chỉnh ở lần duyệt {by}: hãy rút lần đó trước"
    ),
    "review {number} is {state}: only a proposed one is approved": (
        "lần duyệt {number} đang ở trạng thái «{state}»: chỉ chấp thuận được lần còn là đề nghị"
    ),
    "review {number} was proposed by {person}: another person approves it": (
        "lần duyệt {number} do {person} đề nghị: phải do người khác chấp thuận"
    ),
    "{file} names people who get messages: that needs a role for contacts": (
        "{file} có người nhận tin: cần quyền với người nhận tin mới được xem"
    ),
    "the configuration has no file {file}": "cấu hình không có tệp {file}",
    "{file} is no regular file: look at it at a shell": "{file} không phải là tệp thường: hãy xem trên máy chủ",
    "{file} is larger than {most} bytes: part it at a shell": ("{file} lớn hơn {most} byte: hãy chia nhỏ trên máy chủ"),
    "{file} is a link or stands behind one: edit what it leads to at a shell": (
        "{file} là liên kết hoặc nằm sau liên kết: hãy sửa tệp gốc trên máy chủ"
    ),
    "{file} cannot be read or replaced from here ({why})": "không đọc hoặc ghi được {file} từ đây ({why})",
    "there is no change {number} of a file: quantrac stations history": (
        "không có thay đổi số {number}: xem quantrac stations history"
    ),
    "the text is larger than {most} bytes: part the file": "nội dung lớn hơn {most} byte: hãy chia nhỏ tệp",
    "the files have changed since you looked: see what applying would do now, then decide": (
        "các tệp đã thay đổi sau khi bạn xem: hãy xem lại việc áp dụng sẽ đổi gì rồi quyết định"
    ),
    "a change needs a reason": "cần ghi lý do thay đổi",
    "{file} says this already: nothing changes": "{file} đã đúng như vậy: không có gì thay đổi",
    "{file} names contacts in line {line}, be it in a comment, and a change of it would be kept for ever: "
    "move them to the database (quantrac contacts), and take them out of the file at a shell": (
        "{file} có người nhận tin ở dòng {line}, kể cả trong chú thích, mà mỗi lần sửa được lưu vĩnh viễn: hãy "
        "chuyển họ vào cơ sở dữ liệu (trang Người nhận tin, hoặc quantrac contacts) rồi bỏ khỏi tệp trên máy chủ"
    ),
    "{file} would be no UTF-8 text": "{file} sẽ không còn là văn bản UTF-8",
    "{file} is gone since you opened it: look, then decide": (
        "{file} đã bị xóa sau khi bạn mở: hãy xem lại rồi quyết định"
    ),
    "{file} was changed at a shell since you opened it: look at what it says now, then decide": (
        "{file} đã được sửa trên máy chủ sau khi bạn mở: hãy xem nội dung hiện nay rồi quyết định"
    ),
    "{file} was changed by {by} at {at}, after you opened it: look at what it says now, then decide": (
        "{file} đã được {by} sửa lúc {at}, sau khi bạn mở: hãy xem nội dung hiện nay rồi quyết định"
    ),
    "later changes of {file} touch the same lines as change {number}: open the file as it was, and decide": (
        "các thay đổi sau của {file} chạm đúng những dòng của thay đổi số {number}: hãy tự sửa trong ô soạn thảo"
    ),
    "found {found}, there are: {known}": "đang là {found}; hiện có: {known}",
    "{station} exists: give the new station another name": "trạm {station} đã có: hãy đặt mã khác cho trạm mới",
    "others check files at this moment: try again": "đang có người khác kiểm tra tệp: hãy thử lại",
    "QUANTRAC_CONFIG_EDITABLE is not set for the console: change the file by command": (
        "bảng điều khiển không được phép sửa tệp (QUANTRAC_CONFIG_EDITABLE): hãy dùng lệnh"
    ),
    "QUANTRAC_COMMAND_KEYS is not set for the console: push by command": (
        "chưa đặt QUANTRAC_COMMAND_KEYS cho bảng điều khiển: hãy gửi bằng lệnh"
    ),
    "{by} has sent {station} its configuration at {at}: wait for the outcome": (
        "{by} đã gửi cấu hình cho trạm {station} lúc {at}: hãy chờ kết quả"
    ),
    "{station}: the database has not this configuration; run `quantrac stations apply` first, "
    "or the centre would refuse what is new in it": (
        "{station}: trung tâm chưa có cấu hình này; hãy áp dụng cho trung tâm trước, "
        "nếu không số liệu mới sẽ bị từ chối"
    ),
    "{station}: channels {channels} have readings of another parameter or unit; "
    "give the new series a new channel name and leave the old one out": (
        "{station}: các kênh {channels} đã có số liệu của thông số hoặc đơn vị khác; "
        "hãy đặt tên kênh mới cho chuỗi số liệu mới và bỏ kênh cũ"
    ),
    "review {number} was withdrawn already (by {by})": "lần duyệt {number} đã được rút (bởi {by})",
    "{station} has no device {device}; its devices: {known}": (
        "trạm {station} không có thiết bị {device}; các thiết bị của trạm: {known}"
    ),
    "there is no entry {number}": "không có mục {number}",
    "{by} has corrected this at {at}, after you looked: see what stands, then decide": (
        "{by} đã sửa mục này lúc {at}, sau khi bạn mở xem: hãy xem lại rồi quyết định"
    ),
    "entry {number} was withdrawn by {by}": "mục {number} đã được {by} rút lại",
    "a correction needs a reason": "cần ghi lý do sửa",
    "found more than {most} characters": "dài hơn {most} ký tự",
    "found a character that cannot be printed": "có ký tự không in được",
    "found {at}, which is still to come": "{at} là thời điểm chưa tới",
    "arrived {arrived}, left {left}: expected a visit of at most {days} days": (
        "đến lúc {arrived}, rời lúc {left}: một chuyến kéo dài nhiều nhất {days} ngày"
    ),
    "found more than {most} works in one visit": "một chuyến có hơn {most} công việc",
    "{device} has the same work twice: {kind} {channel}": "{device} có cùng một công việc hai lần: {kind} {channel}",
    "{device} has values without a channel": "{device} có giá trị mà không nêu kênh",
    "{device} {channel}: expected a number of at most nine digits": (
        "{device} {channel}: cần một số không quá chín chữ số"
    ),
    "issued on {issued}, ends on {ends}: expected an end within ten years": (
        "cấp ngày {issued}, hết hạn ngày {ends}: thời hạn phải sau ngày cấp và trong vòng mười năm"
    ),
    "a certificate has a number, and somebody who issued it": "giấy chứng nhận phải có số và nơi cấp",
    "a sample has a code: what stands on the bottle": "mẫu phải có ký hiệu, như ghi trên chai",
    "{station} has a sample {code} already": "trạm {station} đã có mẫu {code}",
    "somebody's name is missing": "thiếu tên người thực hiện",
    "found {at}, which is before the step before it ({other})": "{at} là trước bước liền trước ({other})",
    "found {at}, which is after the step after it ({other})": "{at} là sau bước liền sau ({other})",
    "sample {number} has no result of {parameter}": "mẫu {number} không có kết quả {parameter}",
    "{channel} does not measure {parameter}": "kênh {channel} không đo {parameter}",
    "{parameter} is not what a laboratory finds": "{parameter} không phải là thông số phòng thí nghiệm phân tích",
    "found {value}, expected a number or a limit of detection such as <0.02": (
        "«{value}» không phải là một số, hoặc giới hạn phát hiện như <0,02"
    ),
    "found {value}, which reads in two ways: write {whole} or {longer}": (
        "«{value}» đọc được hai cách: hãy viết {whole} hoặc {longer}"
    ),
    "found the unit {unit}, expected one of {parameter} such as {label}": (
        "đơn vị «{unit}» không phải của {parameter}; ví dụ {label}"
    ),
    "found {value}, expected {low} to {high} {unit}": "{value} nằm ngoài khoảng {low} đến {high} {unit}",
    "found a file of {bytes} bytes, expected at most {most}": "tệp có {bytes} byte, nhiều nhất {most}",
    "the file is not UTF-8: save it as CSV UTF-8": "tệp không phải UTF-8: hãy lưu dạng CSV UTF-8",
    "{code} was taken at {at}": "mẫu {code} đã ghi là lấy lúc {at}",
    "{code} is not on record: expected when it was taken, such as 24/11/2026 07:05": (
        "chưa có mẫu {code}: cần ghi cả giờ lấy mẫu, ví dụ 24/11/2026 07:05"
    ),
    "{code}: found {found}, on record is {known}: correct it with a reason": (
        "mẫu {code}: tệp ghi {found}, sổ đã ghi {known}: muốn đổi hãy sửa trong sổ, kèm lý do"
    ),
    "{code}: found {by} at {at}, on record is {known_by} at {known_at}: correct it with a reason": (
        "mẫu {code}: tệp ghi {by} lúc {at}, sổ đã ghi {known_by} lúc {known_at}: muốn đổi hãy sửa trong sổ, kèm lý do"
    ),
    "{by} has withdrawn the sample {code}: enter it by hand if it stands": (
        "{by} đã rút mẫu {code}: nếu mẫu vẫn đúng, hãy nhập bằng tay"
    ),
    "{by} has withdrawn {parameter} of {code}: enter it by hand if it stands": (
        "{by} đã rút kết quả {parameter} của mẫu {code}: nếu kết quả vẫn đúng, hãy nhập bằng tay"
    ),
    "{code} has {reported} already: correct it with a reason": (
        "mẫu {code} đã có kết quả {reported}: muốn đổi hãy sửa kết quả, kèm lý do"
    ),
    "found more than {most} lines": "tệp có hơn {most} dòng",
    "found {error}, expected a line of short fields": "không đọc được dòng này ({error}): cần một dòng gồm các ô ngắn",
    "the first line names no column {columns}": "dòng đầu không có cột {columns}",
    "a station is missing": "thiếu tên trạm",
    "found {found}, expected a station of the network": "{found} không phải là trạm của mạng",
    "found {found}, expected {station} only": "{found}: ở đây chỉ nhận mẫu của trạm {station}",
    "found {found}, expected a parameter such as NH4, DO or Độ mặn": (
        "{found} không phải là thông số, ví dụ NH4, DO, Độ mặn"
    ),
    "found {found}, expected a number or a limit of detection such as <0.02": (
        "{found} không phải là một số, hoặc giới hạn phát hiện như <0,02"
    ),
    "found {found}, expected a unit of {parameter} such as {label}": (
        "{found} không phải là đơn vị của {parameter}, ví dụ {label}"
    ),
    "found nothing, expected something to read": "ô còn trống",
    "found {found}, expected a time such as 24/11/2026 07:05": (
        "{found} không phải là thời gian, ví dụ 24/11/2026 07:05"
    ),
    "there is no contact {contact}; see `quantrac contacts list`": (
        "không có người nhận tin {contact}; xem `quantrac contacts list`"
    ),
    "contact {contact} stands in network.yaml: change it there": (
        "người nhận tin {contact} khai báo trong network.yaml: hãy sửa ở đó"
    ),
    "the configuration cannot be read, so nobody knows whether network.yaml names this person": (
        "không đọc được tệp cấu hình nên không biết người này có khai báo trong network.yaml không: hãy sửa tệp trước"
    ),
    "since you looked {by} has changed this contact, at {at}; look, and send it again if you still want to": (
        "sau lúc bạn xem, {by} đã sửa người này, lúc {at}; hãy tải lại trang để xem, rồi làm lại nếu vẫn muốn"
    ),
    "another contact has this address; change or remove that one first": (
        "đã có người khác dùng số hoặc địa chỉ này; hãy sửa hoặc gỡ người đó trước"
    ),
    "found nothing to change": "không có gì thay đổi",
    "contact {contact} gets no messages: consent refused": "không gửi được: người nhận tin {contact} từ chối nhận tin",
    "contact {contact} gets no messages: consent not recorded": (
        "không gửi được: người nhận tin {contact} chưa có đồng ý được ghi nhận"
    ),
    "contact {contact} gets no messages: said STOP, and has no other address": (
        "không gửi được: người nhận tin {contact} đã nhắn STOP và không có địa chỉ nào khác"
    ),
    "{by} has sent {most} test messages within 24 hours, and no more go out": (
        "{by} đã gửi {most} tin nhắn thử trong 24 giờ qua: không gửi thêm được nữa"
    ),
    "a test message to contact {contact} still waits to be sent": (
        "một tin nhắn thử cho người nhận tin {contact} vẫn đang chờ gửi"
    ),
    "found rule {rule}, which watches no channel; rules that do: {names}": (
        "quy tắc {rule} không theo dõi kênh nào; các quy tắc đang dùng: {names}"
    ),
    "rule {rule} watches nothing at {station}; it watches: {stations}": (
        "quy tắc {rule} không theo dõi gì ở {station}; nó theo dõi: {stations}"
    ),
    "rule {rule} has no level {level}; it has {names}": "quy tắc {rule} không có mức {level}; có các mức: {names}",
    "found nothing, expected a name": "còn thiếu tên",
    "found {found} characters, allowed {allowed}": "dài {found} ký tự, nhiều nhất {allowed}",
    "found none of them, expected at least one": "cần ít nhất một trong các mục này",
    "found {found!r}, expected a phone number such as 0912345678 or +84912345678": (
        "{found!r} không phải số điện thoại, ví dụ 0912345678 hoặc +84912345678"
    ),
    "found {found!r}, which is no number in use; expected e.g. 0912345678 or +84912345678": (
        "{found!r} không phải số đang dùng, ví dụ đúng: 0912345678 hoặc +84912345678"
    ),
    "found {found!r}, expected an address such as lan@example.org": (
        "{found!r} không phải địa chỉ thư, ví dụ lan@example.org"
    ),
    "found {found!r}, expected an address such as https://…": "{found!r} không phải địa chỉ web, ví dụ https://…",
    "found {found!r}, expected an address such as tgram://…": "{found!r} không phải địa chỉ, ví dụ tgram://…",
    "found {found!r}, allowed {allowed}": "{found!r} không dùng được; được dùng: {allowed}",
    "found nothing, expected at least one of {allowed}": "cần chọn ít nhất một: {allowed}",
    "found {found!r}, expected the day it was given such as 2026-11-24, or no": (
        "{found!r} không phải ngày đồng ý, ví dụ 2026-11-24, hoặc no"
    ),
    "found {found!r}, expected local hours such as 21:00-04:30": (
        "{found!r} không phải giờ, ví dụ 21:00-04:30; cần cả giờ bắt đầu và giờ kết thúc"
    ),
    "found {found!r}, expected how many short messages a day, such as 10": (
        "{found!r} không phải số tin một ngày, ví dụ 10"
    ),
    "shift {number} was handed over by {by} at {at}: look at the one that is open now": (
        "ca trực số {number} đã được {by} bàn giao lúc {at}: hãy xem ca đang mở"
    ),
    "no shift {number} was handed over: quantrac shift list": "chưa có ca trực số {number} nào được bàn giao",
    "shift {number} was taken over by {by} at {at}": "ca trực số {number} đã được {by} nhận lúc {at}",
    "a later shift was handed over since: nobody took over shift {number}": (
        "đã có ca sau được bàn giao: không ai nhận ca trực số {number}"
    ),
    "{by} handed shift {number} over: another person takes over": (
        "{by} đã bàn giao ca trực số {number}: người khác mới nhận ca được"
    ),
    "name: found {found!r}, expected up to {most} letters": "tên {found!r} không dùng được: cần 1 đến {most} ký tự",
    "found {count} channels, expected 1 to {most}": "có {count} kênh, cần 1 đến {most}",
    "found a channel twice": "có kênh lặp lại hai lần",
    "there is no channel {channels}": "không có kênh {channels}",
    "there is a view {name} already: take another name": "đã có trang so sánh tên {name}: hãy đặt tên khác",
    "there is no view {view}": "không có trang so sánh số {view}, hoặc đã bị bỏ",
    "found half a stretch of time, expected hours, or from when until when": (
        "khoảng thời gian chưa đủ: cần số giờ, hoặc từ lúc nào đến lúc nào"
    ),
    "found {hours} hours, expected up to five years": "{hours} giờ là không đúng: nhiều nhất năm năm",
    "found {from_t} to {to_t}, expected a stretch of up to five years": (
        "từ {from_t} đến {to_t} không đúng: cần một khoảng nhiều nhất năm năm"
    ),
    "a note needs words": "ghi chú chưa có nội dung",
    "only what is on the page is done: name the item": "chỉ đánh dấu «đã xong» cho một mục của trang: hãy chọn mục",
    "the open shift has no item {item}: quantrac shift show": ("ca đang mở không có mục {item}: hãy tải lại trang"),
}
"""English sentence of a refusal → Vietnamese."""
WORDS: Final[Mapping[str, str]] = {
    "unacknowledged": "chưa xác nhận",
    "acknowledged": "đã xác nhận",
    "shelved": "tạm gác",
    "out of service": "ngừng vận hành",
    "suppressed by design": "do cảnh báo khác",
    "latched": "đã chốt",
    "returned": "đã hết",
    "cleared": "đã hết",
    "in force": "có hiệu lực",
    "proposed": "đề nghị",
    "withdrawn": "đã rút",
    "unshelved": "thôi tạm gác",
    "reset": "đặt lại",
    "marked false": "đánh dấu báo sai",
    "not false": "bỏ dấu báo sai",
    "comment": "ghi chú",
    "in service": "vận hành lại",
    "confirmed": "xác nhận tệp",
    "quota exceeded": "hết chỗ",
    "refused": "bị từ chối",
    "connection lost": "mất kết nối",
    "viewer": "người xem",
    "operator": "trực ban",
    "technician": "kỹ thuật viên",
    "data_officer": "cán bộ số liệu",
    "administrator": "quản trị",
}
"""State or event of an alarm, or the broker's answer → Vietnamese."""
FIELDS: Final[Mapping[str, str]] = {"reason": "why", "hours": "hours"}
"""Field of a form → its word in TEXTS."""
WRONG: Final[Mapping[str, str]] = {
    "string_too_long": "nhiều nhất {max_length} ký tự",
    "missing": "còn thiếu",
    "greater_than": "phải lớn hơn {gt}",
    "less_than_equal": "nhiều nhất {le}",
    "greater_than_equal": "ít nhất {ge}",
    "float_parsing": "phải là một số",
    "found a character that cannot be printed": "có ký tự không in được",
    "found nothing to read, expected words": "chưa có chữ nào",
}
"""Type of a validation error, or our own words for it → Vietnamese."""
