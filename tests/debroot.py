"""Fresh Debian roots for tests: made once by mmdebstrap from this machine's own package sources, kept
in the user's cache under a hash of their recipe, and never written to.  Each test gets a layer of its
own over one, or a copy where no overlay can be mounted (in a container on an overlay).  Commands run
in mount and process namespaces of their own: nothing is mounted, started or left on this machine.
SPDX-License-Identifier: Apache-2.0"""
import fcntl
import gzip
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile

SUITE = 'bookworm'
PATH = '/usr/sbin:/usr/bin:/sbin:/bin'
MOUNTS = {
    'proc': 'mount -t proc proc "$root/proc"',
    'sys': 'mount -t sysfs sysfs "$root/sys"',
    'dev': 'mount --rbind /dev "$root/dev"',
    'run': 'mount -t tmpfs tmpfs "$root/run"',
}


def sources():
    """The files in which this machine names its Debian archive."""
    folder = pathlib.Path('/etc/apt/sources.list.d')
    found = [pathlib.Path('/etc/apt/sources.list'), *sorted(folder.glob('*.list')),
             *sorted(folder.glob('*.sources'))]  # mmdebstrap's own is called 0000debian.sources
    found = [p for p in found if p.is_file() and 'debian' in p.read_text()]
    assert found, 'no Debian package source is set up in /etc/apt: cannot make a Debian root'
    return found


def cache():
    folder = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache')
    folder = folder / 'caretaker'
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def base(packages=(), variant='minbase', lists=False):
    """The path of a ready root, which must not be changed; made when it is not in the cache.
    'lists': apt's lists of packages stay in it."""
    recipe = ['mmdebstrap', '--quiet', f'--variant={variant}', '--mode=root',
              '--aptopt=Apt::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"']
    if lists:
        recipe.append('--skip=cleanup/apt/lists')
    if packages:
        recipe.append('--include=' + ','.join(sorted(packages)))
    key = hashlib.sha256('\0'.join([*recipe, SUITE, *(p.read_text() for p in sources())]).encode())
    root = cache() / f'debroot-{key.hexdigest()[:16]}'
    with open(root.with_suffix('.lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)    # two test runs make it once
        if not root.exists():
            making = root.with_suffix('.new')
            shutil.rmtree(making, ignore_errors=True)
            try:
                subprocess.run([*recipe, SUITE, making, *sources()], check=True, timeout=900,
                               stdin=subprocess.DEVNULL)
            except BaseException:
                shutil.rmtree(making, ignore_errors=True)
                raise
            making.rename(root)
    return root


def overlay(lower, folder):
    return (f'mount -t overlay overlay -o lowerdir={lower},upperdir={folder}/layer,'
            f'workdir={folder}/work {folder}/root')


class Root:
    """A root to write in; a context manager that removes it.  'mounts': what of MOUNTS a command
    finds there; a test that puts its own files into /sys leaves that one out."""

    def __init__(self, packages=(), variant='minbase', lists=False, mounts=tuple(MOUNTS)):
        self.base = base(packages, variant, lists)
        self.mounts = mounts

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='caretaker-root-'))
        for name in ('layer', 'work', 'root'):
            (self.folder / name).mkdir()
        tried = subprocess.run(['unshare', '--mount', 'sh', '-c', overlay(self.base, self.folder)],
                               capture_output=True)
        self.layered = not tried.returncode and not os.environ.get('CARETAKER_NO_OVERLAY')
        if not self.layered:
            (self.folder / 'root').rmdir()
            subprocess.run(['cp', '-a', '--reflink=auto', self.base, self.folder / 'root'],
                           check=True)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *command, check=True, env=None, timeout=300, network=False):
        """Runs a command inside; without 'network' it has no way out.  Returns the finished process
        with its output as text."""
        script = 'set -e; root=$0/root; '
        if self.layered:
            script += overlay(self.base, self.folder) + '; '
        script += ''.join(MOUNTS[name] + '; ' for name in self.mounts) + 'exec chroot "$root" "$@"'
        unshare = ['unshare', '--mount', '--pid', '--ipc', '--fork', '--kill-child']
        if not network:
            unshare.append('--net')
        done = subprocess.run([*unshare, 'sh', '-c', script, self.folder, *map(str, command)],
                              capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL,
                              env={'PATH': PATH, 'HOME': '/root', 'LC_ALL': 'C.UTF-8',
                                   'DEBIAN_FRONTEND': 'noninteractive', **(env or {})})
        assert not check or done.returncode == 0, \
            f'{" ".join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}'
        return done

    def path(self, inside):
        """Where a file is to be written, or lies once it was written or installed in this root."""
        return self.folder / ('layer' if self.layered else 'root') / str(inside).lstrip('/')

    def write(self, inside, text, mode=0o644):
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    def put(self, source, inside):
        target = self.path(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)

    def exists(self, inside):
        """Also of what the base holds, and not of what was removed."""
        return self.run('sh', '-c', '[ -e "$0" ] || [ -L "$0" ]', inside,
                        check=False).returncode == 0

    def add_program(self, program, folder='/facts'):
        """Puts a program of ours in, with the libraries that it was linked against."""
        where = self.path(folder)
        where.mkdir(parents=True, exist_ok=True)
        shutil.copy(program, where / program.name)
        for line in subprocess.run(['ldd', program], capture_output=True, text=True,
                                   check=True).stdout.splitlines():
            words = line.split()
            library = words[2] if '=>' in words else words[0]
            if library.startswith('/'):
                shutil.copy(library, where / pathlib.Path(library).name)

    def program(self, name, *args, folder='/facts', before=(), **kwargs):
        """Runs a program that add_program() put in; 'before': a command that is to start it."""
        loader = next(p.name for p in self.path(folder).iterdir() if p.name.startswith('ld-'))
        return self.run(*before, f'{folder}/{loader}', '--library-path', folder,
                        f'{folder}/{name}', *args, **kwargs)


