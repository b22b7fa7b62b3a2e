"""The server: who is answered and who is refused, in one line each, and that it lives on."""

import http.client
import json
import subprocess
import sys
import threading

import pytest
from support.tiny import tiny_bert

from numpy_bert.lab.server import MAX_BODY, MAX_REQUESTS, Server
from numpy_bert.lab.session import Session

QUESTION = {"text": "I liked this movie.", "pair": None, "task": None, "target": None}
NOTHING = {"heads": [], "attention": [], "feed_forward": [], "gelu": None, "layer_norm_eps": None, "hidden_tokens": []}


@pytest.fixture(scope="module")
def server():
    with Server(Session(tiny_bert())) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def request(server, method, path, body=None, headers=(), token=None):
    """-> status, content type, body as text"""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    try:
        address = f"/{server.token if token is None else token}/{path}"
        connection.request(method, address, body, dict(headers))
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read().decode()
    finally:
        connection.close()


def ask(server, name, body, **headers):
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    status, _, text = request(server, "POST", f"api/{name}", data, {"Content-Type": "application/json", **headers})
    return status, json.loads(text) if text.startswith("{") else text


def alive(server):
    status, answer = ask(server, "look", {"question": QUESTION, "changes": NOTHING})
    return status == 200 and answer["tokens"][0] == "[CLS]"


def test_the_page_and_every_question(server):
    status, kind, text = request(server, "GET", "")
    assert (status, kind) == (200, "text/html; charset=utf-8")
    assert "<title>BERT lab</title>" in text
    status, answer = ask(server, "look", {"question": QUESTION, "changes": NOTHING})
    assert status == 200
    assert request(server, "GET", answer["page"])[0] == 200
    T = len(answer["tokens"])
    for name, body in {
        "effects": {"question": QUESTION, "changes": NOTHING},
        "patch": {"question": QUESTION, "source": "a plot was bad.", "changes": NOTHING},
        "attention": {"question": QUESTION, "layer": 1, "changes": NOTHING},
        "row": {"question": QUESTION, "layer": 0, "head": 0, "token": 1, "row": [0] * T, "changes": NOTHING},
        "step": {"question": QUESTION, "learning_rate": 0.01},
        "undo": {},
        "break": {"exercise": 1},
    }.items():
        assert ask(server, name, body)[0] == 200, name


REFUSED = {
    "another host": ({"Host": "example.org"}, None, 403, "Host: expected 127.0.0.1"),
    "a name that resolves to here": ({"Host": "evil.test:80"}, None, 403, "Host: expected"),
    "another origin": ({"Origin": "https://example.org"}, None, 403, "Origin: expected"),
    "a null origin": ({"Origin": "null"}, None, 403, "Origin: expected"),
    "no token": ({}, "", 403, "token: expected"),
    "another token": ({}, "a" * 32, 403, "token: expected"),
    "a token that is not ASCII": ({}, "%C3%A4", 403, "token: expected"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_strangers_are_refused_in_one_line(server, name):
    headers, token, status, reason = REFUSED[name]
    for method in ("GET", "POST"):
        got, kind, text = request(server, method, "", None, headers, token)
        assert got == status
        assert kind.startswith("text/plain")
        assert text.startswith(reason)
        assert text.count("\n") == 1
    assert alive(server)


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "..%2f..%2fetc/passwd", "explorer/../../x", "explorer/-1", "explorer/" + "9" * 50,
             "lab.js", "static/lab.js", "api/look", "%00", "\\..\\x"],
)  # fmt: skip
def test_no_file_can_be_read(server, path):
    status, _, text = request(server, "GET", path)
    assert status in (400, 404)
    assert text.count("\n") <= 1
    assert "root:" not in text


