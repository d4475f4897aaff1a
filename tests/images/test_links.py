"""Every form in which an instructor may name a repository."""

from __future__ import annotations

import pytest

from workshop.errors import SourceError
from workshop.images.links import Content, Link, parse_link, redact

GH = "https://github.com/numpy/tutorials"

PLAIN = [
    (".", Link(".")),
    ("/home/me/course", Link("/home/me/course")),
    ("~/course", Link("~/course")),
    ("../course", Link("../course")),
    ("file:///srv/git/course.git", Link("file:///srv/git/course.git")),
    ("https://git.example.org/team/course.git", Link("https://git.example.org/team/course.git")),
    ("ssh://git@git.example.org:2222/team/course.git", Link("ssh://git@git.example.org:2222/team/course.git")),
    ("git@github.com:team/course.git", Link("git@github.com:team/course.git")),
    ("github.com/numpy/tutorials", Link(GH)),
    ("www.github.com/numpy/tutorials", Link(GH)),
    ("git+https://git.example.org/c.git@v1#subdirectory=day1",
     Link("https://git.example.org/c.git", ref="v1", folder="day1")),
    ("https://user:secret@git.example.org/c.git", Link("https://user:secret@git.example.org/c.git")),
]  # fmt: skip

WEB = [
    (GH, Link(GH)),
    (GH + ".git", Link(GH)),
    (GH + "/", Link(GH)),
    (GH + "?tab=readme-ov-file#readme", Link(GH)),
    (GH + "/tree/main", Link(GH, ref="main")),
    (GH + "/tree/main/content/day%201", Link(GH, ref="main", folder="content/day 1")),
    (GH + "/blob/v1.2/content/a.ipynb", Link(GH, ref="v1.2", open_path="content/a.ipynb")),
    (GH + "/commit/0123abc", Link(GH, ref="0123abc")),
    (GH + "/releases/tag/v2.0", Link(GH, ref="v2.0")),
    (GH + "/pull/12/files", Link(GH, ref="refs/pull/12/head")),
    (GH + "/issues", Link(GH)),
    ("https://raw.githubusercontent.com/numpy/tutorials/main/a/b.ipynb", Link(GH, ref="main", open_path="a/b.ipynb")),
    ("https://raw.githubusercontent.com/numpy/tutorials/refs/heads/main/b.ipynb",
     Link(GH, ref="main", open_path="b.ipynb")),
    ("https://nbviewer.org/github/numpy/tutorials/blob/main/a.ipynb", Link(GH, ref="main", open_path="a.ipynb")),
    ("https://colab.research.google.com/github/numpy/tutorials/blob/main/a.ipynb",
     Link(GH, ref="main", open_path="a.ipynb")),
    ("https://gitlab.com/group/sub/course", Link("https://gitlab.com/group/sub/course.git")),
    ("https://gitlab.com/group/course/-/tree/dev/day1", Link("https://gitlab.com/group/course.git", "dev", "day1")),
    ("https://git.uni.example/group/course/-/blob/main/x.ipynb?ref_type=heads",
     Link("https://git.uni.example/group/course.git", "main", open_path="x.ipynb")),
    ("https://gitlab.com/g/c/-/tags/v1", Link("https://gitlab.com/g/c.git", "v1")),
    ("https://gitlab.com/g/c/-/merge_requests/7", Link("https://gitlab.com/g/c.git", "refs/merge-requests/7/head")),
    ("https://gist.github.com/someone/0123456789abcdef0123456789abcdef",
     Link("https://gist.github.com/0123456789abcdef0123456789abcdef.git")),
    ("https://gist.github.com/0123456789abcdef0123456789abcdef.git",
     Link("https://gist.github.com/0123456789abcdef0123456789abcdef.git")),
    ("https://gist.github.com/someone/0123456789abcdef0123456789abcdef/fedcba9",
     Link("https://gist.github.com/0123456789abcdef0123456789abcdef.git", ref="fedcba9")),
    ("https://codeberg.org/team/course/src/branch/main/day1",
     Link("https://codeberg.org/team/course.git", "main", "day1")),
    ("https://codeberg.org/team/course/src/tag/v1/a.ipynb",
     Link("https://codeberg.org/team/course.git", "v1", open_path="a.ipynb")),
    ("https://bitbucket.org/team/course/src/main/day1", Link("https://bitbucket.org/team/course.git", "main", "day1")),
    ("doi:10.5281/zenodo.3242074", Link("doi:10.5281/zenodo.3242074")),
    ("10.5281/zenodo.3242074", Link("doi:10.5281/zenodo.3242074")),
    ("https://doi.org/10.5281/zenodo.3242074", Link("doi:10.5281/zenodo.3242074")),
    ("https://zenodo.org/records/3242074", Link("doi:10.5281/zenodo.3242074")),
    ("https://zenodo.org/record/3242074/files/x.zip", Link("doi:10.5281/zenodo.3242074")),
    ("https://figshare.com/articles/code/A_title/9782777/3", Link("doi:10.6084/m9.figshare.9782777.v3")),
    ("https://figshare.com/articles/A_title/9782777", Link("doi:10.6084/m9.figshare.9782777")),
]  # fmt: skip

