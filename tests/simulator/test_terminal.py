"""The terminal and its commands, read back from its text."""

from support.desktop_server import DesktopServer

from gateway.simulator.desktop.desktop import Desktop


def text(server: DesktopServer) -> list[str]:
    return server.desktop.terminal_text()


def test_a_line_is_echoed_run_and_answered(server):
    server.type("echo Hello\n")
    assert text(server)[-3:] == ["root@vm:~# echo Hello", "Hello", "root@vm:~# "]


def test_backspace_takes_back_what_was_typed_and_no_more(server):
    server.type("ab")
    for _ in range(5):
        server.desktop.key(0xFF08, down=True)
    assert text(server)[-1] == "root@vm:~# "


def test_backspace_goes_back_over_the_end_of_a_line(server):
    before = text(server)
    server.type("x" * 200)
    for _ in range(200):
        server.desktop.key(0xFF08, down=True)
    assert text(server) == before


def test_a_long_output_scrolls(server):
    server.type("seq 500\n")
    assert text(server)[-2:] == ["line 500", "root@vm:~# "]
    assert len(text(server)) < 40


def test_keys_of_the_keypad_and_of_other_scripts_arrive(server):
    for keysym in (0xFFB1, 0xFFAB, 0xFFB2, 0xE4, 0x010020AC):
        server.desktop.key(keysym, down=True)
    assert text(server)[-1] == "root@vm:~# 1+2\u00e4\u20ac"


def test_ctrl_c_and_ctrl_l_do_what_they_do_everywhere(server):
    server.type("abc")
    server.desktop.key(0xFFE3, down=True)
    server.desktop.key(ord("c"), down=True)
    assert text(server)[-2:] == ["root@vm:~# abc^C", "root@vm:~# "]
    server.desktop.key(ord("l"), down=True)
    assert text(server) == ["root@vm:~# "]


def test_what_nobody_knows_is_said(server):
    server.type("frobnicate\n\nresize big\nseq\n")
    assert "frobnicate: not known here, try help" in text(server)
    assert "resize: no such size" in text(server)


def test_every_command_of_the_help_runs(server):
    server.type("help\ndate\ncopy a b\npaste\nbell\nwipe\nresize 500x400\n")
    assert "a b" in text(server)
    assert (server.desktop.canvas.width, server.desktop.canvas.height) == (500, 400)
    server.type("clear\n")
    assert text(server) == ["root@vm:~# "]


def test_any_size_can_be_drawn():
    desktop = Desktop("vm")
    for size in ((64, 64), (64, 4096), (2000, 70), (559, 301), (560, 200), (1920, 1080)):
        assert desktop.resize(*size) == 0
        desktop.tick(0)
        desktop.pointer(10, 10, 1)
        desktop.key(ord("a"), down=True)
        assert len(desktop.rgb()) == size[0] * size[1] * 3
