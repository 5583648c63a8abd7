"""Runs inside a container: asks the kernel for what a build may not have, and for what it needs; prints JSON."""

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import subprocess
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)
LONG = ctypes.c_ulong


def asked(number: int, *arguments: int) -> str:
    """Make a system call; return the name of its error, or nothing."""
    ctypes.set_errno(0)
    libc.syscall.restype = ctypes.c_long
    value = libc.syscall(LONG(number), *(LONG(one & 0xFFFFFFFFFFFFFFFF) for one in arguments))
    return errno.errorcode[ctypes.get_errno()] if value == -1 else ""


def run_hook(number: int, *arguments: int) -> str:
    """Make one that may make a process: a child that comes of it must not go on as this one."""
    me, reading, writing = os.getpid(), *os.pipe()
    told = asked(number, *arguments)
    if os.getpid() != me:
        os._exit(0)
    os.write(writing, told.encode())
    os.close(writing)
    return os.read(reading, 99).decode()


def opened(family: int, kind: int, protocol: int = 0) -> str:
    """Open a socket; return the name of its error, or nothing."""
    try:
        socket.socket(family, kind, protocol).close()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return ""


def traced(request: int) -> str:
    """Trace a child that waits, in one way or another; return the name of the error, or nothing."""
    child = os.fork()
    if child == 0:
        if request == 0:
            asked(101, 0, 0, 0, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
        signal.pause()
    try:
        if request == 0:
            os.waitpid(child, os.WUNTRACED)
            register = ctypes.create_string_buffer(1024)
            return asked(101, 12, child, 0, ctypes.addressof(register)) or asked(101, 17, child, 0, 0)
        return asked(101, request, child, 0, 0)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def died(code: str) -> str:
    """Compile a program in C and run it; return by which signal it died, or its status."""
    made = subprocess.run(["/usr/bin/gcc", "-xc", "-", "-o", "/scratch/program"], input=code.encode(), check=False)
    assert made.returncode == 0
    status = subprocess.run(["/scratch/program"], check=False).returncode
    return signal.Signals(-status).name if status < 0 else str(status)


def limited(number: int) -> list[int]:
    """Return the limits of that number."""
    return list(resource.getrlimit(number))


def too_long() -> str:
    """Write a file beyond the limit."""
    try:
        with Path("/scratch/long").open("wb") as stream:
            stream.truncate(resource.getrlimit(resource.RLIMIT_FSIZE)[0] + 1)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return ""


def read(path: str) -> str:
    """Return the beginning of a file, or the names in a folder, in one text."""
    try:
        return " ".join(one.name for one in Path(path).iterdir()) if Path(path).is_dir() else Path(path).read_text()
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def owner(path: str) -> list[object]:
    """Return whose a folder is, and its mode."""
    found = Path(path).stat()
    return [found.st_uid, oct(found.st_mode)]


def size(found: os.statvfs_result) -> int:
    """Return the bytes of a file system."""
    return found.f_blocks * found.f_frsize


def runs(code: str) -> str:
    """Run a line of Python in a separate process; nothing where it works."""
    return "" if subprocess.run(["/usr/bin/python3", "-c", code], check=False).returncode == 0 else "failed"


STREAM, DGRAM, RAW, SEQPACKET = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET)
NOT_AT_HOME = {
    "vsock": opened(40, STREAM),
    "vsock-dgram": opened(40, DGRAM),
    "packet": opened(17, RAW),
    "packet-dgram": opened(17, DGRAM),
    "alg": opened(38, SEQPACKET),
    "xdp": opened(44, RAW),
    "bluetooth": opened(31, RAW),
    "can": opened(29, RAW),
    "tipc": opened(30, SEQPACKET),
    "rds": opened(21, SEQPACKET),
    "x25": opened(9, SEQPACKET),
    "key": opened(15, RAW, 2),
    "qipcrtr": opened(42, DGRAM),
    "smc": opened(43, STREAM),
    "vsock-with-high-bits": asked(41, 0x100000028, 1, 0),
    "unix-with-high-bits": asked(41, 0x100000001, 1, 0),
    "pair": asked(53, 40, 1, 0, ctypes.addressof(ctypes.create_string_buffer(8))),
}
OTHER_NETLINK = {str(protocol): opened(16, RAW, protocol) for protocol in (4, 6, 9, 10, 12, 15, 16, 20, 21)}
REFUSED = {
    "io_uring_setup": asked(425, 8, ctypes.addressof(ctypes.create_string_buffer(256))),
    "io_uring_enter": asked(426, 0, 0, 0, 0, 0, 0),
    "io_uring_register": asked(427, 0, 0, 0, 0),
    "add_key": asked(248, 0, 0, 0, 0, 0),
    "request_key": asked(249, 0, 0, 0, 0),
    "keyctl": asked(250, 0, -3, 0, 0, 0),
    "userfaultfd": asked(323, 1),
    "bpf": asked(321, 0, 0, 0),
    "perf_event_open": asked(298, 0, 0, -1, -1, 0),
    "process_vm_readv": asked(310, os.getpid(), 0, 0, 0, 0, 0),
    "process_vm_writev": asked(311, os.getpid(), 0, 0, 0, 0, 0),
    "process_madvise": asked(440, 0, 0, 0, 0, 0),
    "pidfd_getfd": asked(438, 0, 0, 0),
    "kcmp": asked(312, os.getpid(), os.getpid(), 0, 0, 0),
    "attach": traced(16),
    "seize": traced(0x4206),
    "attach-guest": asked(101, 16, 1, 0, 0),
    "prlimit-guest": asked(302, 1, 7, 0, 0),
    "unshare-user": asked(272, 0x10000000),
    "unshare-net": asked(272, 0x40000000),
    "unshare-fs": asked(272, 0x200),
    "setns": asked(308, 0, 0),
    "clone-user": run_hook(56, 0x10000000 | 17, 0, 0, 0, 0),
    "clone-net": run_hook(56, 0x40000000 | 17, 0, 0, 0, 0),
    "clone-user-high": run_hook(56, 0x100000000 | 0x10000000 | 17, 0, 0, 0, 0),
    "mount": asked(165, 0, 0, 0, 0, 0),
    "umount2": asked(166, 0, 0),
    "pivot_root": asked(155, 0, 0),
    "chroot": asked(161, 0),
    "fsopen": asked(430, 0, 0),
    "open_tree": asked(428, 0, 0, 0),
    "move_mount": asked(429, 0, 0, 0, 0, 0),
    "open_by_handle_at": asked(304, 0, 0, 0),
    "kexec_load": asked(246, 0, 0, 0, 0),
    "init_module": asked(175, 0, 0, 0),
    "finit_module": asked(313, 0, 0, 0),
    "syslog": asked(103, 3, 0, 0),
    "swapon": asked(167, 0, 0),
    "quotactl": asked(179, 0, 0, 0, 0),
    "modify_ldt": asked(154, 0, 0, 0),
    "clock_settime": asked(227, 0, 0),
    "fanotify_init": asked(300, 0, 0),
}
OTHER_PERSONALITIES = {str(one): asked(135, one) for one in (8, 0x20008, 0x40000, 0x400000, 0x100000)}
NEVER_THERE = {"clone3": asked(435, 0, 0), "unknown": asked(1000)}
NEEDED = {
    "unix": opened(1, STREAM),
    "inet": opened(2, STREAM),
    "inet6": opened(10, DGRAM),
    "netlink-route": opened(16, RAW, 0),
    "pair": asked(53, 1, 1, 0, ctypes.addressof(ctypes.create_string_buffer(8))),
    "interfaces": "" if [name for _, name in socket.if_nameindex()] == ["lo"] else "others",
    "trace-own-child": traced(0),
    "personality": asked(135, 0xFFFFFFFF) or asked(135, 0x20000) or asked(135, 0),
    "prlimit": asked(302, 0, 7, 0, 0),
    "memfd": asked(319, ctypes.addressof(ctypes.create_string_buffer(b"x")), 0),
    "landlock": asked(444, 0, 0, 1).replace("EOPNOTSUPP", "").replace("ENOSYS", ""),  # as the kernel has it
    "threads": runs("import threading; threading.Thread(target=id, args=[0]).start()"),
    "semaphore": runs("import multiprocessing; multiprocessing.Lock()"),
}


