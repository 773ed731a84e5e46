"""The page: who gets it, what it may do, and that what it is made of is kept."""

import re
from pathlib import Path

import pytest

from tests.fixtures.client import JSON, KEPT
from tests.fixtures.service import Service

FOLDER = Path(__file__).parents[3] / "messaging" / "page"
FILES = sorted(FOLDER.iterdir())

#: What these send with an address that a person types.
BROWSERS = {
    "Chromium": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Firefox": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Safari": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "lynx": "text/html, text/plain, text/sgml, text/css, application/xhtml+xml, */*;q=0.01",
}
HTML = {"Accept": BROWSERS["Firefox"]}

#: What programs send, and a browser's script that asks for JSON.
PROGRAMS = {"curl": "*/*", "wget": "*/*", "nothing": "", "JSON": "application/json, text/html;q=0.5"}

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


@pytest.mark.parametrize("accept", BROWSERS.values(), ids=BROWSERS)
def test_a_browser_gets_the_page(service: Service, accept: str) -> None:
    answer = service.public.get("/", {"Accept": accept})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Vary"] == "Accept"
    assert answer.body.startswith(b"<!doctype html>")


@pytest.mark.parametrize("accept", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_gets_a_line(service: Service, accept: str) -> None:
    answer = service.public.get("/", {"Accept": accept} if accept else {})
    assert answer.status == 200
    assert answer.headers["Content-Type"] != "text/html; charset=utf-8"
    assert b"one curl, one e-mail" in answer.body


def test_a_browser_that_asks_for_something_gets_that(service: Service) -> None:
    assert service.public.get("/?sendmail=me@example.com", HTML).text.startswith("accepted for me@example.com")
    assert service.public.get("/?talktome", HTML).text.startswith("logged ")
    assert service.public.get("/?sendmali=me@example.com", HTML).status == 400
    assert service.public.get("/action", HTML).text.startswith("Messaging: ")


def test_a_look_at_the_page_s_head_is_answered_as_the_page(service: Service) -> None:
    answer = service.public.request("HEAD", "/", headers=HTML)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert service.public.request("HEAD", "/").headers["Content-Type"] == "text/plain; charset=utf-8"


def test_who_has_the_page_already_is_told_so(service: Service) -> None:
    headers = {**HTML, "X-Request-ID": "the-same-one"}
    answer = service.public.get("/", headers)
    again = service.public.get("/", {**headers, "If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    assert (again.headers["Cache-Control"], again.headers["Vary"]) == ("no-cache", "Accept")
    of_content = {"Content-Type", "Content-Length"}
    assert set(answer.headers.items()) - set(again.headers.items()) == {(n, answer.headers[n]) for n in of_content}
    assert set(again.headers.items()) <= set(answer.headers.items())


def test_the_page_may_do_nothing_but_run_its_own_files_and_ask_this_service(service: Service) -> None:
    policy = service.public.get("/", HTML).headers["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert {rules[name] for name in ("script-src", "style-src", "connect-src")} == {"'self'"}
    assert {rules[name] for name in ("base-uri", "form-action", "frame-ancestors")} == {"'none'"}
    # A mail that is shown could have its pictures send mails: `/?sendmail=` is at this address.
    assert rules["img-src"] == "data:"
    assert "unsafe" not in policy


def test_html_is_read_in_one_place_alone_by_the_one_policy_that_is_allowed(service: Service) -> None:
    allowed = "require-trusted-types-for 'script'; trusted-types frame"
    assert service.public.get("/", HTML).headers["Content-Security-Policy"].endswith(allowed)
    made = {file.name: re.findall(r'createPolicy\("(\w+)"', file.read_text()) for file in FOLDER.glob("*.js")}
    assert {name: names for name, names in made.items() if names} == {"frame.js": ["frame"]}


def test_every_file_that_the_page_names_is_served_and_kept(service: Service) -> None:
    names = re.findall(r'(?:href|src)="(/page/[^"]+)"', service.public.get("/", HTML).body.decode())
    assert len(names) == 4
    for name in names:
        answer = service.public.get(name)
        assert (answer.status, answer.headers["Cache-Control"]) == (200, KEPT)
        assert answer.body == (FOLDER / name.rpartition("/")[2]).read_bytes()


def test_every_module_that_another_one_names_is_there() -> None:
    imported = {name for file in FOLDER.glob("*.js") for name in re.findall(r'from "\./(.+?)"', file.read_text())}
    assert imported | {"app.js"} == {file.name for file in FOLDER.glob("*.js")}


def test_what_the_page_is_not_made_of_is_not_there(service: Service) -> None:
    folder = re.search(rb"/page/[^/]+/", service.public.get("/", HTML).body)
    assert folder
    for name in ("index.html", "nothing.js", "..%2F__init__.py", "%2e%2e"):
        assert service.public.get(f"{folder[0].decode()}{name}").status == 404
    assert service.public.get("/page/0/app.js", JSON).status == 404


@each_file
def test_a_file_has_one_topic_and_says_which(file: Path) -> None:
    lines = file.read_text().splitlines()
    if file.suffix == ".js":
        assert re.fullmatch(r"// .+\.", lines[0])
    if file.suffix == ".css":
        assert re.fullmatch(r"/\* .+\. \*/", lines[0])
    assert len(lines) < 210


@each_file
def test_a_file_refers_to_nothing_elsewhere_and_holds_nothing_inline(file: Path) -> None:
    text = file.read_text().replace("http://www.w3.org/2000/svg", "")
    assert "//" not in re.sub(r"^ *(// .*|//)$|;? // .*$", "", text, flags=re.MULTILINE)
    if file.suffix == ".html":
        assert not re.search(r"<script(?! type=\"module\" src=)|<style|\s(on\w+|style)=", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