@pytest.mark.parametrize(
    ("name", "body", "status", "reason"),
    [
        ("look", {"question": QUESTION}, 400, "request: expected an object with question, changes"),
        ("look", b"{", 400, "request"),
        ("look", b"[" * 5000, 400, "request"),
        ("look", b'{"a": NaN}', 400, "request"),
        ("look", {"question": {**QUESTION, "text": 5}, "changes": NOTHING}, 400, "text: expected a string"),
        ("look", {"question": {**QUESTION, "text": ""}, "changes": NOTHING}, 400, "text: expected at least one word"),
        ("look", {"question": QUESTION, "changes": {**NOTHING, "heads": [[0]]}}, 400, "heads: expected pairs"),
        ("look", {"question": QUESTION, "changes": {**NOTHING, "gelu": "exec"}}, 400, "gelu: expected"),
        (
            "attention",
            {"question": QUESTION, "layer": 10**9, "changes": NOTHING},
            400,
            "layer: expected an integer from 0 to 1",
        ),
        (
            "row",
            {"question": QUESTION, "layer": 0, "head": 0, "token": 0, "row": ["x"], "changes": NOTHING},
            400,
            "row: expected a list",
        ),
        ("step", {"question": QUESTION, "learning_rate": -1}, 400, "learning_rate: expected a finite number > 0"),
        ("patch", {"question": QUESTION, "source": "bad", "changes": NOTHING}, 400, "source: expected as many tokens"),
        ("break", {"exercise": 0}, 400, "exercise: expected an integer from 1"),
        ("nothing", {}, 404, "path: expected"),
    ],
)
def test_bad_questions_get_one_line(server, name, body, status, reason):
    got, answer = ask(server, name, body)
    text = answer["error"] if isinstance(answer, dict) else answer
    assert got == status
    assert text.startswith(reason)
    assert text.strip().count("\n") == 0
    assert alive(server)


def test_a_large_body_is_refused_unread(server):
    status, answer = ask(server, "look", b"{}", **{"Content-Length": str(10 << 20)})
    assert status == 413
    assert answer == f"body: expected at most {MAX_BODY} bytes, got more\n"
    assert ask(server, "look", b"", **{"Content-Length": "abc"})[0] == 411
    assert alive(server)


def test_other_content_and_other_methods(server):
    assert request(server, "POST", "api/look", "{}", {"Content-Type": "text/plain"})[0] == 415
    for method in ("PUT", "DELETE", "OPTIONS", "HEAD"):
        status, _, text = request(server, method, "")
        assert status == 501
        assert text.count("\n") <= 1
    assert alive(server)


MANY = 1000
# In a process of its own, which may open as many connections: all send before the first reads.
CLIENT = f"""
import http.client, json, socket, sys
port, token, body = int(sys.argv[1]), sys.argv[2], sys.argv[3].encode()
lines = ["POST /" + token + "/api/look HTTP/1.1", "Host: 127.0.0.1:" + str(port), "Content-Type: application/json"]
lines += ["Content-Length: " + str(len(body)), "Connection: close", "", ""]
request = "\\r\\n".join(lines).encode() + body
connections = []
for _ in range({MANY}):
    connections.append(socket.create_connection(("127.0.0.1", port), timeout=60))
    connections[-1].sendall(request)
for connection in connections:
    response = http.client.HTTPResponse(connection)
    response.begin()
    print(json.dumps([response.status, response.read().decode()]))
    connection.close()
"""


def test_a_thousand_requests_at_once(server):
    body = json.dumps({"question": QUESTION, "changes": NOTHING})
    command = [sys.executable, "-c", CLIENT, str(server.server_port), server.token, body]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == MANY
    assert {status for status, _ in answers} == {200, 503}
    assert {text for status, text in answers if status == 503} == {f"busy: {MAX_REQUESTS} requests are under way\n"}
    assert all(json.loads(text)["tokens"][0] == "[CLS]" for status, text in answers if status == 200)
    assert alive(server)


def test_it_listens_on_the_loopback_address_alone(server):
    assert server.server_address[0] == "127.0.0.1"
    assert len(server.token) >= 32
    with Server(Session(tiny_bert())) as other:
        assert other.token != server.token
