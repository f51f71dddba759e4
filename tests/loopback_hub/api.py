"""What the Hub answers, by method and path; `repository` has what it knows."""

from __future__ import annotations

import base64
import json
import re
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

import yaml
from web_server import Answer, Call, part_of

from .repository import Refused, Repository, is_large, pointer_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from .hub import LoopbackHub
    from .repository import Commit, File
    from .users import User

__all__ = ["answer"]

_ROUTES: list[tuple[str, re.Pattern[str], Any]] = []


def _route(method: str, pattern: str) -> Callable[[Any], Any]:
    """Register what answers; the groups of the pattern arrive unquoted."""

    def register(function: Any) -> Any:
        pattern_of_all = pattern.replace("{id}", r"(?P<id>[^/]+/[^/]+)").replace("{rev}", r"(?P<rev>[^/]+)")
        _ROUTES.append((method, re.compile(pattern_of_all), function))
        return function

    return register


def answer(hub: LoopbackHub, call: Call) -> Answer:
    """Carry out a request."""
    user = hub.users.of(call)
    method = "GET" if call.method == "HEAD" else call.method
    for wanted, pattern, function in _ROUTES:
        if wanted == method and (match := pattern.fullmatch(call.target)):
            given = {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
            return function(hub, call, user, given)
    raise Refused(404, "NotFound", f"no such address: {call.method} {call.path}")


def _json(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, {"Content-Type": "application/json", **headers}, json.dumps(value).encode())


def _sent(call: Call) -> dict[str, Any]:
    return json.loads(call.body or b"{}")


def _to_read(hub: LoopbackHub, user: User | None, given: dict[str, str]) -> Repository:
    repository = hub.repository(given["id"])
    if not repository.exists or (repository.settings["private"] and not (user and user.member)):
        raise Refused(404 if user else 401, "RepoNotFound", "Repository not found")
    return repository


def _to_write(hub: LoopbackHub, user: User | None, given: dict[str, str]) -> Repository:
    repository = _to_read(hub, user, given)
    _check_writer(user)
    return repository


def _check_writer(user: User | None) -> None:
    if user is None:
        raise Refused(401, "", "Invalid username or password.")
    if not user.writes:
        raise Refused(403, "", "You don't have the rights to write here")


# --- repositories


@_route("POST", "/api/validate-yaml")
def _validate(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    front = re.match(r"---\n(.*?)\n---", _sent(call)["content"], flags=re.DOTALL)
    try:
        metadata = yaml.safe_load(front[1]) if front else {}
    except yaml.YAMLError as error:
        return _json({"errors": [{"message": str(error)}], "warnings": []}, 400)
    if not isinstance(metadata, dict):
        return _json({"errors": [{"message": "metadata must be a mapping"}], "warnings": []}, 400)
    return _json({"errors": [], "warnings": []})


@_route("POST", "/api/repos/create")
def _create(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    _check_writer(user)
    sent = _sent(call)
    name = f"{sent.get('organization') or user.name}/{sent['name']}"
    told = {"url": f"{hub.endpoint}/datasets/{name}", "name": name, "id": name}
    if hub.repository(name).exists:
        return _json({**told, "error": "You already created this dataset repo"}, 409)
    hub.create(name, private=sent.get("visibility") == "private" or bool(sent.get("private")))
    return _json(told)


@_route("DELETE", "/api/repos/delete")
def _delete(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    sent = _sent(call)
    name = f"{sent.get('organization') or (user and user.name)}/{sent['name']}"
    hub.delete(_to_write(hub, user, {"id": name}))
    return _json({})


@_route("PUT", "/api/datasets/{id}/settings")
def _settings(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    sent = _sent(call)
    changes = {"gated": bool(sent["gated"])} if "gated" in sent else {}
    if "visibility" in sent:
        changes["private"] = sent["visibility"] == "private"
    _to_write(hub, user, given).set(**changes)
    return _json({})


@_route("GET", "/api/whoami-v2")
def _whoami(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    if user is None:
        raise Refused(401, "", "Invalid username or password.")
    return _json({"type": "user", "name": user.name, "orgs": [], "auth": {"accessToken": {"role": "write"}}})


@_route("GET", "/api/datasets/{id}(?:/revision/{rev})?")
def _info(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    repository = _to_read(hub, user, given)
    commit, settings = repository.read(given.get("rev", "main")), repository.settings
    return _json(
        {
            "id": given["id"],
            "author": given["id"].split("/")[0],
            "sha": commit.sha,
            "lastModified": commit.date,
            "createdAt": commit.date,
            "private": settings["private"],
            "gated": "auto" if settings["gated"] else False,
            "disabled": False,
            "tags": [],
            "siblings": [{"rfilename": path} for path in commit.files],
        }
    )


# --- references


@_route("GET", "/api/datasets/{id}/refs")
def _refs(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    refs = _to_read(hub, user, given).refs
    told = {
        kind: [
            {"name": name, "ref": f"refs/{place}/{name}", "targetCommit": sha}
            for name, sha in sorted(refs[kind].items())
        ]
        for kind, place in (("branches", "heads"), ("tags", "tags"))
    }
    return _json({**told, "converts": [], "pullRequests": []})


@_route("GET", "/api/datasets/{id}/commits/{rev}")
def _commits(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    told = [
        {
            "id": commit.sha,
            "title": commit.title,
            "message": commit.description,
            "date": commit.date,
            "authors": [{"user": "somebody"}],
        }
        for commit in _to_read(hub, user, given).history(given["rev"])
    ]
    return _page(hub, call, told)


@_route("POST", "/api/datasets/{id}/branch/{rev}")
def _create_branch(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    repository = _to_write(hub, user, given)
    commit = repository.read(_sent(call).get("startingPoint", "main"))
    return _new_ref(repository, "branches", given["rev"], commit)


@_route("POST", "/api/datasets/{id}/tag/{rev}")
def _create_tag(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    repository = _to_write(hub, user, given)
    return _new_ref(repository, "tags", _sent(call)["tag"], repository.read(given["rev"]))


def _new_ref(repository: Repository, kind: str, name: str, commit: Commit) -> Answer:
    with repository.lock:
        if name in repository.refs[kind]:
            raise Refused(409, "", f"Reference already exists: {name}")
        repository.set_ref(kind, name, commit.sha)
    return _json({})


@_route("DELETE", "/api/datasets/{id}/(?P<kind>branch|tag)/{rev}")
def _delete_ref(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    repository = _to_write(hub, user, given)
    kind, name = {"branch": "branches", "tag": "tags"}[given["kind"]], given["rev"]
    if name == "main" or name not in repository.refs[kind]:
        raise Refused(404, "RevisionNotFound", f"Reference does not exist: {name}")
    repository.set_ref(kind, name, None)
    return _json({})


# --- listings


def _file(path: str, file: File) -> dict[str, Any]:
    told: dict[str, Any] = {"type": "file", "oid": file.oid, "size": file.size, "path": path}
    if file.lfs:
        told["lfs"] = {"oid": file.lfs, "size": file.size, "pointerSize": pointer_size(file)}
    return told


def _folder(path: str) -> dict[str, Any]:
    return {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}


@_route("GET", "/api/datasets/{id}/tree/{rev}(?:/(?P<path>.*))?")
def _tree(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    commit = _to_read(hub, user, given).read(given["rev"])
    folder = given.get("path", "").strip("/")
    start = f"{folder}/" if folder else ""
    asked = parse_qs(call.query)
    recursive, expand = (asked.get(name, [""])[0].lower() in {"true", "1"} for name in ("recursive", "expand"))
    entries: dict[str, dict[str, Any]] = {}
    for path, file in commit.files.items():
        if path.startswith(start):
            parts = path.removeprefix(start).split("/")
            for depth in range(1, len(parts) if recursive else min(2, len(parts))):
                parent = start + "/".join(parts[:depth])
                entries[parent] = _folder(parent)
            if recursive or len(parts) == 1:
                entries[path] = _file(path, file)
    if folder and not entries:
        raise Refused(404, "EntryNotFound", f"{folder} does not exist on {given['rev']}")
    if expand:
        last = {"id": commit.sha, "title": commit.title, "date": commit.date}
        entries = {path: {**entry, "lastCommit": last} for path, entry in entries.items()}
    return _page(hub, call, [entries[path] for path in sorted(entries)], expand=expand)


def _page(hub: LoopbackHub, call: Call, told: list[Any], *, expand: bool = False) -> Answer:
    """Some of a list, with the address of the next ones."""
    asked = parse_qs(call.query)
    start, size = int(asked.get("cursor", ["0"])[0]), max(1, hub.page // 20) if expand else hub.page
    headers = {}
    if start + size < len(told):
        query = "&".join([*(part for part in call.query.split("&") if part and not part.startswith("cursor="))])
        headers["Link"] = f'<{hub.endpoint}{call.target}?{query}&cursor={start + size}>; rel="next"'
    return _json(told[start : start + size], **headers)


@_route("POST", "/api/datasets/{id}/paths-info/{rev}")
def _paths_info(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    files = _to_read(hub, user, given).read(given["rev"]).files
    told = []
    for path in parse_qs(call.body.decode()).get("paths", []):
        if path in files:
            told.append(_file(path, files[path]))
        elif any(name.startswith(f"{path}/") for name in files):
            told.append(_folder(path))
    return _json(told)


# --- files


@_route("GET", "/datasets/{id}/resolve/{rev}/(?P<path>.+)")
def _resolve(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    repository = _to_read(hub, user, given)
    if repository.settings["gated"] and not (user and user.member):
        raise Refused(403 if user else 401, "GatedRepo", "Access to this dataset is restricted")
    commit = repository.read(given["rev"])
    if (file := commit.files.get(given["path"])) is None:
        raise Refused(404, "EntryNotFound", "Entry not found", **{"X-Repo-Commit": commit.sha})
    headers = {"X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes", "X-Linked-Etag": f'"{file.etag}"'}
    headers["X-Linked-Size"] = str(file.size)
    if file.lfs:
        headers["Location"] = hub.storage.signed("GET", given["id"], file.lfs)
        return Answer(302, headers, b"over there")
    headers["ETag"] = f'"{file.oid}"'
    return part_of(repository.bytes_of(file), call.span if hub.ranges else "", **headers)


# --- uploads


@_route("POST", "/api/datasets/{id}/preupload/{rev}")
def _preupload(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    repository = _to_write(hub, user, given)
    files = repository.read(given["rev"]).files
    ignored = repository.bytes_of(files[".gitignore"]).decode().split() if ".gitignore" in files else []
    told = []
    for sent in _sent(call)["files"]:
        path = sent["path"]
        large = is_large(path, sent["size"], base64.b64decode(sent["sample"]))
        known = {"oid": files[path].etag} if path in files else {}
        told.append(
            {
                "path": path,
                "uploadMode": "lfs" if large else "regular",
                "shouldIgnore": any(fnmatch(path, pattern) for pattern in ignored),
            }
            | known
        )
    return _json({"files": told})


@_route("POST", r"/datasets/{id}\.git/info/lfs/objects/batch")
def _batch(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    repository = _to_write(hub, user, given)
    told = []
    for sent in _sent(call)["objects"]:
        oid, size = sent["oid"], sent["size"]
        entry = {"oid": oid, "size": size, "authenticated": True}
        if not repository.lfs_path(oid).exists():
            entry["actions"] = {
                "upload": {"href": hub.storage.signed("PUT", given["id"], oid)},
                "verify": {"href": f"{hub.endpoint}/datasets/{given['id']}.git/info/lfs/objects/verify"},
            }
        told.append(entry)
    return _json({"transfer": "basic", "objects": told})


@_route("POST", r"/datasets/{id}\.git/info/lfs/objects/verify")
def _verify(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    path, sent = _to_write(hub, user, given).lfs_path(_sent(call)["oid"]), _sent(call)
    if not path.exists() or path.stat().st_size != sent["size"]:
        raise Refused(404, "", "the object was not uploaded whole")
    return _json({})


@_route("POST", "/api/datasets/{id}/commit/{rev}")
def _commit(hub: LoopbackHub, call: Call, user: User | None, given: dict[str, str]) -> Answer:
    repository = _to_write(hub, user, given)
    header, *operations = [json.loads(line) for line in call.body.splitlines() if line]
    if "create_pr" in call.query:
        raise Refused(400, "BadRequest", "this Hub has no pull requests")
    with repository.lock:
        if given["rev"] not in repository.refs["branches"]:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {given['rev']}")
        head = repository.read(given["rev"])
        wanted = header["value"].get("parentCommit")
        if wanted and not head.sha.startswith(wanted):
            raise Refused(412, "", "A commit has happened since. Please refresh and try again.")
        files = dict(head.files)
        for operation in operations:
            _apply(repository, files, operation["key"], operation["value"])
        told = header["value"]
        commit = repository.commit(
            given["rev"], files, title=told["summary"], description=told.get("description", ""), parent=head.sha
        )
    url = f"{hub.endpoint}/datasets/{given['id']}/commit/{commit.sha}"
    return _json({"success": True, "commitOid": commit.sha, "commitUrl": url, "hookOutput": ""})


def _apply(repository: Repository, files: dict[str, File], key: str, value: dict[str, Any]) -> None:
    path = value["path"]
    if key == "file":
        files[path] = repository.add_blob(base64.b64decode(value["content"]))
    elif key == "lfsFile":
        files[path] = repository.large(value["oid"])
    elif key == "deletedFile":
        if path not in files:
            raise Refused(404, "EntryNotFound", f"{path} does not exist")
        del files[path]
    elif key == "deletedFolder":
        inside = [name for name in files if name.startswith(f"{path.rstrip('/')}/")]
        if not inside:
            raise Refused(404, "EntryNotFound", f"{path} does not exist")
        for name in inside:
            del files[name]
    else:
        raise Refused(400, "BadRequest", f"unknown operation {key}")