def make_deb(folder, name, version, changelog_date=None, files=None):
    """A package with a changelog, as a maintainer would make it; returns its file.  'files': texts
    by their paths, beside the documentation."""
    tree = folder / f'{name}-{version}'
    doc = tree / 'usr/share/doc' / name
    doc.mkdir(parents=True)
    (tree / 'DEBIAN').mkdir()
    (tree / 'DEBIAN/control').write_text(
        f'Package: {name}\nVersion: {version}\nArchitecture: all\nSection: misc\n'
        f'Maintainer: Caretaker tests <tests@school.example>\nDescription: made by a test\n')
    (doc / 'copyright').write_text(
        'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n'
        'Files: *\nCopyright: a school\nLicense: MIT\n')
    if changelog_date:
        text = (f'{name} ({version}) stable-security; urgency=high\n\n  * Fix a hole.\n\n'
                f' -- Caretaker tests <tests@school.example>  {changelog_date}\n')
        (doc / 'changelog.Debian.gz').write_bytes(gzip.compress(text.encode()))
    for inside, text in (files or {}).items():
        (tree / inside.lstrip('/')).parent.mkdir(parents=True, exist_ok=True)
        (tree / inside.lstrip('/')).write_text(text)
    deb = folder / f'{name}_{version}_all.deb'
    subprocess.run(['dpkg-deb', '--root-owner-group', '-b', tree, deb], check=True,
                   capture_output=True)
    shutil.rmtree(tree)
    return deb


def make_archive(folder, label='Debian-Security', suite='stable-security'):
    """An apt archive of the packages that lie in 'folder'."""
    packages = subprocess.run(['apt-ftparchive', 'packages', '.'], cwd=folder, check=True,
                              capture_output=True, text=True).stdout
    (folder / 'Packages').write_text(packages)
    (folder / 'Release').unlink(missing_ok=True)
    release = subprocess.run(['apt-ftparchive', '-o', 'APT::FTPArchive::Release::Origin=Debian',
                              '-o', f'APT::FTPArchive::Release::Label={label}',
                              '-o', f'APT::FTPArchive::Release::Suite={suite}', 'release', '.'],
                             cwd=folder, check=True, capture_output=True, text=True).stdout
    (folder / 'Release').write_text(release)
