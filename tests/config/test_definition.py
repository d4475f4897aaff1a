"""Reading `workshop.yaml`: every problem at once, with line, plain words, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from workshop.config.definition import InvalidDefinition, LoadedDefinition, load_definition
from workshop.errors import DefinitionError
from workshop.model.classroom import Ui
from workshop.model.snapshot import Problem

MINIMUM = "title: Python basics\n"


def problems(text: str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidDefinition) as caught:
        load_definition(text)
    assert caught.value.exit_code == 2
    assert len(caught.value.details) == len(caught.value.problems)
    return caught.value.problems


def problem(text: str) -> Problem:
    (found,) = problems(text)
    return found


class TestRead:
    def test_the_shortest_definition_has_every_default(self) -> None:
        definition = load_definition(MINIMUM).definition
        assert (definition.title, definition.seats, definition.ui) == ("Python basics", 10, Ui.LAB)
        assert definition.source.repository == "."

    def test_sizes_and_spans_are_written_as_people_write_them(self) -> None:
        definition = load_definition(
            MINIMUM + "limits: {memory: 1.5 GB}\ntimes: {length: 1h30m, grace: 15}\n"
        ).definition
        assert definition.memory_bytes == 3 * 1024**3 // 2
        assert definition.times.length == timedelta(minutes=90)
        assert definition.times.grace == timedelta(minutes=15)

    def test_the_end_keeps_its_zone(self) -> None:
        definition = load_definition(MINIMUM + "times: {end: 2026-03-01T17:00:00+01:00}\n").definition
        assert definition.times.end == datetime(2026, 3, 1, 16, tzinfo=UTC)

    def test_a_source_may_be_the_repository_alone(self) -> None:
        definition = load_definition(MINIMUM + "source: https://example.org/course.git\n").definition
        assert definition.source.repository == "https://example.org/course.git"

    @pytest.mark.parametrize(
        ("written", "value"), [("0042", "0042"), ("1.10", "1.10"), ("yes", "yes"), ("true", "true"), ("1e3", "1e3")]
    )
    def test_text_that_looks_like_a_number_stays_as_it_was_written(self, written: str, value: str) -> None:
        assert load_definition(MINIMUM + f"source: {{ref: {written}}}\n").definition.source.ref == value

    @pytest.mark.parametrize("written", ["no", "off", "false", "False"])
    def test_a_yes_or_no_understands_words(self, written: str) -> None:
        assert load_definition(MINIMUM + f"access: {{join: {written}}}\n").definition.access.join is False

    def test_a_number_with_a_leading_zero_is_no_octal(self) -> None:
        assert load_definition(MINIMUM + "seats: 010\n").definition.seats == 10

    def test_a_key_with_nothing_behind_it_counts_as_not_there(self) -> None:
        definition = load_definition(MINIMUM + "seats:\naccess:\n  pin:\n").definition
        assert (definition.seats, definition.access.pin) == (10, "")

    def test_a_folder_holds_a_workshop_yaml(self, tmp_path: Path) -> None:
        (tmp_path / "workshop.yaml").write_text(MINIMUM)
        loaded = load_definition(tmp_path)
        assert loaded.path == tmp_path / "workshop.yaml"
        assert load_definition(str(tmp_path / "workshop.yaml")).definition == loaded.definition

    def test_the_marks_of_other_editors_do_no_harm(self, tmp_path: Path) -> None:
        (tmp_path / "workshop.yml").write_bytes(b"\xef\xbb\xbftitle: B\xc3\xa4ume\r\nseats: 3\r\n")
        assert load_definition(tmp_path).definition.title == "Bäume"

    def test_lines_of_keys_are_known(self) -> None:
        loaded = load_definition(MINIMUM + "limits:\n  cpus: 2\ndata:\n  - url: https://example.org/a\n    sha256: "
                                 + "a" * 64 + "\n")  # fmt: skip
        assert loaded.lines["limits.cpus"] == 3
        assert loaded.lines["data[0].url"] == 5

    def test_anchors_and_merged_keys_are_understood(self) -> None:
        text = MINIMUM + "limits: &l {cpus: 2, memory: 1 GB}\nkubernetes:\n  node_selector: &n {gpu: true}\n"
        assert load_definition(text).definition.kubernetes.node_selector == {"gpu": "true"}
        merged = load_definition("title: &t Twice\nopen: *t\n").definition
        assert merged.open == "Twice"


class TestProblems:
    def test_five_mistakes_are_told_at_once_in_the_order_of_their_lines(self) -> None:
        found = problems(
            "title: Python\nseats: ten\nui: labb\nlimits:\n  memory: 1 GBB\naccess:\n  prt: 8080\ncolour: red\n"
        )
        assert [problem.path for problem in found] == [
            "seats (line 2)",
            "ui (line 3)",
            "limits.memory (line 5)",
            "access.prt (line 7)",
            "colour (line 8)",
        ]
        assert all(problem.hint for problem in found)
        assert all("pydantic" not in problem.message and "Input should" not in problem.message for problem in found)

    @pytest.mark.parametrize(
        ("text", "path", "message", "hint"),
        [
            ("seats: 0\n", "seats (line 2)", "0 is too little: at least 1.", ""),
            ("seats: 1.5\n", "seats (line 2)", "A whole number is expected, not 1.5.", ""),
            ("seats: 90000\n", "seats (line 2)", "90000 is too much: at most 2000.", ""),
            ("ui: jupyter\n", "ui (line 2)", "`jupyter` is none of lab, notebook, vscode, rstudio, web.", ""),
            ("ui: notebok\n", "ui (line 2)", "none of", "Is it `notebook`?"),
            ("runtime: docer\n", "runtime (line 2)", "none of auto, docker", "Is it `docker`?"),
            ("source: {brnch: x}\n", "source.brnch (line 2)", "There is no key `brnch` here.", "Is it `ref`?"),
            ("memory: 1 GB\n", "memory (line 2)", "There is no key", "It belongs under `limits`, indented."),
            ("branch: main\n", "branch (line 2)", "There is no key", "It belongs under `source` as `ref`, indented."),
            ("limits: {seats: 3}\n", "limits.seats (line 2)", "There is no key", "at the left edge"),
            ("limits: 3\n", "limits (line 2)", "`limits` has keys of its own; 3 is none.", "indented by two spaces"),
            ("limits: {memory: -1}\n", "limits.memory (line 2)", "not a positive size", "Write `1 GB`"),
            ("limits: {memory: [1]}\n", "limits.memory (line 2)", "is not a size", "Write `1 GB`"),
            ("limits: {memory: 1e400}\n", "limits.memory (line 2)", "larger than any machine", "Write `1 GB`"),
            ("limits: {cpus: lots}\n", "limits.cpus (line 2)", "A number is expected, not `lots`.", ""),
            ("limits: {memory: 1}\n", "limits.memory (line 2)", "1 B is too little for a seat", "`1 GB`"),
            ("times: {length: 1:30}\n", "times.length (line 2)", "'1:30' is not a span of time.", "1h30m"),
            ("times: {length: 99999999999h}\n", "times.length (line 2)", "longer than a century", "Write `3h`"),
            ("times: {length: 0}\n", "times.length (line 2)", "longer than nothing", "90m"),
            ("times: {grace: -5m}\n", "times.grace (line 2)", "", ""),
            ("times: {end: 2026-03-01T17:00:00}\n", "times.end (line 2)", "has no time zone", "+01:00"),
            ("times: {end: tomorrow}\n", "times.end (line 2)", "`tomorrow` is not a time.", "+01:00"),
            ("access: {join: maybe}\n", "access.join (line 2)", "true or false is expected, not `maybe`.", ""),
            ("access: {port: 99999}\n", "access.port (line 2)", "at most 65535", ""),
            ("access: {public_url: example.org}\n", "access.public_url (line 2)", "starts with http", ""),
            ("access: {certificate: c.pem}\n", "access.certificate (line 2)", "`key` is not", "both"),
            ("rehearse: {notebooks: a.ipynb}\n", "rehearse.notebooks (line 2)", "A list is expected", "`- `"),
            ("open: ../x.ipynb\n", "open (line 2)", "leaves the repository", "inside"),
            ("docker: {subnet: 10.0.0.1/24}\n", "docker.subnet (line 2)", "is not a subnet", "10.91.7.0/24"),
            ("data: [{url: https://example.org/a}]\n", "data[0].sha256 (line 2)", "`sha256` is missing.", ""),
            ("data: [{url: a.csv, sha256: " + "a" * 64 + "}]\n", "data[0].url (line 2)", "is not an address", ""),
            ("data: [{url: file:///a, sha256: abc}]\n", "data[0].sha256 (line 2)", "no SHA-256", "sha256sum"),
            ("data: [https://example.org/a]\n", "data[0] (line 2)", "An entry has keys of its own", "url, sha256"),
            ("title: Again\n", "title (line 2)", "title stands here again; it is on line 1 already.", "Keep one"),
            ("seats: !!python/object:os.system 3\n", "seats (line 2)", "The tag", "Take it out"),
            ("? [a, b]\n: 3\n", "line 2", "A key must be a word.", "name: value"),
        ],
    )  # fmt: skip
    def test_each_mistake_in_its_own_words(self, text: str, path: str, message: str, hint: str) -> None:
        found = problem(MINIMUM + text)
        assert found.path == path
        assert message in found.message
        assert hint in found.hint

    @pytest.mark.parametrize(
        ("text", "path", "message", "hint"),
        [
            ("seats: 3\n", "title", "`title` is missing.", "Shown to students"),
            ("title:\nseats: 3\n", "title (line 1)", "`title` is empty.", "Shown"),
            ("title: '  '\nseats: 3\n", "title (line 1)", "`title` is empty.", "Shown"),
            (f"title: {'x' * 81}\n", "title (line 1)", "81 characters; at most 80 fit", "Shorten"),
            ("title: [a]\n", "title (line 1)", "Text is expected, not a list.", ""),
            ("\n# only a comment\n", "file", "The file is empty, or has comments alone.", "title"),
            ("- title: x\n- y\n", "file", "not a list of `name: value` lines", "title"),
            ("title:x\nseats: 3\n", "line 2", "not YAML", ""),
            ("title: Python: basics\n", "line 1", "not YAML", "Put a value with a colon in it in quotes."),
            ("limits:\n\tcpus: 1\n", "line 2", "begins with a tab", "spaces"),
            ("title: 'open\nseats: 3\n", "line 1", "never closed", "closing quote"),
            ("title: [a,\nseats: 3\n", "line 1", "never closed", "bracket"),
            ("title: a\n  seats: 3\n", "line 2", "not YAML", ""),
            ("title: &a [*a]\n", "title[0] (line 1)", "endless", "Write the value out"),
        ],
    )
    def test_what_is_wrong_with_the_whole(self, text: str, path: str, message: str, hint: str) -> None:
        found = problems(text)[0]
        assert found.path == path
        assert message in found.message
        assert hint in found.hint

    def test_a_bomb_of_aliases_ends(self) -> None:
        lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
        assert any("endless" in found.message for found in problems("\n".join(lines) + "\n"))

    def test_two_data_files_of_one_name_are_told(self) -> None:
        entry = "  - {url: https://example.org/%s/data.csv, sha256: " + "a" * 64 + "}\n"
        found = problem(MINIMUM + "data:\n" + entry % "one" + entry % "two")
        assert found.path == "data[1] (line 4)"
        assert "/data/data.csv" in found.message

    def test_doubtful_values_are_warnings_and_load(self) -> None:
        loaded = load_definition(MINIMUM + "image: {base: a, reference: b}\naccess: {tunnel: ngrok http 80}\n")
        assert isinstance(loaded, LoadedDefinition)
        assert [(problem.path, problem.level) for problem in loaded.problems] == [
            ("image.base (line 2)", "warning"),
            ("access.tunnel (line 3)", "warning"),
        ]


class TestFiles:
    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(DefinitionError, match="There is no file") as caught:
            load_definition(tmp_path / "none.yaml")
        assert "init" in caught.value.hint

    def test_a_folder_without_a_definition(self, tmp_path: Path) -> None:
        with pytest.raises(DefinitionError, match=r"no workshop\.yaml in") as caught:
            load_definition(tmp_path)
        assert str(tmp_path) in caught.value.hint

    def test_a_file_that_is_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "workshop.yaml").write_bytes(b"\xff\xfe\x00t")
        with pytest.raises(DefinitionError, match="UTF-8"):
            load_definition(tmp_path)

    def test_a_file_with_signs_that_yaml_forbids(self, tmp_path: Path) -> None:
        (tmp_path / "workshop.yaml").write_bytes(b"title: a\x00b\n")
        with pytest.raises(DefinitionError, match="UTF-8"):
            load_definition(tmp_path)

    def test_a_device_and_a_huge_file_are_not_read(self, tmp_path: Path) -> None:
        (tmp_path / "big.yaml").write_bytes(b"#" * 1_000_001)
        for path in ("/dev/zero", tmp_path / "big.yaml"):
            with pytest.raises(DefinitionError, match="no workshop definition"):
                load_definition(path)

    def test_the_message_names_the_file_and_how_many(self, tmp_path: Path) -> None:
        (tmp_path / "workshop.yaml").write_text("seats: ten\n")
        with pytest.raises(InvalidDefinition, match="has 2 problems") as caught:
            load_definition(tmp_path)
        assert str(tmp_path / "workshop.yaml") in caught.value.message
        assert any("A whole number" in line and "line 1" in line for line in caught.value.details)


TWO = "targets:\n  - {runtime: docker}\n  - {runtime: kubernetes, context: teaching, weight: 2}\n"


class TestTargets:
    def test_targets_have_weights_and_clusters_have_contexts(self) -> None:
        first, second = load_definition(MINIMUM + TWO).definition.targets
        assert (first.runtime, first.weight, first.context) == ("docker", 1, "")
        assert (second.runtime, second.weight, second.context) == ("kubernetes", 2, "teaching")

    @pytest.mark.parametrize(
        ("text", "path", "words"),
        [
            ("targets: [{runtime: docker}, {runtime: docker, weight: 2}]\n", "targets[1]", "the same as `targets[0]`"),
            ("targets: [{runtime: docker, weight: 0}]\n", "targets[0].weight", "more than 0"),
            ("targets: [{runtime: docker, weight: -1}]\n", "targets[0].weight", "more than 0"),
            ("targets: [{runtime: podman}]\n", "targets[0].runtime", "none of docker, kubernetes, process"),
            ("targets: [{runtime: docker, context: a}]\n", "targets[0].context", "is of clusters"),
            ("runtime: docker\n" + TWO, "runtime", "contradict"),
            ("kubernetes: {context: other}\n" + TWO, "kubernetes.context", "contradict"),
            ("access: {tunnel: 'cloudflared {port}'}\n" + TWO, "access.tunnel", "leads to one gateway"),
            ("access: {public_url: 'https://a.example'}\n" + TWO, "access.public_url", "leads to one gateway"),
            (
                "kubernetes: {host: a.example}\ntargets: [{runtime: kubernetes, context: a}, "
                "{runtime: kubernetes, context: b}]\n",
                "kubernetes.host",
                "cannot lead to two clusters",
            ),
        ],
    )
    def test_what_contradicts_itself_is_refused_with_its_place_and_a_way_out(
        self, text: str, path: str, words: str
    ) -> None:
        found = problem(MINIMUM + text)
        assert found.path.split(" ")[0] == path
        assert words in found.message
        assert found.hint

    def test_a_single_target_may_have_a_tunnel(self) -> None:
        text = "access: {tunnel: 'cloudflared {port}'}\ntargets: [{runtime: docker}]\n"
        assert load_definition(MINIMUM + text).definition.access.tunnel
