"""A signal stops a command at any moment; a real process, a real socket."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

LATE = """
import signal, socket, sys, threading, time
from orchestrator.cli import main

silent = socket.socket(socket.AF_UNIX)
silent.bind("silent.sock")
silent.listen()


def stop(waiting):
    connection, _ = silent.accept()
    while sys._current_frames()[waiting].f_code.co_name != "readinto":
        time.sleep(0.001)
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    threading.Event().wait()


threading.Thread(target=stop, args=(threading.get_ident(),), daemon=True).start()
sys.argv[1:] = ["images"]
main()
"""
"""Another thread gets the signal, so that it interrupts the main thread's system call as little as one before it."""

ENDS = """
import signal, sys
from orchestrator.cli import main

sys.argv[1:] = ["--version"]
main()
signal.setitimer(signal.ITIMER_REAL, 1e-5, 1e-5)  # seconds: many ticks while Python ends
"""


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of ours in that folder, with an engine that accepts connections and never answers."""
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "DOCKER_HOST": f"unix://{folder}/silent.sock"}
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_signal_just_before_a_system_call_stops_too(tmp_path: Path) -> None:
    """The call would wait for two minutes."""
    tmp_path.joinpath("config.yaml").write_text("")
    ended = run(LATE, tmp_path)
    assert (ended.returncode, ended.stderr.strip()) == (130, "wheelproof: stopped")


def test_the_ticks_do_not_outlive_python(tmp_path: Path) -> None:
    """By default SIGALRM kills."""
    assert [run(ENDS, tmp_path).returncode for _ in range(3)] == [0, 0, 0]
