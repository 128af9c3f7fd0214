"""The places where audit lines go, each on the real thing: pipes, files, a full disk, a syslog socket."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.telemetry.trail import MAX_LINE, FileTrail, StreamTrail, SyslogTrail


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_a_stream_gets_whole_lines(pipe: tuple[int, int]) -> None:
    trail = StreamTrail(pipe[1])
    trail.append(b"one")
    trail.append(b"two")
    assert os.read(pipe[0], 100) == b"one\ntwo\n"


def test_a_pipe_that_nobody_reads_refuses_lines_and_holds_nobody_up(pipe: tuple[int, int]) -> None:
    trail = StreamTrail(pipe[1])
    line = b"x" * MAX_LINE
    written = 0
    with pytest.raises(BlockingIOError):  # pipes hold 64 KiB
        while written < 100:
            trail.append(line)
            written += 1
    taken = b""
    while len(taken) < written * (MAX_LINE + 1):
        taken += os.read(pipe[0], 1 << 20)
    assert taken == (line + b"\n") * written
    trail.append(b"again")
    assert os.read(pipe[0], 100) == b"again\n"


def test_a_stream_that_was_closed_refuses_lines() -> None:
    read, write = os.pipe()
    os.close(read)
    with pytest.raises(BrokenPipeError):
        StreamTrail(write).append(b"one")
    os.close(write)


def test_a_file_is_made_for_its_owner_alone_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    trail = FileTrail(path)
    assert trail.last == b""
    trail.append(b"one")
    trail.append(b"two")
    trail.close()
    assert path.stat().st_mode & 0o777 == 0o600
    again = FileTrail(path)
    assert again.last == b"two"
    again.close()


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    trail = FileTrail(tmp_path / "audit.jsonl")
    with pytest.raises(BlockingIOError):
        FileTrail(tmp_path / "audit.jsonl")
    trail.close()


def test_a_file_that_log_rotation_moved_away_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    trail = FileTrail(path)
    trail.append(b"one")
    path.rename(tmp_path / "audit.jsonl.1")
    trail.append(b"two")
    trail.close()
    assert (tmp_path / "audit.jsonl.1").read_bytes() == b"one\n"
    assert path.read_bytes() == b"two\n"


def test_a_line_that_a_crash_cut_short_is_ended_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"whole\ncut sh")
    trail = FileTrail(path)
    assert trail.last == b"whole"
    trail.append(b"next")
    trail.close()
    assert path.read_bytes() == b"whole\ncut sh\nnext\n"


def test_a_line_that_comes_after_the_end_goes_nowhere(tmp_path: Path) -> None:
    trail = FileTrail(tmp_path / "audit.jsonl")
    trail.append(b"stop")
    trail.close()
    with (tmp_path / "other").open("wb") as other:  # it has the descriptor's number now
        with pytest.raises(OSError, match="Bad file descriptor"):
            trail.append(b"late")
        other.flush()
    assert (tmp_path / "other").read_bytes() == b""


def test_a_full_disk_refuses_lines() -> None:
    trail = FileTrail(Path("/dev/full"))
    with pytest.raises(OSError, match="No space left"):
        trail.append(b"one")
    trail.close()


def test_syslog_gets_each_line_with_facility_and_program(tmp_path: Path) -> None:
    address = str(tmp_path / "log")
    with _syslog(address) as log:
        trail = SyslogTrail(address)
        trail.append(b'{"seq":1}')
        assert log.recv(1000) == b'<86>vnc-gateway[%d]: {"seq":1}' % os.getpid()
    os.unlink(address)
    with pytest.raises(OSError):
        trail.append(b"lost")
    with _syslog(address) as log:  # syslog has begun anew
        trail.append(b"again")
        assert log.recv(1000).endswith(b": again")
    trail.close()


def test_a_syslog_that_takes_nothing_holds_nobody_up(tmp_path: Path) -> None:
    address = str(tmp_path / "log")
    with _syslog(address):
        trail = SyslogTrail(address)
        with pytest.raises(BlockingIOError):
            for _ in range(10_000):
                trail.append(b"x" * MAX_LINE)
        trail.close()


def _syslog(address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(address)
    listener.settimeout(10)
    return listener
