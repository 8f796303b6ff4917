"""Which build a log is of: by release, by commit, by words; what is said twice, not at all, or wrongly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsofence.traces.sources import builds
from tsofence.traces.sources.builds import BUILDS, Tellings, Version, recognise
from tsofence.traces.sources.observation import Where

HERE = Where("pd.log", 7)
HEAD_OF_10473 = "c67277a89ebf90bd821c7bfa6444bb480dfd24cb"


def said(release: str = "", commit: str = "", *words: str) -> Version:
    return Version(HERE, "pd1", 0, release, commit, dict.fromkeys(words, HERE))


def heard(*lines: tuple[str, dict[str, str]]) -> list[Version]:
    tellings = Tellings()
    for number, (message, fields) in enumerate(lines, 1):
        tellings.hear(Where("pd.log", number), number, message, fields)
    return tellings.versions


@pytest.mark.parametrize(
    ("release", "build"),
    [
        ("v4.0.0", "release-6.5"),
        ("v4.0.16-20230406", "release-6.5"),
        ("v5.0.0-rc", "release-6.5"),
        ("6.5.12", "release-6.5"),
        ("heads/refs/tags/v6.5.0", "release-6.5"),
        ("v6.5.6-fips", "release-6.5"),
        ("v6.6.0", "release-6.5"),
        ("v7.1.0-rc.0", "release-7.5"),
        ("v7.5.2-20240705-eb6dc43", "release-7.5"),
        ("v8.2.0", "release-7.5"),
        ("v8.3.0", "release-8.3"),
        ("v8.4.0", "release-8.3"),
        ("v8.5.0", "release-8.5"),
        ("v8.5.7", "release-8.5"),
        ("v8.5.7-3-g1a2b3c4", "release-8.5"),
        ("v8.5.7-dirty", "release-8.5"),
        ("v8.5.6-20260422-6b14078", "pull-10473-base"),  # called so, but cut from master
        ("v8.5.4-nextgen.202510.9", "nextgen-8.5.4"),
        ("v9.0.0-beta.1", "release-8.5"),
        ("v9.0.0-beta.2.pre", "nextgen-8.5.4"),
        ("v26.3.4", "pull-10473-base"),
        ("v9.0.0-beta.2.pre-483-ga186e0cc61", "master-2026-08"),  # the commit tells
        ("033398bf1b", "pull-10473-base"),
        ("a186e0cc61-dirty", "master-2026-08"),
    ],
)
def test_the_build_of_a_release(release: str, build: str) -> None:
    found = recognise([said(release)])
    assert found.builds == (build,)
    assert found.why.endswith("(pd.log:7)")


def starts(*of: tuple[str, int, str]) -> list[Version]:
    """Of servers, when each started and as which release."""
    return [Version(HERE, server, at, release) for server, at, release in of]


@pytest.mark.parametrize(
    ("of", "upgrades"),
    [
        ([("pd1", 0, "v8.5.7"), ("pd2", 0, "a186e0cc61")], [("release-8.5", "master-2026-08")]),
        (
            [("pd1", 0, "v7.5.7"), ("pd2", 0, "v7.5.7"), ("pd1", 9, "v8.5.7"), ("tso1", 9, "v8.5.0")],
            [("release-7.5", "release-8.5")],
        ),
        # nothing tells of pd3, which may be of either
        (
            [("pd1", 0, "v8.5.7"), ("pd2", 0, "a186e0cc61"), ("pd3", 0, "")],
            [("release-8.5", "master-2026-08")],
        ),
        # back again, as nobody does in the middle of an upgrade
        ([("pd1", 0, "v8.5.7"), ("pd1", 5, "a186e0cc61"), ("pd1", 9, "v8.5.7")], []),
        ([("pd1", 0, "v6.5.0"), ("pd2", 0, "v7.5.7"), ("pd3", 0, "v8.5.7")], []),
        ([("pd1", 0, "v7.0.0"), ("pd2", 0, "v8.5.7")], []),
        # not of several
        ([("pd1", 0, "v8.5.7"), ("pd1", 5, "v8.5.6")], []),
    ],
)
def test_an_upgrade_server_by_server(of: list[tuple[str, int, str]], upgrades: list[tuple[str, str]]) -> None:
    found = recognise(starts(*of))
    # older code first, where the order of starts leaves it open
    assert [*found.upgrades][:1] == upgrades
    assert found.possible >= {each for pair in upgrades for each in pair}
    assert found.why.startswith("an upgrade, server by server: ") is bool(upgrades)


def test_one_server_that_contradicts_itself_was_not_upgraded() -> None:
    assert recognise([said("v8.5.7", "", "lease timeout"), said("v8.5.7")]).upgrades == ()


@pytest.mark.parametrize("release", ["v3.0.20", "v7.0.0", "v9.0.0", "v26.4.0", "v9999.9999.9999"])
def test_a_release_of_which_there_is_no_build_is_none_of_them(release: str) -> None:
    found = recognise([said(release)])
    assert found.builds == ()
    assert found.why == f"no build is all of release {release} (pd.log:7)"


@pytest.mark.parametrize(
    "release",
    [
        "",
        "None",
        "1.0.0-",
        "v8.5",
        "v8.5.x",
        "v\u0668.\u0665.\u0667",
        "v" + "9" * 50_000 + ".1.1",
        "v8.5.0-alpha-120-g1a2b3c4",
        "v9.0.0-beta.2.pre-320-g1a2b3c4",
        "v7.1.0-alpha",
        "v5.0.0-nightly",
        "1a2b3c4d5e",
    ],
)
def test_what_is_no_release_rules_nothing_out(release: str) -> None:
    assert recognise([said(release)]).builds == BUILDS
    assert heard(("PD", {"release-version": release}))[0].release in ("", release)


def test_where_nothing_tells_it_may_be_any_build() -> None:
    for versions in ([], [said()]):
        assert recognise(versions) == builds.Recognised(BUILDS, ())
        assert recognise(versions).why == "no log tells the build"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("PD Config",), {"release-6.5"}),
        (("initializing the global tso allocator",), {"release-7.5", "release-8.3", "release-8.5"}),
        (
            ("initializing the global tso allocator", "set expected primary flag"),
            {"release-8.3", "release-8.5"},
        ),
        (("initializing the TSO allocator", "campaign PD leader ok"), {"nextgen-8.5.4", "pull-10473-base"}),
        (("saving timestamp to the storage [check-tso-primary]",), {"pull-10473-base", "pull-8780"}),
        (("closing the embedded TSO allocator",), {"pull-8780", "master-2026-08"}),
        (("delete expected primary flag",), {"master-2026-08"}),
        (("lease timeout", "closing the embedded TSO allocator"), set()),
    ],
)
def test_words_rule_builds_out(words: tuple[str, ...], expected: set[str]) -> None:
    found = recognise([said("", "", *words)])
    assert set(found.builds) == expected
    assert all(f'"{word}"' in found.why for word in words)


def test_only_words_that_rule_something_out_are_named() -> None:
    found = recognise([said("", "", "set expected primary flag", "delete expected primary flag")])
    assert [each.what for each in found.evidence] == ['"delete expected primary flag"']
    found = recognise([said("v8.5.7", "", "set expected primary flag")])
    assert found.why == "release v8.5.7 (pd.log:7)"


@pytest.mark.parametrize(
    "versions",
    [
        [said("v7.5.7", "", "set expected primary flag")],  # v8.5.7, damaged
        [said("v8.5.7", HEAD_OF_10473)],
        [said("v7.1.6"), said("v7.0.0")],
    ],
)
def test_where_it_contradicts_itself_no_build_is_claimed(versions: list[Version]) -> None:
    found = recognise(versions)
    assert found.builds == ()
    assert found.why.startswith("no build is all of ")


def test_a_rolling_upgrade_within_one_build_names_both_releases() -> None:
    found = recognise([said("v8.5.6"), said("v8.5.7"), said("v8.5.7")])
    assert found.builds == ("release-8.5",)
    assert found.why == "release v8.5.6 (pd.log:7), release v8.5.7 (pd.log:7)"


def test_each_start_begins_what_counts_from_then_on() -> None:
    welcome: tuple[str, dict[str, str]] = ("Welcome to Placement Driver (PD)", {})
    versions = heard(
        ("lease timeout", {"purpose": "leader election"}),
        welcome,
        ("PD", {"release-version": "v7.5.7"}),
        ("PD", {"git-hash": "1a2b3c4d5e"}),
        ("PD config", {"config": "{}"}),
        welcome,
        ("PD", {"release-version": "v8.5.7"}),
        ("load pd and cluster version", {"pd-version": "8.5.7", "cluster-version": "7.5.7"}),
    )
    assert [(each.at_ns, each.release, each.commit, set(each.words)) for each in versions] == [
        (1, "", "", {"lease timeout"}),
        (2, "v7.5.7", "1a2b3c4d5e", {"PD config"}),
        (6, "v8.5.7", "", set()),
    ]
    assert [recognise([each]).builds for each in versions] == [
        ("release-6.5", "release-7.5"),
        ("release-7.5",),
        ("release-8.5",),
    ]


def test_a_start_whose_first_line_is_lost_is_seen_by_what_changes() -> None:
    versions = heard(
        ("PD", {"release-version": "v7.5.7"}),
        ("PD", {"release-version": "v8.5.7"}),
        ("PD", {"git-hash": "1a2b3c4d5e"}),
        ("PD", {"git-hash": "5e4d3c2b1a"}),
    )
    assert [(each.release, each.commit) for each in versions] == [
        ("v7.5.7", ""),
        ("v8.5.7", "1a2b3c4d5e"),
        ("", "5e4d3c2b1a"),
    ]


def test_the_release_of_a_leader_whose_start_is_not_in_the_log() -> None:
    led = ("load pd and cluster version", {"pd-version": "6.5.12", "cluster-version": "6.5.9"})
    assert recognise(heard(led)).builds == ("release-6.5",)
    unknown = ("load pd and cluster version", {"pd-version": "1.0.0", "cluster-version": "0.0.0"})
    (version,) = heard(unknown)
    assert version.release == ""
    assert len(heard(("PD", {"release-version": "v8.5.7-3-g1a2b3c4"}), led)) == 1


def test_fields_and_errors_are_words_too() -> None:
    (version,) = heard(
        ("saving timestamp to the storage", {"group-id": "0", "check-tso-primary": "false"}),
        (
            "failed to start TSO jobs",
            {"error": "tso microservice primary exists, pd must yield embedded tso"},
        ),
    )
    assert recognise([version]).builds == ("pull-8780",)
    assert version.words["tso microservice primary exists, pd must yield embedded tso"].line == 2


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(builds._MESSAGES)) | st.text(),
            st.dictionaries(
                st.sampled_from(["release-version", "git-hash", "pd-version", "error"]) | st.text(),
                st.sampled_from(["v8.5.7", "v7.0.0", "None", HEAD_OF_10473]) | st.text(),
            ),
        ),
        max_size=8,
    )
)
def test_whatever_a_log_says_the_answer_is_some_of_the_builds(
    lines: list[tuple[str, dict[str, str]]],
) -> None:
    found = recognise(heard(*lines))
    assert found.builds == tuple(build for build in BUILDS if build in found.builds)
    assert "\n" not in found.why
