"""The oracle: finds each kind of offence by name, and finds none where there is none."""

import json
import subprocess
import sys

import pytest

from conftest import HERE, call
from keys import idempotency_key, parts_of
from reconcile import Produced, load_dead_letters, load_line, reconcile
from test_line import Floor


def key(seq):
    return f"ulm/confirmations/a/1/{seq}"


def produced(count, state="acknowledged", **states):
    documents = [
        {
            "document": {"seq": seq, "epoch": 1, "order": "PO-1", "operation": "0010", "yield": seq, "scrap": 0},
            "state": states.get(f"s{seq}", state),
            "defect": "",
        }
        for seq in range(1, count + 1)
    ]
    return [Produced("ulm", "confirmations", "a", documents)]


def entry(seq, outcome="posted", attempt=0, **changes):
    business = {"seq": seq, "order": "PO-1", "operation": "0010", "yield": seq, "scrap": 0}
    whole = {"key": key(seq), "line": "a", "epoch": 1, "seq": seq, "order": "PO-1", "attempt": attempt, "time": "t"}
    return {**whole, "outcome": outcome, "business": business, **changes}


def test_nothing_to_complain_about():
    result = reconcile(produced(3), [entry(1), entry(2), entry(2, "repeated"), entry(3)])
    assert result.complete()
    summary = result.summary()
    assert (summary["produced"], summary["posted"], summary["offenders"]) == (3, 3, {})


@pytest.mark.parametrize(
    ("entries", "offence", "offenders"),
    [
        ([entry(1), entry(3)], "lost", [key(2)]),
        ([entry(1), entry(2), entry(3), entry(3)], "duplicates", [key(3)]),
        (
            [entry(1), entry(2), entry(3), entry(3, key="ulm/confirmations/a/1/3-x")],
            "duplicates",
            ["ulm/confirmations/a/1/3-x"],
        ),
        ([entry(1), entry(3), entry(2)], "outOfOrder", [key(2)]),
        ([entry(1), entry(2), entry(3), entry(4)], "invented", [key(4)]),
        ([entry(1), entry(2), entry(3, business={"yield": 4})], "altered", [key(3)]),
    ],
)
def test_finds_each_offence(entries, offence, offenders):
    result = reconcile(produced(3), entries)
    assert not result.exact()
    assert result.summary()["offenders"][offence] == offenders


def test_a_replay_is_late_and_not_out_of_order():
    assert reconcile(produced(3), [entry(1), entry(3), entry(2, attempt=1)]).complete()


def test_what_was_refused_is_a_dead_letter_until_replayed():
    entries = [entry(1), entry(2, "refused"), entry(3)]
    result = reconcile(produced(3), entries)
    assert result.exact() and not result.complete() and result.dead_lettered == [key(2)]
    assert reconcile(produced(3), [*entries, entry(2, attempt=1)]).complete()


def test_the_queue_of_dead_letters_is_believed_more_than_the_refusal():
    entries = [entry(1), entry(2, "refused"), entry(3)]
    assert reconcile(produced(3), entries, set()).lost == [key(2)]
    assert reconcile(produced(3), entries, {key(2)}).dead_lettered == [key(2)]
    assert reconcile(produced(4), entries, {key(2), key(4)}).dead_lettered == [key(2), key(4)]


def test_what_is_shown_may_be_posted_or_not_and_the_rest_is_not_there_yet():
    lines = produced(4, s3="shown", s4="made")
    assert reconcile(lines, [entry(1), entry(2)]).unacknowledged == [key(3)]
    assert reconcile(lines, [entry(1), entry(2), entry(3)]).complete()


def test_an_overrun_is_the_lines_own_loss():
    result = reconcile(produced(3, s2="dropped"), [entry(1), entry(3)])
    assert (result.overrun, result.lost, result.exact()) == ([key(2)], [], False)


def test_one_rule_for_keys():
    assert idempotency_key("ulm", "confirmations", "a", 1, 42) == key(42)
    assert parts_of(key(42)) == ("a", 1)
    for other in ("", "a/b/c/1", "a/b/c/01/2", "a/b/c/x/2", "a/b/c/1/2/3"):
        assert parts_of(other) is None
    for wrong in (
        ("Ulm", "c", "a", 1, 1),
        ("ulm", "c/d", "a", 1, 1),
        ("ulm", "c", "", 1, 1),
        ("ulm", "c", "a", -1, 1),
        ("ulm", "c", "a", 1, 0),
    ):
        with pytest.raises(ValueError, match="expected"):
            idempotency_key(*wrong)


def test_reads_dead_letters_plain_and_as_json(tmp_path):
    path = tmp_path / "dead"
    path.write_text(f'{key(1)}\n\n{{"key":"{key(2)}","reason":"erp 422"}}\n')
    assert load_dead_letters(path) == {key(1), key(2)}
    path.write_text('{"reason":"erp 422"}\n')
    with pytest.raises(ValueError, match="line 1: key None"):
        load_dead_letters(path)
    with pytest.raises(ValueError, match="expected PLANT/INTEGRATION/LINE=FILE"):
        load_line("ulm/a=x")


def run(*arguments):
    done = subprocess.run(
        [sys.executable, "reconcile.py", *map(str, arguments)], cwd=HERE, capture_output=True, text=True, timeout=60
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def connect(line, erp, count, lose=()):
    """The simplest connector there can be: take, post, acknowledge; some get lost."""
    for text in line.take(count):
        document = json.loads(text)
        if document["seq"] in lose:
            continue
        body = {**document, "line": "packaging-1", "plant": "ulm", "unit": "PCE"}
        address = f"{erp.hello['listening']}/confirmations"
        headers = {
            "Idempotency-Key": idempotency_key(
                "ulm", "confirmations", "packaging-1", document["epoch"], document["seq"]
            )
        }
        assert call("POST", address, body, headers)[0] in (201, 422)


def test_compares_real_processes_by_file_and_by_http(start, tmp_path):
    ledger, output = tmp_path / "ledger.jsonl", tmp_path / "out.json"
    erp, line = start("erp.py", "--port", 0, "--ledger", ledger), Floor(start, tmp_path)
    line.put("/_make", count=10)
    connect(line, erp, 10)
    identity = "ulm/confirmations/packaging-1"
    by_file = ("--line", f"{identity}={tmp_path / 'line.jsonl'}", "--ledger", ledger)
    by_http = ("--line", f"{identity}={line.admin}", "--ledger", erp.hello["listening"])
    code, result = run(*by_http, "--complete", "--output", output)
    assert (code, result["produced"], result["posted"], result["offenders"]) == (0, 10, 10, {})
    assert json.loads(output.read_text()) == result
    assert run(*by_file, "--complete") == (0, result)
    line.put("/_mode", mode="negative", parameters={"count": 1})
    line.put("/_make", count=3)
    connect(line, erp, 3, lose=(13,))
    code, result = run(*by_file)
    assert (code, result["deadLettered"], result["lost"]) == (1, 1, 1)
    assert result["offenders"] == {"lost": [f"{identity}/1/13"], "deadLettered": [f"{identity}/1/11"]}
    code, says = run("--line", f"{identity}={tmp_path / 'nothing'}", "--ledger", ledger)
    assert code == 2 and "nothing" in says
