# A small Debian system to try things in: made once by mmdebstrap from this machine's own package
# sources, kept in the user's cache under a hash of its recipe, and never written to.  Each test
# works in a layer of its own over it, in mount and process namespaces that end with each command.
# SPDX-License-Identifier: Apache-2.0
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess

SUITE = 'bookworm'
PACKAGES = 'unattended-upgrades,cron,distro-info-data,ca-certificates'


def sources():
    """The files in which this machine names its Debian archive."""
    found = [pathlib.Path('/etc/apt/sources.list'),
             pathlib.Path('/etc/apt/sources.list.d/debian.sources')]
    found = [p for p in found if p.is_file() and 'debian' in p.read_text()]
    assert found, 'no Debian package source is set up in /etc/apt'
    return found


def cached_root():
    recipe = [SUITE, PACKAGES, '--variant=minbase', '--skip=cleanup/apt/lists']
    key = hashlib.sha256('\n'.join(recipe + [p.read_text() for p in sources()]).encode())
    cache = pathlib.Path(os.environ.get('XDG_CACHE_HOME', pathlib.Path.home() / '.cache'))
    folder = cache / 'caretaker'
    root = folder / f'debroot-{key.hexdigest()[:16]}'
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / 'debroot.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)    # two test runs make it once
        if not root.is_dir():
            new = root.with_suffix('.new')
            shutil.rmtree(new, ignore_errors=True)
            subprocess.run(['mmdebstrap', '--quiet', '--variant=minbase', '--mode=root',
                            '--skip=cleanup/apt/lists', f'--include={PACKAGES}', SUITE, new,
                            *sources()], check=True, stdin=subprocess.DEVNULL, timeout=900)
            new.rename(root)
    return root


class Root:
    """One layer over the cached system; what is written stays in 'layer'."""

    def __init__(self, lower, folder):
        self.lower, self.folder = lower, folder
        self.layer = folder / 'layer'
        for name in ('layer', 'work', 'mnt'):
            (folder / name).mkdir()

    def path(self, inside):
        return self.layer / str(inside).lstrip('/')

    def write(self, inside, text, mode=0o644):
        path = self.path(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        data = text if isinstance(text, bytes) else text.encode()
        path.write_bytes(data)
        path.chmod(mode)
        return path

    def run(self, *command, check=True, timeout=120):
        # Where the layer's file system cannot carry an overlay, say so: nothing is skipped.
        script = ('set -e; mount -t overlay overlay -o '
                  f'lowerdir={self.lower},upperdir={self.layer},workdir={self.folder}/work '
                  f'{self.folder}/mnt; mount -t proc proc {self.folder}/mnt/proc; '
                  f'exec chroot {self.folder}/mnt "$@"')
        done = subprocess.run(['unshare', '--mount', '--pid', '--ipc', '--fork', 'sh', '-c',
                               script, 'sh', *map(str, command)],
                              capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL,
                              env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C.UTF-8',
                                   'DEBIAN_FRONTEND': 'noninteractive'})
        assert not check or done.returncode == 0, f'{command}: {done.stdout}{done.stderr}'
        return done

    def add_program(self, program):
        """Puts a program of ours in, with the libraries that it was linked against."""
        folder = self.path('/facts')
        folder.mkdir(exist_ok=True)
        shutil.copy(program, folder / program.name)
        for line in subprocess.run(['ldd', program], capture_output=True, text=True,
                                   check=True).stdout.splitlines():
            words = line.split()
            library = words[2] if '=>' in words else words[0]
            if library.startswith('/'):
                shutil.copy(library, folder / pathlib.Path(library).name)

    def program(self, name, *args, **kwargs):
        loader = next(p.name for p in self.path('/facts').iterdir() if p.name.startswith('ld-'))
        return self.run(f'/facts/{loader}', '--library-path', '/facts', f'/facts/{name}', *args,
                        **kwargs)


def make_deb(folder, name, version, changelog_date=None, security=True):
    """A package with a changelog, as a maintainer would make it; returns its file."""
    import gzip
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