B = "https://mybinder.org/v2/"
BINDER = [
    ("gh/numpy/tutorials/main", Link(GH, "main")),
    ("gh/numpy/tutorials/HEAD", Link(GH)),
    ("gh/numpy/tutorials", Link(GH)),
    ("gh/numpy/tutorials/feature/x", Link(GH, "feature/x")),
    ("gh/numpy/tutorials/feature%2Fx", Link(GH, "feature/x")),
    ("gh/numpy/tutorials.git/main", Link(GH, "main")),
    ("gh/numpy/tutorials/main?urlpath=lab", Link(GH, "main", ui="lab")),
    ("gh/numpy/tutorials/main?urlpath=lab/tree/a/b.ipynb", Link(GH, "main", open_path="a/b.ipynb", ui="lab")),
    ("gh/numpy/tutorials/main?urlpath=%2Flab%2Ftree%2Fa%20b.ipynb", Link(GH, "main", open_path="a b.ipynb", ui="lab")),
    ("gh/numpy/tutorials/main?urlpath=lab/workspaces/demo/tree/a.ipynb",
     Link(GH, "main", open_path="a.ipynb", ui="lab")),
    ("gh/numpy/tutorials/main?labpath=a%2Fb.ipynb", Link(GH, "main", open_path="a/b.ipynb", ui="lab")),
    ("gh/numpy/tutorials/main?filepath=b.ipynb", Link(GH, "main", open_path="b.ipynb", ui="notebook")),
    ("gh/numpy/tutorials/main?urlpath=tree/b.ipynb", Link(GH, "main", open_path="b.ipynb", ui="notebook")),
    ("gh/numpy/tutorials/main?urlpath=notebooks/b.ipynb", Link(GH, "main", open_path="b.ipynb", ui="notebook")),
    ("gh/numpy/tutorials/main?urlpath=rstudio", Link(GH, "main", ui="rstudio")),
    ("gh/numpy/tutorials/main?urlpath=vscode", Link(GH, "main", ui="vscode")),
    ("gh/numpy/tutorials/main?urlpath=proxy/8501/", Link(GH, "main", open_path="/proxy/8501/", ui="web")),
    ("gh/numpy/tutorials/main?urlpath=voila%2Frender%2Fapp.ipynb",
     Link(GH, "main", open_path="/voila/render/app.ipynb", ui="web")),
    ("gl/group%2Fsub%2Fcourse/main?urlpath=lab", Link("https://gitlab.com/group/sub/course.git", "main", ui="lab")),
    ("git/https%3A%2F%2Fgit.example.org%2Fc.git/v1", Link("https://git.example.org/c.git", "v1")),
    ("gist/someone/0123456789abcdef0123456789abcdef/master",
     Link("https://gist.github.com/0123456789abcdef0123456789abcdef.git", "master")),
    ("gist/someone/0123456789abcdef0123456789abcdef",
     Link("https://gist.github.com/0123456789abcdef0123456789abcdef.git")),
    ("zenodo/10.5281/zenodo.3242074/?urlpath=lab/tree/x.ipynb",
     Link("doi:10.5281/zenodo.3242074", open_path="x.ipynb", ui="lab")),
    ("figshare/10.6084/m9.figshare.9782777.v3", Link("doi:10.6084/m9.figshare.9782777.v3")),
    ("gh/org/env/main?urlpath=git-pull%3Frepo%3Dhttps%253A%252F%252Fgithub.com%252Fnumpy%252Ftutorials"
     "%26urlpath%3Dlab%252Ftree%252Ftutorials%252Fa.ipynb%26branch%3Ddev",
     Link("https://github.com/org/env", "main", open_path="tutorials/a.ipynb", ui="lab",
          content=Content(GH, "dev", "tutorials"))),
    ("gh/org/env/main?urlpath=git-pull%3Frepo%3Dhttps%253A%252F%252Fgithub.com%252Fnumpy%252Ftutorials"
     "%26targetPath%3Dwork",
     Link("https://github.com/org/env", "main", content=Content(GH, "", "work"))),
    ("gh/org/env/main?urlpath=git-pull?repo=https://github.com/numpy/tutorials&branch=dev&urlpath=lab/tree/tutorials",
     Link("https://github.com/org/env", "main", open_path="tutorials", ui="lab",
          content=Content(GH, "dev", "tutorials"))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "link"), PLAIN + WEB, ids=[text for text, _ in PLAIN + WEB])
def test_a_path_url_or_web_link_is_read(text: str, link: Link) -> None:
    assert parse_link(text) == link


@pytest.mark.parametrize(("text", "link"), BINDER, ids=[text for text, _ in BINDER])
def test_a_binder_link_is_read(text: str, link: Link) -> None:
    assert parse_link(B + text) == link


