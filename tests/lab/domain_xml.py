# SPDX-License-Identifier: Apache-2.0
"""The libvirt XML of the laboratory's domains."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

from .image import Image

QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0"
# The guest's network card. libvirt gives its own devices the lowest free slots, so this one stays out of their way.
NETWORK_SLOT = "0x1e"
ET.register_namespace("qemu", QEMU_NAMESPACE)


@dataclass(frozen=True)
class Share:
    """A folder of the host that the guest can mount. As Scaphandre's documentation has it, the tag is scaphandre."""

    source: Path
    tag: str = "scaphandre"
    # None: the one that libvirt finds by itself.
    virtiofsd: Path | None = None
    # None: virtiofsd's own default.
    cache: str | None = "none"


@dataclass(frozen=True)
class GuestConfig:
    """What a guest is. The name must begin with the laboratory's prefix; see guest.py."""

    name: str
    image: Image
    share: Share | None = None
    # Port of 127.0.0.1 on the host -> port in the guest.
    forwards: dict[int, int] = field(default_factory=dict)
    # "busy", "light" or "none": what the guest runs from its start on.
    load: str = "none"
    # Whether the guest mounts the share at its start.
    mount: bool = True
    # Defined and then started; otherwise libvirt forgets the domain when it ends.
    persistent: bool = False
    uuid: str | None = None
    title: str | None = None
    memory_mib: int = 256
    vcpus: int = 1
    iothreads: int = 0
    # A TPM, which is a process of its own: swtpm.
    tpm: bool = False
    # What stands inside <metadata>: elements with namespaces of their own.
    metadata: str | None = None
    # Further QEMU arguments.
    qemu_arguments: tuple[str, ...] = ()


def filesystem_xml(share: Share) -> str:
    """The share's device, for attach-device too."""
    return ET.tostring(_filesystem(share), encoding="unicode")


def domain_xml(config: GuestConfig, serial_socket: Path, serial_log: Path) -> str:
    """The whole domain."""
    # Emulated and not KVM: it works on every machine, also where /dev/kvm is there but does not work.
    domain = ET.Element("domain", type="qemu")
    _text(domain, "name", config.name)
    if config.uuid:
        _text(domain, "uuid", config.uuid)
    if config.title:
        _text(domain, "title", config.title)
    if config.metadata:
        domain.append(ET.fromstring(f"<metadata>{config.metadata}</metadata>"))
    _text(domain, "memory", str(config.memory_mib), unit="MiB")
    if config.share or not config.mount:
        # virtiofs needs memory that virtiofsd can map too; also for a share that is attached later.
        backing = ET.SubElement(domain, "memoryBacking")
        ET.SubElement(backing, "source", type="memfd")
        ET.SubElement(backing, "access", mode="shared")
    _text(domain, "vcpu", str(config.vcpus))
    if config.iothreads:
        _text(domain, "iothreads", str(config.iothreads))
    system = ET.SubElement(domain, "os")
    _text(system, "type", "hvm", arch="x86_64", machine="pc")
    _text(system, "kernel", str(config.image.kernel))
    _text(system, "initrd", str(config.image.initramfs))
    _text(system, "cmdline", _kernel_parameters(config))
    ET.SubElement(ET.SubElement(domain, "features"), "acpi")
    devices = ET.SubElement(domain, "devices")
    ET.SubElement(devices, "controller", type="usb", model="none")
    ET.SubElement(devices, "memballoon", model="none")
    ET.SubElement(ET.SubElement(devices, "video"), "model", type="none")
    serial = ET.SubElement(devices, "serial", type="unix")
    ET.SubElement(serial, "source", mode="bind", path=str(serial_socket))
    ET.SubElement(serial, "log", file=str(serial_log), append="on")
    ET.SubElement(serial, "target", port="0")
    if config.tpm:
        ET.SubElement(ET.SubElement(devices, "tpm", model="tpm-tis"), "backend", type="emulator", version="2.0")
    if config.share:
        devices.append(_filesystem(config.share))
    _qemu_arguments(domain, config)
    return ET.tostring(domain, encoding="unicode")


def _kernel_parameters(config: GuestConfig) -> str:
    parameters = ["console=ttyS0", "quiet", "loglevel=3", "no_timer_check", "mitigations=off"]
    if config.load != "none":
        parameters.append(f"lab.load={config.load}")
    if not config.mount:
        parameters.append("lab.share=no")
    return " ".join(parameters)


def _filesystem(share: Share) -> ET.Element:
    filesystem = ET.Element("filesystem", type="mount", accessmode="passthrough")
    ET.SubElement(filesystem, "driver", type="virtiofs")
    if share.virtiofsd or share.cache:
        binary = ET.SubElement(filesystem, "binary")
        if share.virtiofsd:
            binary.set("path", str(share.virtiofsd))
        if share.cache:
            ET.SubElement(binary, "cache", mode=share.cache)
    ET.SubElement(filesystem, "source", dir=str(share.source))
    ET.SubElement(filesystem, "target", dir=share.tag)
    return filesystem


def _qemu_arguments(domain: ET.Element, config: GuestConfig) -> None:
    """User networking with forwarded ports, which libvirt 9 cannot describe by itself."""
    forwards = "".join(f",hostfwd=tcp:127.0.0.1:{host}-:{guest}" for host, guest in config.forwards.items())
    # No option ROM: nothing boots from the network.
    arguments = ("-netdev", f"user,id=lab{forwards}",
                 "-device", f"virtio-net-pci,netdev=lab,addr={NETWORK_SLOT},romfile=", *config.qemu_arguments)
    command_line = ET.SubElement(domain, f"{{{QEMU_NAMESPACE}}}commandline")
    for argument in arguments:
        ET.SubElement(command_line, f"{{{QEMU_NAMESPACE}}}arg", value=argument)


def _text(parent: ET.Element, name: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, name, attributes).text = text