if __name__ == "__main__":
    print(
        json.dumps(
            {
                "not at home": NOT_AT_HOME,
                "other netlink": OTHER_NETLINK,
                "refused": REFUSED,
                "other personalities": OTHER_PERSONALITIES,
                "never there": NEVER_THERE,
                "needed": NEEDED,
                "32 bits": died('int main() { int r; asm volatile("int $0x80" : "=a"(r) : "a"(20)); return 0; }'),
                "x32": died("#include <unistd.h>\nint main() { syscall(0x40000000 | 39); return 0; }"),
                "limits": {
                    name: limited(getattr(resource, f"RLIMIT_{name.upper()}"))
                    for name in ("core", "fsize", "memlock", "msgqueue", "nofile", "nproc", "stack")
                },
                "too long": too_long(),
                "group": {line.rpartition(":")[2] for line in read("/proc/self/cgroup").split()} == {"/"},
                "oom": read("/proc/self/oom_score_adj").strip(),
                "shared": size(os.statvfs("/dev/shm")),
                "status": dict(line.split(":\t", 1) for line in read("/proc/self/status").splitlines()),
                "masked": {path: read(path) for path in os.environ["MASKED"].split("|") if Path(path).exists()},
                "hosts": [read("/etc/hosts"), read("/etc/resolv.conf")],
                "domain": read("/proc/sys/kernel/domainname").strip(),
                "owners": {path: owner(path) for path in ("/scratch", "/tmp")},
                "writable": [path for path in ("/", "/run", "/var/tmp", "/dev", "/etc") if os.access(path, os.W_OK)],
                "environment": sorted(os.environ),
            }
        )
    )
