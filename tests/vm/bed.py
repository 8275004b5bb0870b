# The test bed: a small Debian VM, made once and kept, restored in a second.
#
#     with bed.guest() as guest:                     as after its first boot
#     with bed.guest(installed=True) as guest:       with our packages, as a school installs them
#     with bed.boot(installed=True, plugged=[usb.storage(image)]) as guest:     from power-on
#
# What is kept lies in ~/.cache/caretaker/vm-KEY: the image, a snapshot of the guest that booted it,
# and one for each of the last builds that were installed in it.  Every name holds a hash of all
# that went in, so a change makes a new one and an old one is never used.  A test runs in a
# throw-away copy: nothing lasts.
# SPDX-License-Identifier: Apache-2.0
import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import time

from guest import COMMAND_LINE, MACHINE, Guest, GuestError   # noqa: F401

HERE = pathlib.Path(__file__).parent
SNAPSHOT = 'ready'
PARTS = ('build-image', 'packages', 'inside.py', 'gadget.py')   # of the image
KEPT_IMAGES, KEPT_INSTALLED = 2, 6
# Loaded before the snapshot, so that no test waits for them.
MODULES = ('dm_crypt loop nf_tables nft_ct nft_reject_inet nf_conntrack xts aes_generic cryptd '
           'essiv crypto_null algif_skcipher usb-storage uas usbhid sd_mod sr_mod vfat '
           'libcomposite usb_f_mass_storage usb_f_hid usb_f_fs').split()
PACKAGES = ('caretaker', 'caretaker-collector')
# How quickly a test gets its check; the first one comes within 31 s of the daemon's start.
CONF = '[daemon]\ninterval_s = 3600\njitter_s = 0\nsettle_s = 3\ngap_s = 5\n'
QUIET = '/etc/initramfs-tools/update-initramfs.conf'
INSTALL = 'dpkg --force-confold -i'   # the image tells dpkg not to wait for the disk


def _digest(*parts):
    return hashlib.sha256(b'\0'.join(parts)).hexdigest()[:16]


def build():
    return pathlib.Path(os.environ.get('CARETAKER_BUILD', 'build/linux'))


def packages():
    """Our packages, as they are to be installed."""
    folder = build() / 'deb'
    found = [path for name in PACKAGES for path in folder.glob(f'{name}_*.deb')]
    assert len(found) == len(PACKAGES), f'{folder}: run "make test-vm", which builds the packages'
    return found


class _Cache:
    """The image's folder and the snapshots in it; what is missing is made, for minutes, under a
    lock: two runs at once make one."""

    def __init__(self):
        base = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
        self.top = pathlib.Path(base).expanduser() / 'caretaker'
        self.top.mkdir(parents=True, exist_ok=True)
        self.key = _digest(*((HERE / name).read_bytes() for name in PARTS))
        self.folder = self.top / f'vm-{self.key}'
        qemu = subprocess.run(['qemu-system-x86_64', '--version'], capture_output=True, check=True)
        self.booted_key = _digest(qemu.stdout, repr((MACHINE, COMMAND_LINE, MODULES)).encode())

    @contextlib.contextmanager
    def _locked(self, name):
        with open(name, 'w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def disk(self, installed):
        """A disk with a snapshot of the plain guest, or of the one with our packages."""
        with self._locked(self.top / 'vm.lock'):
            self._image()
            booted = self._booted()
        if not installed:
            return booted
        key = _digest(self.booted_key.encode(), repr((CONF, INSTALL)).encode(),
                      *(path.read_bytes() for path in packages()))
        with self._locked(self.folder / f'installed-{key}.lock'):
            return self._installed(booted, key)

    def _image(self):
        ready = self.folder / 'ready'
        if not ready.exists():
            print('making the test VM: some minutes, once', flush=True)
            shutil.rmtree(self.folder, ignore_errors=True)
            subprocess.run([HERE / 'build-image', self.folder], check=True)
        ready.touch()
        _keep(KEPT_IMAGES, {path: path / 'ready' for path in self.top.glob('vm-*/')})

    def _booted(self):
        disk = self.folder / f'booted-{self.booted_key}.qcow2'
        if not disk.exists():
            self.snapshot(disk, None, _wait_for_boot)
            _keep(0, {old: old for old in self.folder.glob('*-*.qcow2') if old != disk})
        return disk

    def _installed(self, booted, key):
        disk = self.folder / f'installed-{key}.qcow2'
        if not disk.exists():
            print('installing our packages in the test VM, once', flush=True)
            self.snapshot(disk, booted, _install)
        disk.touch()
        _keep(KEPT_INSTALLED, {path: path for path in self.folder.glob('installed-*.qcow2')})
        return disk

    def snapshot(self, disk, start, prepare):
        """Makes a snapshot: of the first boot, or of what is done after the snapshot 'start'."""
        with tempfile.TemporaryDirectory(prefix='caretaker-vm-') as name:
            folder = pathlib.Path(name)
            making = folder / 'disk.qcow2'
            if start:
                self.copy(start, making)
            else:
                grow(self.folder / 'base.img', 'raw', making)
            guest = Guest(folder, self.folder / 'vmlinuz', self.folder / 'initrd.img', making,
                          snapshot=start and SNAPSHOT)
            try:
                prepare(guest)
                guest.run('udevadm settle; sync')
                if start:
                    guest.pull(guest.run('ls /boot/initrd.img-*'), self.initramfs(disk))
                guest.monitor('stop')
                if start:
                    guest.monitor.human(f'delvm {SNAPSHOT}')
                guest.monitor.human(f'savevm {SNAPSHOT}')
            finally:
                guest.stop()
            shutil.move(making, disk.with_suffix('.new'))
            disk.with_suffix('.new').rename(disk)

    def copy(self, source, target):
        """A snapshot lies in the disk itself; a copy, where it can, shares its blocks."""
        subprocess.run(['cp', '--reflink=auto', source, target], check=True)
        subprocess.run(['qemu-img', 'rebase', '-u', '-F', 'raw', '-b', self.folder / 'base.img',
                        target], check=True)   # the cache may have been moved

    def unpacked_kernel(self):
        """The kernel without its wrapping, which a guest takes six seconds to undo at each boot."""
        kernel = self.folder / 'vmlinux'
        with self._locked(self.folder / 'vmlinux.lock'):
            if not kernel.exists():
                wrapped = (self.folder / 'vmlinuz').read_bytes()
                # Linux's boot protocol: sectors of set-up code, then where the payload is after it.
                begin = (wrapped[0x1f1] + 1) * 512
                offset, length = struct.unpack_from('<II', wrapped, 0x248)
                payload = wrapped[begin + offset:begin + offset + length]
                done = subprocess.run(['xz', '-dc', '--single-stream'], input=payload, check=True,
                                      capture_output=True)
                kernel.with_suffix('.new').write_bytes(done.stdout)
                kernel.with_suffix('.new').rename(kernel)
        return kernel

    @staticmethod
    def initramfs(disk):
        """What update-initramfs left in the guest whose snapshot is 'disk'."""
        return disk.with_suffix('.initramfs')


def _keep(count, used):
    """Removes all but those used last; 'used': each, and the file that tells when it was."""
    def when(path):
        return used[path].stat().st_mtime if used[path].exists() else 0
    for path in sorted(used, key=when, reverse=True)[count:]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
            path.with_suffix('.initramfs').unlink(missing_ok=True)


def grow(base, kind, target):
    """A disk that begins as another is, and leaves that one alone."""
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', base, '-F', kind, target],
                   check=True)


