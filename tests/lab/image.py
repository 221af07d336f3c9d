# SPDX-License-Identifier: Apache-2.0
"""Builds what a guest boots: a copy of the distribution's kernel, and an initramfs with busybox, modules and programs."""

from __future__ import annotations

import lzma
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .cpio import Archive
from .process import check_output

# Modules that the guest needs; what they depend on is found. virtio_net brings net_failover and failover.
MODULES = ("fuse", "virtio_pci", "virtiofs", "virtio_net")
MODULE_FOLDER = "/lab/modules"
GUEST_FILES = Path(__file__).parent / "guest-files"


@dataclass(frozen=True)
class Image:
    """A kernel and its initramfs; any number of guests boot from the same one."""

    kernel: Path
    initramfs: Path
    version: str


def newest_kernel() -> tuple[Path, str]:
    """The newest installed kernel that has its modules beside it, which need not be the running one."""
    found = [(path, path.name.removeprefix("vmlinuz-")) for path in Path("/boot").glob("vmlinuz-*")]
    usable = [(path, version) for path, version in found if Path("/lib/modules", version, "modules.dep").exists()]
    if not usable:
        raise RuntimeError("no kernel with modules in /boot and /lib/modules: install linux-image-amd64")
    # By number and not by letter: 6.1.0-9 is older than 6.1.0-10.
    return max(usable, key=lambda each: [int(n) for n in re.findall(r"\d+", each[1])])


def build_image(work: Path, programs: Sequence[Path] = (), files: Mapping[str, bytes] | None = None,
                kernel: tuple[Path, str] | None = None) -> Image:
    """Writes kernel and initramfs into the folder. Takes well under a second, so nothing is cached.

    programs: binaries that are put into /usr/bin of the guest, with their shared libraries.
    files: further files, by their absolute path in the guest.
    """
    source, version = kernel or newest_kernel()
    archive = Archive()
    for folder in ("proc", "sys", "dev", "run", "tmp", "root", "mnt", "var/scaphandre", "etc"):
        archive.folder(folder)
    # Before /dev is mounted, init's own output needs this.
    archive.character_device("dev/console", 5, 1)
    _add_busybox(archive)
    _add_modules(archive, version)
    for program in programs:
        _add_program(archive, program)
    for path in sorted(GUEST_FILES.iterdir()):
        place = "/init" if path.name == "init" else f"/usr/bin/{path.name}"
        archive.file(place, path.read_bytes(), 0o755)
    archive.file("/etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
    archive.file("/etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    archive.file("/etc/hosts", b"127.0.0.1 localhost\n")
    for place, content in sorted((files or {}).items()):
        archive.file(place, content)

    work.mkdir(parents=True, exist_ok=True)
    # Not compressed: an emulated processor takes longer to unpack it than QEMU takes to load more of it.
    image = Image(work / "vmlinuz", work / "initramfs.cpio", version)
    image.initramfs.write_bytes(archive.encode())
    # A copy, since libvirt changes the owner of the kernel that a domain boots from.
    shutil.copyfile(source, image.kernel)
    return image


def _add_busybox(archive: Archive) -> None:
    busybox = shutil.which("busybox")
    if busybox is None:
        raise RuntimeError("busybox is not there: install busybox-static")
    archive.file("/bin/busybox", Path(busybox).read_bytes(), 0o755)
    for applet in check_output([busybox, "--list"]).split():
        if applet != "busybox":
            archive.link(f"/bin/{applet}", "busybox")


def _add_modules(archive: Archive, version: str) -> None:
    """Adds the modules, and the list of them in the order in which they are to be loaded."""
    order: list[str] = []
    for module in MODULES:
        # Lines are "insmod PATH", dependencies first, or "builtin NAME" for what the kernel has already.
        listing = check_output([_modprobe(), "--set-version", version, "--show-depends", module])
        for line in listing.splitlines():
            kind, _, path = line.strip().partition(" ")
            if kind == "insmod" and path.split()[0] not in order:
                order.append(path.split()[0])
    names: list[str] = []
    for module_path in map(Path, order):
        content = module_path.read_bytes()
        if module_path.suffix == ".xz":
            content = lzma.decompress(content)
        elif module_path.suffix != ".ko":
            raise RuntimeError(f"{module_path}: cannot unpack this kind of module")
        names.append(module_path.name.removesuffix(".xz"))
        archive.file(f"{MODULE_FOLDER}/{names[-1]}", content)
    archive.file(f"{MODULE_FOLDER}/order", "".join(f"{name}\n" for name in names).encode())


def _modprobe() -> str:
    # An ordinary user's PATH has no sbin.
    return shutil.which("modprobe") or "/usr/sbin/modprobe"


def _add_program(archive: Archive, program: Path) -> None:
    """Adds a binary and every shared library that the loader would take for it here, the loader included."""
    if b"\x7fELF" != program.read_bytes()[:4]:
        archive.file(f"/usr/bin/{program.name}", program.read_bytes(), 0o755)
        return
    # All of it lies in the guest's memory: symbols for a debugger are most of a program that has them.
    with tempfile.TemporaryDirectory() as folder:
        stripped = Path(folder) / program.name
        check_output(["objcopy", "--strip-debug", program, stripped])
        archive.file(f"/usr/bin/{program.name}", stripped.read_bytes(), 0o755)
    try:
        listing = check_output(["ldd", program])
    except RuntimeError as error:
        if "not a dynamic executable" in str(error):
            return
        raise
    for line in listing.splitlines():
        # "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x…)" or "/lib64/ld-linux-x86-64.so.2 (0x…)"; vdso has no path.
        if "not found" in line:
            raise RuntimeError(f"{program}: {line.strip()}")
        match = re.search(r"(/\S+) \(0x[0-9a-f]+\)$", line)
        if match:
            archive.file(match[1], Path(match[1]).read_bytes(), 0o755)
