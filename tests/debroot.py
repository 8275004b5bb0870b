"""Fresh Debian roots for tests: made once by mmdebstrap, kept in the cache under a hash of their
recipe, copied for each use.  Commands run in mount and process namespaces of their own, so nothing
is mounted, started or left on the machine that tests.
SPDX-License-Identifier: Apache-2.0"""
import fcntl, hashlib, os, pathlib, shutil, subprocess, tempfile

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "caretaker"
SUITE = "bookworm"


def _sources():
    """The archive that this machine itself is set up with."""
    for path in ("/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"):
        if os.path.exists(path):
            return path
    raise RuntimeError("no apt sources on this machine: cannot make a Debian root")


def _recipe(packages, variant):
    return ["mmdebstrap", "--quiet", f"--variant={variant}", "--mode=root",
            "--aptopt=Apt::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\"",
            "--include=" + ",".join(sorted(packages))] if packages else \
           ["mmdebstrap", "--quiet", f"--variant={variant}", "--mode=root"]


def base(packages=(), variant="minbase"):
    """The path of a ready root that must not be changed; made when it is not in the cache."""
    recipe = _recipe(packages, variant)
    key = hashlib.sha256("\0".join([*recipe, SUITE, "1"]).encode()).hexdigest()[:16]
    root = CACHE / f"debroot-{key}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"debroot-{key}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            making = CACHE / f"debroot-{key}.new"
            shutil.rmtree(making, ignore_errors=True)
            try:
                subprocess.run([*recipe, SUITE, str(making), _sources()], check=True,
                               stdin=subprocess.DEVNULL)
            except BaseException:
                shutil.rmtree(making, ignore_errors=True)
                raise
            making.rename(root)
    return root


class Root:
    """A copy of a base root, with a shell of its own; a context manager that removes it."""

    def __init__(self, packages=(), variant="minbase"):
        self.base = base(packages, variant)

    def __enter__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="caretaker-root-"))
        self.path = self.dir / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", str(self.base), str(self.path)], check=True)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def run(self, *argv, check=True, env=None, timeout=300, network=False):
        """Runs a command inside; without 'network' it has no way out.  Returns the finished process
        with its output as text."""
        script = ('mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && '
                  'mount -t sysfs sysfs "$0/sys" && mount -t tmpfs tmpfs "$0/run" && '
                  'exec chroot "$0" "$@"')
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        if not network:
            command.append("--net")
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
                       "DEBIAN_FRONTEND": "noninteractive", **(env or {})}
        done = subprocess.run([*command, "sh", "-c", script, str(self.path), *map(str, argv)], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=environment, timeout=timeout)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(map(str, argv))}: exit {done.returncode}\n{done.stdout}")
        return done

    def put(self, source, inside):
        target = self.path / inside.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)

    def exists(self, inside):
        return os.path.lexists(self.path / inside.lstrip("/"))

    def read(self, inside):
        return (self.path / inside.lstrip("/")).read_text()
