#!/usr/bin/env python3
"""A hub for tests: speaks what huggingface_hub and Corbel ask, and fails on command.

usage: hub.py [--token TOKEN] [--page N] [--cert FILE] ID@REVISION=FOLDER ...

Two servers on this machine: the hub, and the storage that it redirects to for large files (those
called *.safetensors or *.bin). The first line of stdout is {"hub": URL, "storage": URL,
"commits": {"ID@REVISION": COMMIT}}. Then every line of stdin is an order, answered by a line:

    {"do": "fault", "kind": KIND, ...}   see class Fault; {"times": N} counts down, 0 is for ever
    {"do": "clear"}                      no faults, an empty log
    {"do": "log"}                        [{server, method, path, headers, sent}, ...]
    {"do": "private", "repo": ID}        only with the token
    {"do": "rename", "old": ID, "new": ID}
    {"do": "point", "repo": ID, "revision": R, "commit": C}

Only the standard library. It serves tests: it is neither fast nor careful."""

import argparse
import hashlib
import http.server
import json
import os
import re
import ssl
import sys
import threading
import time
import urllib.parse

LARGE = (".safetensors", ".bin")


class File:
    def __init__(self, path, data):
        self.path, self.data = path, data
        self.large = path.endswith(LARGE)
        self.sha256 = hashlib.sha256(data).hexdigest()
        kept = data
        if self.large:
            kept = (f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\n"
                    f"size {len(data)}\n").encode()
            self.pointer_size = len(kept)
        self.oid = hashlib.sha1(b"blob %d\0" % len(kept) + kept).hexdigest()
        self.etag = self.sha256 if self.large else self.oid

    def entry(self):
        e = {"type": "file", "oid": self.oid, "size": len(self.data), "path": self.path}
        if self.large:
            e["lfs"] = {"oid": self.sha256, "size": len(self.data),
                        "pointerSize": self.pointer_size}
        return e


class Repos:
    """What there is: refs[id][revision] = commit, commits[id][commit] = {path: File}."""

    def __init__(self, specs):
        self.refs, self.commits, self.blobs = {}, {}, {}
        self.private, self.renamed = set(), {}
        for spec in specs:
            name, folder = spec.split("=", 1)
            repo, revision = name.split("@", 1)
            files = self.read(folder)
            commit = hashlib.sha1(repr([(f.path, f.etag) for f in files.values()]).encode())
            commit = commit.hexdigest()
            self.refs.setdefault(repo, {})[revision] = commit
            self.commits.setdefault(repo, {})[commit] = files

    def read(self, folder):
        files = {}
        for base, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                full = os.path.join(base, name)
                with open(full, "rb") as f:
                    file = File(os.path.relpath(full, folder), f.read())
                files[file.path] = file
                self.blobs[file.sha256] = file
        return files

    def commit(self, repo, revision):
        known = self.refs.get(repo, {})
        if revision in known:
            return known[revision]
        found = [c for c in self.commits.get(repo, {})
                 if len(revision) >= 7 and c.startswith(revision)]
        return found[0] if len(found) == 1 else None


class Fault:
    """where: "api", "resolve", "storage" or "any"; match: must occur in the path (a regex).

    kinds: status (code, headers), drop, stall (seconds), redirect (to, code), loop, commit, etag,
    json (text), headers (n); of a body: cut (after), slow (chunk, seconds), shorter, longer, flip
    (at), bad_range, ignore_range, endless, no_length."""

    def __init__(self, order):
        self.kind, self.where = order["kind"], order.get("where", "any")
        self.match, self.left = re.compile(order.get("match", "")), order.get("times", 0)
        self.endless, self.order = self.left == 0, order

    def applies(self, where, path):
        if self.where not in ("any", where) or not self.match.search(path):
            return False
        if not self.endless:
            if self.left == 0:
                return False
            self.left -= 1
        return True


