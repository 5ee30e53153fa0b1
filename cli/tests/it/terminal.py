"""Runs a command in a pseudo terminal and plays a dialogue with it.

Reads one JSON step a line from standard input and answers each with one JSON line:
{"send": text} types; {"expect": pattern, "seconds": n} waits for output; {"end": n} waits for the exit code.
"""
import fcntl, json, os, pty, re, select, struct, sys, termios, time

COLUMNS, LINES = 80, 24
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[=>]")

pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execvp(sys.argv[1], sys.argv[1:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
seen = ""


def read(seconds):
    global seen
    ready, _, _ = select.select([terminal], [], [], seconds)
    if not ready:
        return True
    try:
        data = os.read(terminal, 65536)
    except OSError:
        return False
    seen += data.decode("utf-8", "replace")
    return bool(data)


def expect(pattern, seconds):
    global seen
    until = time.monotonic() + seconds
    while True:
        text = ESCAPES.sub("", seen)
        found = re.search(pattern, text)
        if found:
            seen = text[found.end():]
            return {"ok": True, "text": text[:found.end()]}
        left = until - time.monotonic()
        if left <= 0 or not read(left):
            return {"ok": False, "text": ESCAPES.sub("", seen)}


def end(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until and read(0.1):
        pass
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return {"ok": True, "code": os.waitstatus_to_exitcode(status), "text": ESCAPES.sub("", seen)}
        time.sleep(0.05)
    os.kill(pid, 9)
    return {"ok": False, "text": ESCAPES.sub("", seen)}


for line in sys.stdin:
    step = json.loads(line)
    if "send" in step:
        os.write(terminal, step["send"].encode())
        answer = {"ok": True}
    elif "expect" in step:
        answer = expect(step["expect"], step.get("seconds", 60))
    else:
        answer = end(step["end"])
    print(json.dumps(answer), flush=True)