@pytest.mark.parametrize(
    "badge",
    [
        "[![Binder](https://mybinder.org/badge_logo.svg)](https://mybinder.org/v2/gh/numpy/tutorials/main?urlpath=lab)",
        "[![Binder](https://img.shields.io/b.svg)]( https://mybinder.org/v2/gh/numpy/tutorials/main?urlpath=lab 'x' )",
        '<a href="https://mybinder.org/v2/gh/numpy/tutorials/main?urlpath=lab"><img src="https://x/badge.svg"></a>',
        ".. image:: https://mybinder.org/badge_logo.svg\n"
        "   :target: https://mybinder.org/v2/gh/numpy/tutorials/main?urlpath=lab",
        "<https://mybinder.org/v2/gh/numpy/tutorials/main?urlpath=lab>",
        "https://hub.example.org/binder/v2/gh/numpy/tutorials/main?urlpath=lab",
    ],
)
def test_a_badge_or_another_hub_is_read_like_the_link_in_it(badge: str) -> None:
    assert parse_link(badge) == Link(GH, "main", ui="lab")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "No repository"),
        ("https://github.com/numpy", "names no repository"),
        ("https://github.com/", "names no repository"),
        ("https://git.example.org", "names no repository"),
        ("https://mybinder.org/v2/gh/numpy", "names no repository"),
        ("https://mybinder.org/v2/dataverse/10.7910/DVN/TJCLKP", "dataverse"),
        ("s3://bucket/course", "s3://"),
        ("https://gist.github.com/someone", "no gist"),
        ("https://colab.research.google.com/drive/1abc", "names no repository"),
        ("https://figshare.com/articles/x", "no article"),
    ],
)
def test_what_is_no_repository_is_said_so_with_a_hint(text: str, says: str) -> None:
    with pytest.raises(SourceError, match=says) as caught:
        parse_link(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:s3cret@host/x.git", "https://host/x.git"),
        ("https://ghp_token@host/x.git", "https://host/x.git"),
        ("ssh://git:pw@host/x.git", "ssh://git@host/x.git"),
        ("git@host:x.git", "git@host:x.git"),
        ("fatal: 'https://a:b@h/x' and http://c:d@h/y", "fatal: 'https://h/x' and http://h/y"),
    ],
)
def test_credentials_are_taken_out_of_what_is_shown(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_a_link_knows_whether_it_is_of_this_machine() -> None:
    assert [parse_link(x).is_local for x in ("./a", "git@h:a.git", "https://h/a.git", "doi:10.5281/zenodo.1")] == [
        True, False, False, False,
    ]  # fmt: skip


def test_a_link_has_a_short_name() -> None:
    assert parse_link("https://git.example.org/team/course.git").name == "course"
    assert parse_link("git@github.com:team/intro.git").name == "intro"
    assert parse_link(GH + "/tree/main/content/day1").name == "day1"


HUB = "https://hub.example.org/hub/user-redirect/git-pull"


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("mybinder.org/v2/gh/numpy/tutorials/main", Link(GH, ref="main")),
        ("https://www.github.com/numpy/tutorials/", Link(GH)),
        (f"{GH}.", Link(GH)),
        ("https://mybinder.org/v2/gh/numpy/tutorials/main?labpath=a.ipynb).",
         Link(GH, ref="main", open_path="a.ipynb", ui="lab")),
        (f"{HUB}?repo=https%3A%2F%2Fgithub.com%2Fnumpy%2Ftutorials&urlpath=lab%2Ftree%2Ftutorials%2Fx.ipynb&branch=v1",
         Link(GH, ref="v1", open_path="x.ipynb", ui="lab")),
        (f"{HUB}?repo={GH}&targetPath=here&urlpath=tree/here/day1/x.ipynb",
         Link(GH, open_path="day1/x.ipynb", ui="notebook")),
        (f"{HUB}?repo={GH}&subPath=day1/x.ipynb", Link(GH, open_path="day1/x.ipynb")),
        ("https://zenodo.org/doi/10.5281/zenodo.123", Link("doi:10.5281/zenodo.123")),
        ("https://zenodo.org/badge/DOI/10.5281/zenodo.123.svg", Link("doi:10.5281/zenodo.123")),
        ("https://github.company.com/team/course/tree/main/day%201",
         Link("https://github.company.com/team/course", ref="main", folder="day 1")),
        ("http://gitea.example.org/team/course/src/branch/main/a.ipynb",
         Link("http://gitea.example.org/team/course.git", ref="main", open_path="a.ipynb")),
        ("https://dev.azure.com/org/proj/_git/course?path=/day1&version=GBmain",
         Link("https://dev.azure.com/org/proj/_git/course", ref="main", folder="day1")),
        ("https://git.example.org/a/b.git?x=1", Link("https://git.example.org/a/b.git?x=1")),
    ],
)  # fmt: skip
def test_links_as_they_are_pasted_are_read(text: str, link: Link) -> None:
    assert parse_link(text) == link


def test_a_hosts_name_is_read_in_any_case() -> None:
    assert parse_link("GitHub.com/numpy/tutorials/tree/v1").ref == "v1"


@pytest.mark.parametrize(
    "text",
    ["https://mybinder.org/badge_logo.svg", "https://hub.2i2c.mybinder.org/user/o-r-abc/lab", "mybinder.org/v2"],
)
def test_addresses_of_mybinder_that_start_nothing_say_which_do(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_link(text)
    assert "/v2/gh/" in caught.value.hint
