"""What users and strangers give `ser fetch`, none of which needs a network."""

from bad_inputs.registry import bad_input


@bad_input("fetch: a corpus that is not known", says="did you mean 'ravdess'?", code=2)
def unknown(folder):
    return ["fetch", "ravdes", "--yes"]


@bad_input("fetch: a licence that is not accepted", says="add --yes, or --accept-licence", code=2)
def not_accepted(folder):
    return ["fetch", "ravdess"]


@bad_input("fetch: another licence accepted", says="the licence is 'CC BY-NC-SA 4.0'", code=2)
def other_licence(folder):
    return ["fetch", "ravdess", "--accept-licence", "MIT"]


@bad_input("fetch: a corpus that is given on request", says="not fetched, as")
def on_request(folder):
    return ["fetch", "savee"]


@bad_input("fetch: from a file", says="is no address that begins with https://")
def from_file(folder):
    return ["fetch", "ravdess", "--yes", "--from", "file:///etc/passwd"]


@bad_input("fetch: from an address with a line break", says="is no address that begins with https://")
def from_lines(folder):
    return ["fetch", "ravdess", "--yes", "--from", "https://example.org/a\r\nHost: evil"]


@bad_input("fetch: from a port that is none", says="is no address that begins with https://")
def from_port(folder):
    return ["fetch", "ravdess", "--yes", "--from", "https://example.org:99999999/a.zip"]


@bad_input("fetch: into a folder of something else", says="choose another with --to")
def occupied(folder):
    (folder / "mine").mkdir()
    (folder / "mine/thesis.txt").write_text("mine")
    return ["fetch", "ravdess", "--yes", "--to", "mine"]


@bad_input("fetch: into the working folder", says="is the working folder")
def working_folder(folder):
    return ["fetch", "ravdess", "--yes", "--to", "."]


@bad_input("fetch: into a circle of links", says="leads nowhere")
def circle(folder):
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    return ["fetch", "ravdess", "--yes", "--to", "a/c"]