def _wait_for_boot(guest):
    guest.call('systemctl is-system-running --wait', timeout=300)
    guest.run('modprobe -a ' + ' '.join(MODULES), timeout=120)


def _install(guest):
    """As a school does, and until the first check is over."""
    guest.set_clock(time.time())
    for path in packages():
        guest.push(path, f'/root/{path.name}')
    guest.run('mkdir -p /etc/caretaker')
    guest.write('/etc/caretaker/caretakerd.ini', CONF)
    # dpkg would make the initramfs anew as the hook comes, with nothing of ours in it yet.
    guest.run(f'sed -i s/^update_initramfs=.*/update_initramfs=no/ {QUIET}')
    guest.run(f'{INSTALL} {" ".join(f"/root/{path.name}" for path in packages())}', timeout=600)
    guest.run(f'sed -i s/^update_initramfs=.*/update_initramfs=yes/ {QUIET}')
    guest.until('[ -e /run/caretaker/next ] && ! [ -e /run/caretaker/request-check ] && '
                '! systemctl show -P ActiveState caretaker-check.service | grep -q activating', 300)


@contextlib.contextmanager
def guest(installed=False, machine=()):
    """A guest as it was after its boot, or as our packages left it; for one module of tests.
    'machine': arguments for QEMU, of devices that its kernel has not seen yet and finds by a
    "rescan" of its bus, as it finds what is plugged in while it runs."""
    cache = _Cache()
    with tempfile.TemporaryDirectory(prefix='caretaker-vm-') as name:
        folder = pathlib.Path(name)
        cache.copy(cache.disk(installed), folder / 'disk.qcow2')
        it = Guest(folder, cache.folder / 'vmlinuz', cache.folder / 'initrd.img',
                   folder / 'disk.qcow2', snapshot=SNAPSHOT, machine=machine)
        try:
            it.set_clock(time.time())   # the snapshot's stands where it was
            yield it
        finally:
            it.stop()


@contextlib.contextmanager
def boot(after=None, installed=False, append='', plugged=(), from_usb=False, initrd=None,
         clock=None):
    """A guest from power-on, with a real initramfs as Debian makes it.

    after      a guest of this bed, which is switched off: its disk as it left it, its initramfs
    installed  else: the disk with our packages, or Debian alone
    plugged    devices of usb.py that are in the machine's ports as it starts: guest.plugged
    from_usb   the system's disk is a USB stick
    append     more words for the kernel's command line
    initrd     a file on this machine, in the place of that initramfs
    clock      what the machine's own clock says at power-on, in seconds since 1970
    """
    cache = _Cache()
    with tempfile.TemporaryDirectory(prefix='caretaker-vm-') as name:
        folder = pathlib.Path(name)
        if after:
            initrd = initrd or after.pull(after.run('ls /boot/initrd.img-*'), folder / 'initrd.img')
            after.off()
            grow(after.disk, 'qcow2', folder / 'disk.qcow2')
        else:
            disk = cache.disk(installed)
            cache.copy(disk, folder / 'disk.qcow2')
            initrd = initrd or (cache.initramfs(disk) if installed else
                                cache.folder / 'initramfs.img')
        it = Guest(folder, cache.unpacked_kernel(), initrd, folder / 'disk.qcow2',
                   append=f'root=LABEL=bed rw {append}', from_usb=from_usb, plugged=plugged,
                   clock=clock)
        try:
            yield it
        finally:
            it.stop()
