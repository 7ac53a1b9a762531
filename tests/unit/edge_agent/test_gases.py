"""Zero and span readings are a series of their own, and in no mean."""

from pathlib import Path

from edge_agent.acquiring.device_channels import StationOutlet, channels_of
from edge_agent.readings.records import SlotRecord
from edge_agent.readings.samples import Sample
from edge_agent.slots.continuity import series_of
from edge_agent.slots.maintenance import MaintenanceSwitch
from quantrac.config.loader import load_station
from quantrac.config.stations import Station
from quantrac.telemetry.states import State
from tests.fixtures.instruments import edited_configs

T0 = 1_795_490_400_000
STATION = "st-tp-soc-trang"
WINDOW = 'calibration: {window: "Mon 09:00-10:00"}'


def station(tmp_path: Path) -> Station:
    """The air station, its SO2 analyser with zero and span series."""
    configs = edited_configs(tmp_path, STATION, WINDOW, WINDOW.replace("}", ", zero: zero_gas, span: span_gas}"))
    return load_station(configs, None, STATION)


def records_of_a_check(found: Station) -> list[SlotRecord]:
    """What becomes of a minute of air and one of zero and span gas: 5.0 in the air, then 0.2, 0.4 and 400."""
    (so2,) = [device for device in found.devices.values() if device.gases]
    channel = next(iter(so2.channels))
    records: list[SlotRecord] = []
    minutely = so2.model_copy(update={"sample_ms": 15_000, "report_ms": 60_000})
    watched = channels_of(minutely, StationOutlet(records.append, MaintenanceSwitch(found.maintenance)), T0)
    signal = so2.channels[channel].signal

    def reads(second: int, value: float, state: State, zero: int = 0, span: int = 0) -> None:
        t_ms = T0 + 60_000 + second * 1_000
        watched.take(
            [
                Sample("zero_gas", t_ms, float(zero), state), Sample("span_gas", t_ms, float(span), state),
                Sample(signal, t_ms, value, state),
            ]
        )  # fmt: skip

    for second in (1, 10, 20, 30):
        reads(second, 5.0, State.OK)
    for second, value in ((61, 0.2), (70, 0.4)):
        reads(second, value, State.CAL, zero=1)
    reads(80, 400.0, State.CAL, span=1)
    reads(90, 399.0, State.OK, span=1)  # the state was read with the value: it is air already
    watched.close(T0 + 200_000)
    return records


def test_what_is_read_on_zero_and_span_gas_stands_beside_the_mean_and_not_in_it(tmp_path: Path) -> None:
    found = station(tmp_path)
    (so2,) = [device for device in found.devices.values() if device.gases]
    channel = next(iter(so2.channels))
    _, _, air, gas = ([*record.readings] for record in records_of_a_check(found))
    published = so2.channels[channel].published
    assert [(r.name, r.value) for r in air] == [(channel, published(5.0))]
    assert gas[0].value is None
    assert {r.name: r.value for r in gas[1:]} == {
        f"{channel}_zero": (published(0.2) + published(0.4)) / 2, f"{channel}_span": published(400.0),
    }  # fmt: skip


def test_they_are_channels_that_are_asked_for_but_never_missed(tmp_path: Path) -> None:
    found = station(tmp_path)
    (so2,) = [device for device in found.devices.values() if device.gases]
    names = {channel.name for channel in found.channel_list()}
    assert {"so2_zero", "so2_span"} <= names
    assert {"zero_gas", "span_gas"} <= set(so2.wanted_signals())
    (series,) = [one for one in series_of(found) if one.device == so2.name]
    assert not {"so2_zero", "so2_span"} & set(series.channels)
