"""`./dev` says what it can do, and refuses what it cannot. What it installs is proved on a bare machine."""

import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.fixtures.program import WITHIN_S
from tests.fixtures.timing import eventually

PROJECT = Path(__file__).parents[3]


def dev(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "./dev", *words], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=WITHIN_S
    )


@pytest.mark.parametrize("command", ["demo", "test", "check", "bench", "soak", "setup"])
def test_every_command_of_the_design_is_in_its_help(command: str) -> None:
    """Expected names: README.md and docs/testing.md."""
    assert re.search(rf"^\./dev {command}\b", dev("help").stdout, re.MULTILINE)


def test_an_unknown_command_is_wrong_usage_and_shows_the_known_ones() -> None:
    done = dev("deploy")
    assert (done.returncode, done.stdout) == (2, "")
    assert "./dev demo" in done.stderr


def test_no_tracked_file_names_a_package_index() -> None:
    """Which index a machine uses is that machine's business."""
    locks = [*PROJECT.glob("requirements/*.txt"), PROJECT / "pyproject.toml", PROJECT / "dev", PROJECT / ".ci/run"]
    assert len(locks) == 7
    for file in locks:
        assert not re.search(
            r"(index-url|find-links|trusted-host)\s*[=\s]\s*['\"]?(https?:|/)", file.read_text("utf-8")
        )


def test_no_function_stands_twice_in_dev() -> None:
    """Of two with one name bash takes the later in silence: a merge left an old body of one under another's name."""
    names = re.findall(r"^(\w+)\(\)", (PROJECT / "dev").read_text("utf-8"), re.MULTILINE)
    assert len(names) == len(set(names)), [name for name in names if names.count(name) > 1]


def within_dev(script: str) -> subprocess.CompletedProcess[str]:
    """Run lines of bash with the functions of `./dev` at hand; what a line defines anew stands in for the machine."""
    return subprocess.run(
        ["bash", "-c", f"source ./dev\n{script}"],
        cwd=PROJECT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        timeout=WITHIN_S,
    )  # fmt: skip


NO_NETWORK = """
apt=(apt-get)
apt-get() { echo "W: Failed to fetch http://mirror/InRelease  Could not resolve 'mirror'" >&2; }
apt-cache() { return 100; }
"""


def test_without_a_network_it_blames_the_network_and_not_the_release() -> None:
    done = within_dev(NO_NETWORK + "know_packages mosquitto")
    assert done.returncode == 2
    assert "Could not resolve 'mirror'" in done.stderr
    assert "Does this machine reach its package mirror" in done.stderr
    assert "This release has no package" not in done.stderr


def test_old_lists_do_where_no_mirror_answers() -> None:
    assert within_dev(NO_NETWORK + "apt-cache() { :; }\nknow_packages mosquitto").returncode == 0


def test_a_release_without_a_package_is_told_apart_from_a_network_that_is_away() -> None:
    done = within_dev("apt=(true)\napt-cache() { return 100; }\nknow_packages postgresql-17-timescaledb")
    assert (done.returncode, done.stderr.split(".")[0]) == (2, "This release has no package postgresql-17-timescaledb")


def test_sudo_drops_no_proxy_and_no_other_account_can_read_it() -> None:
    """What sudo would leave of the environment is `env -i`; the words of a command stand in `ps`."""
    proxies = {"https_proxy": "http://me:word@proxy:3128", "HTTP_PROXY": "http://proxy:3128", "no_proxy": "localhost"}
    script = f"unset {' '.join((*proxies, 'http_proxy', 'HTTPS_PROXY', 'NO_PROXY'))}\n"
    script += "".join(f"export {name}={value!r}\n" for name, value in proxies.items())
    script += (
        "is_root() { false; }\n"
        'sudo() { [[ $1 = -n ]] && return; echo "words: $*"; while read -r line; do echo "piped: $line"; done; }\n'
        "install mosquitto"
    )
    words, *piped = within_dev(script).stdout.splitlines()
    assert "proxy" not in words
    assert set(piped) == {f"piped: {name}={value}" for name, value in proxies.items()}
    lines = "http_proxy=http://p:1\\nPATH=/nowhere\\n"
    taken = within_dev(f"unset http_proxy; printf '{lines}' | {{ take_proxies; echo $http_proxy; ls dev; }}")
    assert taken.stdout.splitlines() == ["http://p:1", "dev"]


def test_a_full_disk_is_asked_before_anything_is_made() -> None:
    done = within_dev("free_mb() { echo 640; }\nvenv_is_current() { false; }\nbuild_venv() { echo built; }\nneed venv")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.search(r"\.venv needs 1700 MB, and the disk of \. has 640 MB free", done.stderr)


def test_chromium_is_said_beforehand_to_be_for_the_tests() -> None:
    script = "has_program() { [[ $1 != chromium ]]; }\nmissing=()\nmissing_browser\necho ${missing[@]}"
    done = within_dev(script)
    assert done.stdout == "chromium\n"
    assert "the tests open the console's pages in Chromium, which this machine lacks" in done.stderr


