/* A sysfs of our own with a device of each kind, for tests of platform/linux/gate_*.c.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef CARETAKER_TESTS_GATE_TREE_H
#define CARETAKER_TESTS_GATE_TREE_H

#include "tests/unit/gate_sysfs.h"

#define HUB "/sys/devices/pci0000:00/usb2"
#define STICK HUB "/2-1"
#define EMMC "/sys/devices/pci0000:00/mmc_host/mmc0/mmc0:0001"
#define CARD "/sys/devices/pci0000:00/mmc_host/mmc1/mmc1:aaaa"
#define BLOCK STICK "/2-1:1.0/host6/target6:0:0/6:0:0:0/block/sda"

/* A stick in port 2-1 with a partition, a keyboard behind a hub in 2-2, a system disk with LUKS. */
static inline int make_tree(void **state)
{
	(void)state;
	begin_tree();
	put_bytes(STICK "/descriptors", "\x12\x01\x00\x02\0\0\0\x40\x51\x09\x66\x16", 12);
	put(STICK "/serial", "60A44C41\n");
	put(STICK "/manufacturer", "Kingston\n");
	put(STICK "/product", "DataTraveler\n");
	put(STICK "/removable", "removable\n");
	put(STICK "/bConfigurationValue", "1\n");
	put(STICK "/port/physical_location/panel", "front\n");
	put(STICK "/2-1:1.0/bInterfaceNumber", "00\n");
	put(STICK "/2-1:1.0/modalias", "usb:v0951p1666d0110dc00dsc00dp00ic08isc06ip50in00\n");
	put(STICK "/2-1:1.0/authorized", "0\n");
	put(STICK "/2-1:1.1/bInterfaceNumber", "0a\n");
	put(STICK "/2-1:1.1/interface", "MTP\n");
	put(STICK "/2-1:1.1/authorized", "1\n");
	put(STICK "/2-1:1.1/driver/x", "");
	put(HUB "/2-2/2-2.4/descriptors", "\x12\x01");
	put(HUB "/2-2/2-2.4/removable", "fixed\n");
	shell("mkdir -p %s/sys/bus/usb/devices && cd %s/sys/bus/usb/devices && "
	      "ln -s ../../../devices/pci0000:00/usb2 usb2 && ln -s usb2/2-1 2-1 && "
	      "ln -s usb2/2-1/2-1:1.0 2-1:1.0 && ln -s usb2/2-1/2-1:1.1 2-1:1.1 && "
	      "ln -s usb2/2-2/2-2.4 2-2.4",
	      tree, tree);
	put("/sys/bus/usb/drivers_probe", "");
	put(BLOCK "/size", "32768\n");
	put(BLOCK "/removable", "1\n");
	put(BLOCK "/ro", "0\n");
	put(BLOCK "/diskseq", "12\n");
	put(BLOCK "/uevent", "");
	put(BLOCK "/sda1/size", "30000\n");
	put(BLOCK "/sda1/partition", "1\n");
	put(BLOCK "/sda1/ro", "1\n");
	put(BLOCK "/sda1/uevent", "");
	put("/sys/devices/pci0000:00/nvme/nvme0/nvme0n1/size", "1000\n");
	put("/sys/devices/pci0000:00/nvme/nvme0/nvme0n1/nvme0n1p2/partition", "2\n");
	put("/sys/devices/pci0000:00/nvme/nvme0/nvme0n1/nvme0n1p2/size", "900\n");
	put("/sys/devices/virtual/block/dm-0/size", "900\n");
	shell("mkdir -p %s/sys/devices/virtual/block/dm-0/slaves/nvme0n1p2", tree);
	put(EMMC "/block/mmcblk0/size", "64\n");
	put(EMMC "/type", "MMC\n");
	put(CARD "/block/mmcblk1/size", "64\n");
	put(CARD "/type", "SD\n");
	put(CARD "/manfid", "0x000003\n");
	put(CARD "/oemid", "0x5344\n");
	put(CARD "/serial", "0x1a2b3c4d\n");
	put(CARD "/name", "SU08G\n");
	put(CARD "/driver/x", "");
	shell("mkdir -p %s/sys/bus/mmc/devices %s/sys/bus/mmc/drivers/mmcblk && "
	      "cd %s/sys/bus/mmc/devices && ln -s ../../..%s mmc0:0001 && ln -s ../../..%s "
	      "mmc1:aaaa",
	      tree, tree, tree, EMMC + 4, CARD + 4);
	put("/sys/bus/mmc/drivers_probe", "");
	put("/sys/bus/mmc/drivers_autoprobe", "0\n");
	put("/sys/bus/mmc/drivers/mmcblk/unbind", "");
	shell("mkdir -p %s/sys/class/block %s/sys/dev/block && cd %s/sys/class/block && "
	      "ln -s ../..%s sda && ln -s ../..%s/sda1 sda1 && "
	      "ln -s ../../devices/pci0000:00/nvme/nvme0/nvme0n1 nvme0n1 && "
	      "ln -s nvme0n1/nvme0n1p2 nvme0n1p2 && ln -s ../../devices/virtual/block/dm-0 dm-0 && "
	      "ln -s ../..%s/block/mmcblk0 mmcblk0 && ln -s ../..%s/block/mmcblk1 mmcblk1 && "
	      "cd ../../dev/block && ln -s ../../class/block/dm-0 253:0 && "
	      "ln -s ../../class/block/sda1 8:1 && ln -s ../../class/block/sda 8:0",
	      tree, tree, tree, BLOCK + 4, BLOCK + 4, EMMC + 4, CARD + 4);
	put("/proc/1/mountinfo", "22 1 253:0 / / rw - ext4 /dev/mapper/root rw\n"
				 "23 22 0:21 / /proc rw - proc proc rw\n");
	put("/lib/modules.alias", "");
	open_gate();
	return 0;
}

#endif
