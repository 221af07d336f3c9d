# SPDX-License-Identifier: Apache-2.0
"""A small laboratory of real virtual machines: libvirtd, QEMU, virtiofs and a guest kernel.

Used by the end-to-end tests and by the demonstration. See README.md beside this file.
"""
