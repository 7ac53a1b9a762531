"""Each way to a receiver, against a real server of its kind: files appear whole, and only at the one that is meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import asyncssh
import pytest

from quantrac.config.receivers import Receiver
from quantrac.mqtt import Delivery, MqttAddress, Session, Subscription
from quantrac.private_services.mosquitto import PrivateMosquitto
from reports.ministry.file_server import MOST_BYTES, Failure, FileServer, NotDelivered
from reports.ministry.ftp import FtpServer
from reports.ministry.logins import BadLogins, ReceiverLogin, logins
from reports.ministry.mqtt import MqttBroker
from reports.ministry.sftp import SftpServer
from reports.ministry.ways import server_of
from tests.fixtures.receivers import LOGIN, DropBox, FtpReceiver, SftpReceiver, certificate
from tests.fixtures.timing import PATIENCE_S, eventually


def failure_of(server: FileServer, name: str = "c.txt") -> tuple[Failure, str]:
    with closing(server), pytest.raises(NotDelivered) as refused:
        server.put(name, b"secret")
    assert "pw-of-others" not in str(refused.value), "no message shows a password"
    return refused.value.failure, str(refused.value)


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_by_sftp_a_file_appears_whole_in_its_folder_and_only_at_the_server_that_is_meant(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    secrets = tmp_path / "logins"
    secrets.write_text("# of the receivers\n  department quantrac password throw away \n")
    login = logins(secrets)["department"]
    real = SftpReceiver(tmp_path / "root")
    try:
        with closing(server_of("department", real.receiver(), login)) as server:
            assert server.get("2026/11/a.txt") is None
            for content in (b"first\r\n", b"second\r\n"):
                server.put("2026/11/a.txt", content)
                assert server.get("2026/11/a.txt") == content
            server.close()  # as when the line is cut
            server.put("b.txt", b"third\r\n")
            (tmp_path / "root/in/long.txt").write_bytes(bytes(MOST_BYTES + 9))
            assert server.get("long.txt") == bytes(MOST_BYTES), "a receiver's disk does not fill our memory"
            (tmp_path / "root/in/long.txt").unlink()
            (tmp_path / "root/in/2026/full.txt").mkdir()
            with pytest.raises(NotDelivered) as refused:
                server.put("2026/full.txt", b"x")
            assert refused.value.failure is Failure.REFUSED
            real.sftp = DropBox
            server.close()
            for content in (b"fourth\r\n", b"third\r\n"):
                server.put("b.txt", content)
            with pytest.raises(NotDelivered) as unread:
                server.get("b.txt")
            assert unread.value.failure is Failure.REFUSED
            real.sftp = asyncssh.SFTPServer
        del (found := files_of(real.root))["in/2026/.full.txt.part"]
        assert found == {"in/2026/11/a.txt": b"second\r\n", "in/b.txt": b"third\r\n"}
        another = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
        assert failure_of(SftpServer(real.receiver(another), login))[0] is Failure.AWAY
        assert failure_of(SftpServer(real.receiver(), ReceiverLogin("quantrac", "pw-of-others")))[0] is Failure.AWAY
        assert "in/c.txt" not in files_of(real.root)
    finally:
        real.stop()


@pytest.fixture(params=["ftp", "ftps, signed", "ftps, pinned"])
def ftp(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[FtpReceiver, Receiver]]:
    (tmp_path / "root").mkdir()
    way, _, proof = request.param.partition(", ")
    file, digest = certificate(tmp_path)
    real = FtpReceiver(tmp_path / "root", None if way == "ftp" else file)
    proofs: dict[str, dict[str, str]] = {"": {}, "signed": {"ca": str(file)}, "pinned": {"certificate": digest}}
    yield real, real.receiver(way=way, **proofs[proof])
    real.stop()


def test_by_ftp_a_file_appears_whole_and_what_the_server_says_is_told_apart(ftp: tuple[FtpReceiver, Receiver]) -> None:
    real, receiver = ftp
    with closing(server_of("department", receiver, LOGIN)) as server:
        assert server.get("2026/11/a.txt") is None
        for content in (b"first\r\n", b"second\r\n", b""):
            server.put("2026/11/a.txt", content)
            assert server.get("2026/11/a.txt") == content
        real.whims.renames_over_nothing = True
        server.put("2026/11/a.txt", b"third\r\n")
        server.close()  # as when the line is cut
        server.put("Nam 2026/b.txt", b"fourth\r\n")
        assert files_of(real.root) == {"in/2026/11/a.txt": b"third\r\n", "in/Nam 2026/b.txt": b"fourth\r\n"}
        real.whims.is_full = True
        with pytest.raises(NotDelivered, match="No space left") as full:
            server.put("c.txt", b"x")
        assert full.value.failure is Failure.FULL
        real.whims.is_full = False
        (real.root / "in/d.txt").mkdir()
        with pytest.raises(NotDelivered) as refused:
            server.put("d.txt", b"x")
        assert refused.value.failure is Failure.REFUSED
        server.put("2026/11/e.txt", b"it goes on\r\n")
    assert "PORT" not in real.commands, "the server never connects to us"
    assert real.commands[-1] == "QUIT"
    with pytest.raises(BadLogins, match="department: found a key, expected a password"):
        server_of("department", receiver, ReceiverLogin("quantrac", key=Path("key")))
    assert failure_of(FtpServer(receiver, ReceiverLogin("quantrac", "pw-of-others")))[0] is Failure.AWAY
    real.stop()
    assert failure_of(FtpServer(receiver, LOGIN))[0] is Failure.AWAY


def test_a_password_goes_only_to_the_server_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "root").mkdir()
    (file, digest), (other_file, other_digest) = certificate(tmp_path), certificate(tmp_path / "other")
    real = FtpReceiver(tmp_path / "root", file)
    try:
        for proof in ({"ca": str(other_file)}, {"certificate": other_digest}, {}):
            failure, why = failure_of(FtpServer(real.receiver(way="ftps", **proof), LOGIN))
            assert failure is Failure.AWAY
            assert digest in why if "certificate" in proof else "self-signed certificate" in why
        assert set(real.commands) == {"AUTH"}, "neither user nor password"
        assert failure_of(FtpServer(real.receiver(way="ftp"), LOGIN))[0] is Failure.AWAY
        assert not files_of(real.root)
    finally:
        real.stop()


def test_by_mqtt_a_file_is_taken_once_somebody_at_the_broker_has_it(broker: PrivateMosquitto, tmp_path: Path) -> None:
    topic = "quantrac/v1/st-test/readings"
    host, _, port = broker.url("ingest").rpartition("@")[2].partition(":")
    plan = {"way": "mqtt", "host": host, "port": int(port), "topic": topic, "client_id": "tram-07"}
    receiver = Receiver.model_validate(plan)
    login = ReceiverLogin("st-test", broker.password("st-test"))
    got: list[Delivery] = []
    with closing(server_of("envisoft", receiver, login)) as server:
        with pytest.raises(NotDelivered, match=f"nobody at the broker listens to {topic}") as unheard:
            server.put("a/a.txt", b"DO\t5.00\r\n")
        assert unheard.value.failure is Failure.REFUSED
        session = Session(
            MqttAddress.parse(broker.url("ingest")), "receiver", expiry_s=0, receive_maximum=10,
            subscriptions=[Subscription(topic)], on_message=got.append,
        )  # fmt: skip
        session.start()
        try:
            assert session.wait_subscribed(PATIENCE_S)
            server.put("a/a.txt", b"DO\t5.00\r\n")
            server.close()
            server.put("a/b.txt", b"DO\t6.00\r\n")
            eventually(lambda: len(got) == 2)
        finally:
            session.stop()
        assert [(one.topic, one.payload, one.retain) for one in got] == [
            (topic, b"DO\t5.00\r\n", False), (topic, b"DO\t6.00\r\n", False),
        ]  # fmt: skip
        with pytest.raises(NotDelivered, match="shows nobody"):
            server.get("a/a.txt")
        broker.kill()
        with pytest.raises(NotDelivered) as away:
            server.put("a/c.txt", b"x")
        assert away.value.failure is Failure.AWAY
        broker.start()
        with pytest.raises(NotDelivered, match="nobody"):
            server.put("a/c.txt", b"x")
    assert receiver.place_of("a/c.txt") == topic
    foreign = Receiver.model_validate({**plan, "topic": "files/{path}/{name}"})
    assert failure_of(MqttBroker(foreign, login), "a/c.txt") == (
        Failure.REFUSED, "the broker refuses files/a/c.txt/c.txt: reason 0x87",
    )  # fmt: skip
    failure, why = failure_of(MqttBroker(receiver, ReceiverLogin("st-test", "pw-of-others")))
    assert (failure, "check user, password and rights (QUANTRAC_RECEIVER_LOGINS)" in why) == (Failure.AWAY, True)