def test_what_apt_and_pip_do_is_seen() -> None:
    """The lines are those of apt's `APT::Status-Fd` (its documentation) and of pip 25."""
    apt = (
        "dlstatus:3:12.5:Retrieving file 3 of 40 (5s remaining)\npmstatus:libpq5:amd64:45.1:Unpacking libpq5 (amd64)\n"
    )
    done = within_dev(f"printf '{apt}' | apt_steps")
    assert done.stdout.splitlines() == ["Retrieving file 3 of 40 (5s remaining)", "Unpacking libpq5 (amd64)"]
    pip = "Collecting apprise==1.9.4 (from -r dev.txt (line 3))\nInstalling collected packages: apprise\n"
    fetching, unpacking = within_dev(f"printf '{pip}' | pip_steps").stdout.splitlines()
    assert re.fullmatch(r"fetching package 1 of about [0-9]+: apprise", fetching)
    assert unpacking == "unpacking 1 packages"


STILL = 'date() { [[ $* = +%s ]] && echo 1800000000 || command date "$@"; }\n'
"""The clock of the machine stands at 2027-01-15 08:00 UTC, a Friday."""


@pytest.mark.parametrize(
    ("when", "ahead_s"), [("45", "+3888000"), ("09", "+777600"), ("2027-01-15T08:30", "+1800"), ("2027-01-15", None),
                          ("2027-02-29T16:58", None), ("next monday", None), ("-3", None)],
)  # fmt: skip
def test_the_clock_of_a_soak_goes_ahead_by_days_or_to_a_moment(when: str, ahead_s: str | None) -> None:
    done = within_dev(f"{STILL}ahead_s '{when}'")
    assert (done.returncode, done.stdout.strip()) == ((0, ahead_s) if ahead_s else (2, ""))
    assert ahead_s or f"found '{when}', expected days, such as 45, or a moment of UTC" in done.stderr


def test_a_soak_of_the_clock_includes_a_weekly_calibration_and_names_what_failed() -> None:
    done = within_dev(
        'find_faketime() { echo; }\nrun_tests() { echo "$FAKETIME"; [[ $FAKETIME != +3888000 ]]; }\nsoak_clock'
    )
    days, year, monday = (datetime.now(UTC) + timedelta(seconds=int(ahead)) for ahead in done.stdout.split())
    assert round((year - days) / timedelta(days=1)) == 366 - 45
    local = monday.astimezone(ZoneInfo("Asia/Ho_Chi_Minh"))
    assert (local.weekday(), f"{local:%H:%M}") == (0, "08:30")
    assert done.returncode == 1
    assert done.stderr.strip().endswith("ahead (days, or to a moment of UTC): 45")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of tests, divided as ours, for `with_second_try` of `./dev`; a test may take two seconds."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nfaulthandler_timeout = 2\nfaulthandler_exit_on_timeout = true\naddopts = -p no:asyncio\n"
        f"pythonpath = {PROJECT}\n"
    )
    (tmp_path / "conftest.py").write_text(
        "from tests.fixtures.workers import pytest_testnodedown, pytest_xdist_make_scheduler\n"
    )
    return tmp_path


def second_try(project: Path, tests: str) -> subprocess.CompletedProcess[str]:
    (project / "test_it.py").write_text(tests)
    return within_dev(f"cd {shlex.quote(str(project))}; with_second_try 10 -n 2")


FAILS_FIRST = """
from pathlib import Path
def test_steady(): pass
def test_unsteady():
    tried = Path("tried")
    before = tried.exists()
    tried.touch()
    assert before
"""


def test_a_test_that_fails_beside_others_is_tried_alone_and_named(project: Path) -> None:
    done = second_try(project, FAILS_FIRST)
    assert done.returncode == 0
    assert "PASSED test_it.py::test_unsteady" in done.stdout
    assert "test_steady" not in done.stdout
    assert "UNSTEADY" in done.stderr


def test_a_test_that_always_fails_fails_the_run(project: Path) -> None:
    done = second_try(project, "def test_broken(): assert False\ndef test_steady(): pass\n")
    assert done.returncode == 1
    assert "UNSTEADY" not in done.stderr


def test_many_failures_are_not_tried_again(project: Path) -> None:
    eleven = "import pytest\n@pytest.mark.parametrize('n', range(11))\ndef test_broken(n): assert 0\n"
    done = second_try(project, eleven)
    assert (done.returncode, done.stderr) == (1, "")


def words_of(process: int) -> bytes:
    """Return the command of a process that lives; one that has ended stays without it until somebody asks for it."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


HANGS = """
import subprocess, threading
from pathlib import Path
import pytest
def test_hangs():
    child = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with Path("children").open("a") as file:
        print(child.pid, file=file)
    threading.Event().wait()
"""


@pytest.mark.parametrize("others", [2, 30])
def test_a_test_that_hangs_ends_with_its_stack_and_the_others_go_on(project: Path, others: int) -> None:
    """What it has started ends with it."""
    more = f"@pytest.mark.parametrize('n', range({others}))\ndef test_steady(n): pass\n"
    done = second_try(project, f"{HANGS}{more}")
    assert done.returncode == 1
    crashes = re.findall(r"^worker '\w+' crashed while running 'test_it.py::test_hangs'", done.stdout, re.MULTILINE)
    assert len(crashes) == 2, "once a try"
    assert f"1 failed, {others} passed" in done.stdout
    assert re.search(r'/test_it.py", line \d+ in test_hangs', done.stderr)
    children = list(map(int, (project / "children").read_text().split()))
    eventually(lambda: not any(map(words_of, children)))