class State:
    def __init__(self, repos, token, page):
        self.repos, self.token, self.page = repos, token, page
        self.faults, self.log, self.lock = [], [], threading.Lock()
        self.hub = self.storage = None

    def fault(self, where, path):
        with self.lock:
            for f in self.faults:
                if f.applies(where, path):
                    return f
        return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60
    disable_nagle_algorithm = True  # head and body are two writes

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(False)

    def do_GET(self):
        self.answer(True)

    def answer(self, with_body):
        self.with_body = with_body
        self.record = {"server": self.server.role, "method": self.command, "path": self.path,
                       "headers": {k.lower(): v for k, v in self.headers.items()}, "sent": 0}
        with self.server.state.lock:
            self.server.state.log.append(self.record)
        try:
            if self.server.role == "storage":
                self.storage()
            else:
                self.hub()
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError, TimeoutError):
            self.close_connection = True

    # ---- answers

    def send(self, code, body=b"", headers=None):
        self.send_response(code)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.with_body:
            self.wfile.write(body)

    def send_json(self, value, headers=None):
        self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json",
                                                    **(headers or {})})

    def fail(self, code, error, message):
        self.send(code, json.dumps({"error": message}).encode(),
                  {"X-Error-Code": error, "X-Error-Message": message,
                   "Content-Type": "application/json"})

    def early(self, fault):
        """Faults in place of an answer; True if one was given."""
        if not fault:
            return False
        kind, order = fault.kind, fault.order
        if kind == "status":
            self.send(order["code"], b"no", order.get("headers"))
        elif kind == "drop":
            self.close_connection = True
            self.connection.close()
        elif kind == "redirect":
            self.send(order.get("code", 302), b"", {"Location": order["to"]})
        elif kind == "loop":
            self.send(302, b"", {"Location": self.path})
        elif kind == "json":
            self.send(200, order["text"].encode())
        elif kind == "headers":
            self.send(200, b"{}", {f"X-Header-{i}": "x" * 100 for i in range(order["n"])})
        elif kind == "stall":
            time.sleep(order["seconds"])
            return False
        else:
            return False
        return True

    # ---- the hub

    def hub(self):
        state, url = self.server.state, urllib.parse.urlsplit(self.path)
        path = url.path
        if (m := re.fullmatch(r"/api/models/([^/]+/[^/]+|[^/]+)/revision/([^/]+)", path)):
            where, rest = "api", ("revision", urllib.parse.unquote(m[2]))
        elif (m := re.fullmatch(r"/api/models/([^/]+/[^/]+|[^/]+)/tree/([^/]+)/?", path)):
            where, rest = "api", ("tree", urllib.parse.unquote(m[2]))
        elif (m := re.fullmatch(r"/([^/]+/[^/]+|[^/]+)/resolve/([^/]+)/(.+)", path)):
            where = "resolve"
            rest = ("file", urllib.parse.unquote(m[2]), urllib.parse.unquote(m[3]))
        elif (m := re.fullmatch(r"/api/models/([^/]+/[^/]+|[^/]+)", path)):
            where, rest = "api", ("revision", "main")
        else:
            return self.send(404)
        repo = m[1]
        fault = state.fault(where, self.path)
        if self.early(fault):
            return None
        if repo in state.repos.renamed:
            new = state.repos.renamed[repo]
            return self.send(307, b"", {"Location": self.path.replace(repo, new, 1)})
        if repo in state.repos.private and \
                self.headers.get("Authorization") != f"Bearer {state.token}":
            return self.fail(401, "RepoNotFound", "Invalid username or password.")
        if repo not in state.repos.refs:
            return self.fail(404 if "Authorization" in self.headers else 401, "RepoNotFound",
                             "Repository not found")
        commit = state.repos.commit(repo, rest[1])
        if not commit:
            return self.fail(404, "RevisionNotFound", "Invalid rev id")
        files = state.repos.commits[repo].get(commit, {})
        if rest[0] == "revision":
            return self.revision(repo, commit, files, fault)
        if rest[0] == "tree":
            return self.tree(repo, commit, files, url.query, fault)
        return self.resolve(commit, files.get(rest[2]), fault)

    def revision(self, repo, commit, files, fault):
        if fault and fault.kind == "commit":
            commit = "f" * 40
        self.send_json({"_id": "0", "id": repo, "modelId": repo, "sha": commit, "private": False,
                        "gated": False, "disabled": False, "tags": [], "downloads": 0, "likes": 0,
                        "siblings": [{"rfilename": p} for p in files]},
                       {"X-Repo-Commit": commit})

    def tree(self, repo, commit, files, query, fault):
        state = self.server.state
        start = int(urllib.parse.parse_qs(query).get("cursor", ["0"])[0])
        entries = [f.entry() for f in files.values()]
        folders = {os.path.dirname(p) for p in files} - {""}
        entries += [{"type": "directory", "oid": "0" * 40, "size": 0, "path": p} for p in folders]
        headers = {}
        if start + state.page < len(entries):
            base = fault.order["to"] if fault and fault.kind == "page" else state.hub
            headers["Link"] = (f'<{base}/api/models/{repo}/tree/{commit}?recursive=true&'
                               f'expand=false&cursor={start + state.page}>; rel="next"')
        page = entries[start:start + state.page]
        if fault and fault.kind == "entry":
            page.append(fault.order["entry"])
        self.send_json(page, headers)

    def resolve(self, commit, file, fault):
        if not file:
            return self.fail(404, "EntryNotFound", "Entry not found")
        if fault and fault.kind == "commit":
            commit = "e" * 40
        headers = {"X-Repo-Commit": commit, "ETag": f'"{file.etag}"'}
        if fault and fault.kind == "etag":
            headers["ETag"] = '"' + "a" * len(file.etag) + '"'
        if not file.large:
            return self.body(file, headers, fault)
        headers["X-Linked-Etag"], headers["X-Linked-Size"] = headers["ETag"], str(len(file.data))
        headers["Location"] = f"{self.server.state.storage}/blob/{file.sha256}?signature=secret"
        return self.send(302, b"Found", headers)

    # ---- the storage

    def storage(self):
        state = self.server.state
        fault = state.fault("storage", self.path)
        if self.early(fault):
            return None
        file = state.repos.blobs.get(urllib.parse.urlsplit(self.path).path.rsplit("/", 1)[-1])
        if not file:
            return self.send(404)
        return self.body(file, {"ETag": '"storage"', "X-Repo-Commit": "d" * 40,
                                "X-Linked-Etag": '"' + "b" * 64 + '"'}, fault)

    # ---- bytes

    def body(self, file, headers, fault):
        kind, order = (fault.kind, fault.order) if fault else (None, {})
        data, first, code = file.data, 0, 200
        m = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if m and kind != "ignore_range":
            first = int(m[1])
            last = int(m[2]) if m[2] else len(data) - 1
            if first >= len(data):
                return self.send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            code = 206
            shown = first + 1 if kind == "bad_range" else first
            headers["Content-Range"] = f"bytes {shown}-{last}/{len(data)}"
            data = data[first:last + 1]
        if kind == "flip":
            at = order.get("at", 0)
            data = data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]
        length = len(data) + {"shorter": -10, "longer": 10}.get(kind, 0)
        if kind == "longer":
            data += b"0123456789"
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Accept-Ranges", "bytes")
        if kind in ("endless", "no_length"):
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if not self.with_body:
            return None
        if kind == "cut":
            self.write(data[:order["after"]])
            self.close_connection = True
            self.connection.close()
        elif kind == "slow":
            for i in range(0, len(data), order["chunk"]):
                self.write(data[i:i + order["chunk"]])
                time.sleep(order["seconds"])
        elif kind == "endless":
            self.write(data)
            while self.record["sent"] < 1 << 30:
                self.write(b"\0" * 65536)
        else:
            self.write(data[:length])
        return None

    def write(self, data):
        for i in range(0, len(data), 65536):
            piece = data[i:i + 65536]
            self.wfile.write(piece)
            self.record["sent"] += len(piece)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, role, state, context):
        super().__init__(("127.0.0.1", 0), Handler)
        self.role, self.state = role, state
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True,
                                              do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass


