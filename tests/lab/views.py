# SPDX-License-Identifier: Apache-2.0
"""The two views of the same energy, out of what the agents' metrics say: in whole microjoules, keyed by the host's ticks."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from .metrics import Series, parse_prometheus, select
from .process import http_get

# The zones that lie side by side. core and uncore are inside package: adding them would count joules twice.
SIDE_BY_SIDE = ("package", "dram")


def microjoules(joules: Decimal) -> int:
    """Exact, or an error: the agents write six decimals."""
    whole = joules * 1_000_000
    if whole != whole.to_integral_value():
        raise ValueError(f"{joules} J is no whole number of microjoules")
    return int(whole)


def _single(series: Series, name: str) -> Decimal:
    found = select(series, name)
    if len(found) != 1:
        raise ValueError(f"{name} is there {len(found)} times")
    return next(iter(found.values()))


def _label_of_single(series: Series, name: str, label: str) -> str:
    ((labels, _),) = select(series, name).items()
    return dict(labels)[label]


def _by_zone(series: Series, name: str, **labels: str) -> dict[str, int]:
    """Microjoules by zone id, summed over all other labels."""
    sums: dict[str, int] = {}
    for found, value in select(series, name, **labels).items():
        zone = dict(found)["zone"]
        sums[zone] = sums.get(zone, 0) + microjoules(value)
    return sums


def _process_watts(series: Series) -> dict[str, Decimal]:
    watts: dict[str, Decimal] = {}
    for labels, microwatts in select(series, "scaph_process_power_consumption_microwatts").items():
        exe = dict(labels)["exe"]
        watts[exe] = watts.get(exe, Decimal(0)) + microwatts / 1_000_000
    return watts


@dataclass(frozen=True)
class Measured:
    """Which tick of which run of the host agent this is."""

    epoch: str
    sequence: int


@dataclass(frozen=True)
class HostView:
    """What the host agent knows after one tick."""

    at: Measured
    zone_names: dict[str, str]
    counters: dict[str, int]
    zones: dict[str, int]
    other: dict[str, int]
    idle: dict[str, int]
    ended: dict[str, int]
    vms: dict[str, dict[str, int]]
    powers: dict[str, Decimal]

    @staticmethod
    def parse(text: str) -> HostView:
        series = parse_prometheus(text)
        uuids = [dict(labels)["uuid"] for labels in select(series, "wattvisor_vm_info")]
        return HostView(
            Measured(_label_of_single(series, "wattvisor_epoch_info", "epoch"),
                     int(_single(series, "wattvisor_snapshot_sequence"))),
            {dict(labels)["zone"]: dict(labels)["zone_name"]
             for labels in select(series, "wattvisor_zone_energy_joules_total")},
            _by_zone(series, "wattvisor_zone_reading_joules"),
            _by_zone(series, "wattvisor_zone_energy_joules_total"),
            _by_zone(series, "wattvisor_other_energy_joules_total"),
            _by_zone(series, "wattvisor_idle_energy_joules_total"),
            _by_zone(series, "wattvisor_ended_energy_joules"),
            {uuid: _by_zone(series, "wattvisor_vm_energy_joules_total", uuid=uuid) for uuid in uuids},
            {dict(labels)["uuid"]: value for labels, value in select(series, "wattvisor_vm_power_watts").items()})

    def total(self, zones: dict[str, int]) -> int:
        """Over the zones that lie side by side."""
        return sum(value for zone, value in zones.items() if self.zone_names[zone].startswith(SIDE_BY_SIDE))

    def vm_total(self, uuid: str) -> int:
        return self.total(self.vms[uuid])

    def missing(self) -> dict[str, int]:
        """Per zone, the zone's total less all of its parts: all 0 where nothing is lost or made up."""
        return {zone: total - self.other[zone] - self.idle[zone] - self.ended[zone]
                - sum(vm[zone] for vm in self.vms.values())
                for zone, total in self.zones.items()}


@dataclass(frozen=True)
class GuestView:
    """What a guest knows of its own energy."""

    # Of the host's tick that it repeats.
    at: Measured
    zone_names: dict[str, str]
    counters: dict[str, int]
    zones: dict[str, int]
    other: dict[str, int]
    ended: dict[str, int]
    processes: dict[str, int]
    # Watts by exe.
    process_watts: dict[str, Decimal]
    up: bool
    power_uw: int | None
    metric_names: frozenset[str]

    @staticmethod
    def parse(text: str) -> GuestView:
        series = parse_prometheus(text)
        up = bool(_single(series, "wattvisor_source_up"))
        power = select(series, "scaph_host_power_microwatts")
        epochs = select(series, "wattvisor_source_info")
        epoch = _label_of_single(series, "wattvisor_source_info", "epoch") if epochs else ""
        return GuestView(
            Measured(epoch, int(_single(series, "wattvisor_source_sequence")) if epochs else 0),
            {dict(labels)["zone"]: dict(labels)["zone_name"]
             for labels in select(series, "wattvisor_zone_energy_joules_total")},
            _by_zone(series, "wattvisor_zone_reading_joules"),
            _by_zone(series, "wattvisor_zone_energy_joules_total"),
            _by_zone(series, "wattvisor_other_energy_joules_total"),
            _by_zone(series, "wattvisor_ended_energy_joules"),
            _by_zone(series, "wattvisor_process_energy_joules_total"),
            _process_watts(series),
            up, int(next(iter(power.values()))) if power else None,
            frozenset(name for name, _ in series))

    def total(self, zones: dict[str, int]) -> int:
        return sum(value for zone, value in zones.items() if self.zone_names[zone].startswith(SIDE_BY_SIDE))


def top_process(view: GuestView) -> str:
    """The program that used most, and how much."""
    if not view.process_watts:
        return "-"
    exe, watts = max(view.process_watts.items(), key=lambda item: item[1])
    return f"{exe} {watts:.2f} W"


@dataclass
class Recording:
    """Every tick's view that was met, by the host's tick."""

    host: dict[Measured, HostView] = field(default_factory=dict)
    guests: dict[str, dict[Measured, GuestView]] = field(default_factory=dict)

    def common(self) -> list[Measured]:
        """The ticks that the host and every guest were seen at, in order."""
        ticks = set(self.host)
        for views in self.guests.values():
            ticks &= set(views)
        return sorted(ticks, key=lambda at: (at.epoch, at.sequence))


class Recorder:
    """Scrapes host and guests, several times a tick, in a thread; what fails is tried again."""

    def __init__(self, host_url: str, guest_urls: dict[str, str], interval: float = 0.25) -> None:
        self.recording = Recording(guests={uuid: {} for uuid in guest_urls})
        self._stop = threading.Event()
        self._interval = interval
        # A thread each: an emulated guest answers in its own time.
        self._threads = [self._watch(host_url, self._add_host)]
        for uuid, url in guest_urls.items():
            self._threads.append(self._watch(url, lambda text, uuid=uuid: self._add_guest(uuid, text)))

    def _add_host(self, text: str) -> None:
        view = HostView.parse(text)
        self.recording.host[view.at] = view

    def _add_guest(self, uuid: str, text: str) -> None:
        view = GuestView.parse(text)
        if view.at.epoch:
            self.recording.guests[uuid][view.at] = view

    def _watch(self, url: str, add: Callable[[str], None]) -> threading.Thread:
        def loop() -> None:
            while not self._stop.wait(self._interval):
                try:
                    add(http_get(url, timeout=5))
                except (OSError, http.client.HTTPException):
                    continue  # not there yet, or being restarted

        return threading.Thread(target=loop, daemon=True)

    def __enter__(self) -> Recorder:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