def obey(state, order):
    do = order["do"]
    with state.lock:
        if do == "fault":
            state.faults.append(Fault(order))
        elif do == "clear":
            state.faults, state.log = [], []
        elif do == "log":
            return list(state.log)
        elif do == "private":
            state.repos.private.add(order["repo"])
        elif do == "rename":
            state.repos.renamed[order["old"]] = order["new"]
        elif do == "point":
            state.repos.refs[order["repo"]][order["revision"]] = order["commit"]
        else:
            return "no such order"
    return "ok"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--token", default="")
    parser.add_argument("--page", type=int, default=1000)
    parser.add_argument("--cert", help="PEM of a certificate and its key: the hub is then https")
    parser.add_argument("repos", nargs="+")
    options = parser.parse_args()
    state = State(Repos(options.repos), options.token, options.page)
    context = None
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert)
    hub, storage = Server("hub", state, context), Server("storage", state, None)
    state.hub = f"{'https' if context else 'http'}://127.0.0.1:{hub.server_port}"
    state.storage = f"http://127.0.0.1:{storage.server_port}"
    commits = {f"{r}@{v}": c for r, refs in state.repos.refs.items() for v, c in refs.items()}
    print(json.dumps({"hub": state.hub, "storage": state.storage, "commits": commits}), flush=True)
    for line in sys.stdin:
        print(json.dumps(obey(state, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
