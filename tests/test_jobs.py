"""Jobs: each result is computed once, away from the page, with its progress and its failures told."""

from __future__ import annotations

import re
import threading
import time

import counted_work
import pytest
import streamlit as st
from counted_work import CASE, Work, remembered
from streamlit.testing.v1 import AppTest
from streamlit_help import run_to_end, script, text_of

from tlx.app import job_queue, jobs
from tlx.app.job_queue import AbandonedError, Job, JobQueue, Place
from tlx.app.jobs import key_of, progress_text
from tlx.errors import EmptyError
from tlx.needs import need
from tlx.progress import duration, track
from tlx.storage.held import HELD


@pytest.fixture(autouse=True)
def work(monkeypatch, tmp_path):
    monkeypatch.setattr(counted_work, "work", Work())
    monkeypatch.setattr(jobs, "PATIENCE", 0.05)
    monkeypatch.setenv("TLX_CACHE", str(tmp_path))
    yield counted_work.work
    counted_work.work.go.set()


def asking_page():
    import streamlit as st
    from counted_work import CASE, broken, refused, remembered

    from tlx.app import jobs

    which = st.query_params["ask"]
    if which == "one":
        st.session_state.got = jobs.result(remembered, CASE, "a")
    elif which == "offered":
        st.session_state.got = jobs.offered("Compute it", lambda: "about 5 s", remembered, CASE, "a")
    elif which == "at once":
        st.session_state.got = jobs.offered("Compute it", lambda: "about 5 s", remembered, CASE, "a", at_once=True)
    elif which == "refused":
        jobs.require(refused, CASE, "x")
    elif which == "broken":
        jobs.result(broken, CASE, "x")
        jobs.require(broken, CASE, "x")
    st.markdown("the rest of the page")


def page(ask):
    asked = script(asking_page)
    asked.query_params["ask"] = ask
    return asked


def test_a_page_goes_on_while_its_result_is_computed(work):
    """The page draws progress and its other parts at once; when the work is done the result is there, from one run."""
    shown = page("one").run()
    assert shown.session_state["got"] is None
    assert "the rest of the page" in text_of(shown)
    shown.run()
    work.go.set()
    run_to_end(shown)
    assert shown.session_state["got"] == "result of a"
    assert work.runs == ["a"]
    assert all(name.startswith("tlx-job") for name in work.threads)


def test_two_tabs_and_a_double_click_compute_once(work):
    """Two sessions and repeated runs wait for the same job."""
    first = page("one").run()
    second = AppTest.from_function(asking_page, default_timeout=60)
    second.query_params["ask"] = "one"
    second.run()
    first.run()
    work.go.set()
    run_to_end(second)
    first.run()
    assert (first.session_state["got"], second.session_state["got"]) == ("result of a", "result of a")
    assert work.runs == ["a"]


def test_a_stored_result_needs_no_job(work):
    """What an earlier process stored is read in the script's own thread, and then held in memory."""
    work.go.set()
    remembered(CASE, "a")
    work.threads.clear()
    shown = page("one").run()
    assert shown.session_state["got"] == "result of a"
    assert work.threads == set()
    assert HELD.get(key_of(need(remembered, CASE, "a"))) == ("result of a",)


def test_clearing_streamlits_caches_leaves_the_jobs():
    """Any browser can ask the server to clear them; running jobs and held results must not be lost by that."""
    before = jobs.queue()
    st.cache_resource.clear()
    st.cache_data.clear()
    assert jobs.queue() is before


def test_a_cancelled_result_is_offered_and_begun_again_only_when_asked_for(work):
    """The page says what it would cost, whoever runs it again; pressed, the same work is begun anew."""
    shown = page("one").run()
    (button,) = [one for one in shown.button if one.label == "Cancel"]
    button.click().run()
    work.go.set()
    run_to_end(shown)
    shown.run()
    assert shown.session_state["got"] is None
    assert [one.label for one in shown.button] == ["Go on: Remembering a (about 2 s)"]
    assert work.runs == ["a"]
    shown.button[0].click()
    run_to_end(shown)
    assert shown.session_state["got"] == "result of a"
    assert work.runs == ["a", "a"]
    assert not shown.button


@pytest.mark.parametrize("ask", ["offered", "at once"])
def test_a_cancelled_offer_stands_there_again(work, ask):
    """Under its own label, which names the panel and not the part of it that was being computed."""
    shown = page(ask).run()
    if ask == "offered":
        shown.button[0].click().run()
    next(one for one in shown.button if one.label == "Cancel").click().run()
    work.go.set()
    run_to_end(shown)
    assert [one.label for one in shown.button] == ["Compute it (about 5 s)"]
    shown.button[0].click()
    run_to_end(shown)
    assert shown.session_state["got"] == "result of a"
    assert work.runs == ["a", "a"]


def test_what_others_wait_for_goes_on(work):
    """Who cancels sees the offer; the job is another session's, too, and its result is then there for both."""
    first = page("one").run()
    second = AppTest.from_function(asking_page, default_timeout=60)
    second.query_params["ask"] = "one"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "owner", lambda: "another")
        second.run()
        next(one for one in second.button if one.label == "Cancel").click().run()
    assert [one.label for one in second.button] == ["Go on: Remembering a (about 2 s)"]
    work.go.set()
    run_to_end(first)
    assert first.session_state["got"] == "result of a"
    assert work.runs == ["a"]


def test_a_user_error_is_said_as_it_is(work):
    """A UserError ends the part that needs the result with its own sentence, escaped, and a button to try again."""
    shown = run_to_end(page("refused"))
    assert [error.value for error in shown.error] == [r"Class 'x' has no \<b\>image\</b\>."]
    assert "the rest of the page" not in text_of(shown)
    assert not shown.exception


def test_a_defect_is_logged_and_not_shown(work, caplog):
    """Any other error shows its kind only; the traceback is in the log."""
    shown = run_to_end(page("broken"))
    assert not shown.exception
    assert "ZeroDivisionError" in shown.error[0].value
    assert "secret detail" not in text_of(shown)
    assert r"\*it\*" in shown.error[0].value
    assert "secret detail" in caplog.text


def test_a_failed_job_runs_again_only_when_asked(work):
    """Running the page again repeats the sentence; the button repeats the work."""
    shown = run_to_end(page("broken"))
    shown.run()
    assert work.runs == ["x"]
    assert [button.label for button in shown.button] == ["Try again"]  # for two parts that ask for the same
    shown.button[0].click()
    run_to_end(shown)
    assert work.runs == ["x", "x"]


def test_a_failure_holds_no_frames_however_often_it_is_shown(work):
    """Raising the kept error again for each visit would tie the frames of every visit, and their arrays, to it."""
    shown = run_to_end(page("broken"))
    shown.run()
    shown.run()
    error = jobs.queue().job(key_of(need(counted_work.broken, CASE, "x"))).future.exception()
    assert error.__traceback__ is None


def test_only_the_newest_failures_are_remembered(monkeypatch):
    """Visitors who ask for many impossible things do not fill the memory; abandoned jobs are not remembered at all."""
    monkeypatch.setattr(job_queue, "FAILURES", 2)
    ours = JobQueue()
    for name in "abc":
        assert ours.start((name,), name, lambda: 1 / 0).future.exception(timeout=20)
    assert [name for name in "abc" if ours.job((name,)) is not None] == ["b", "c"]


def other_visitor():
    """Another session of the same server."""
    other = AppTest.from_function(asking_page, default_timeout=60)
    other.query_params["ask"] = "broken"
    return other


def test_a_failure_is_told_to_others_for_a_minute_only(work, monkeypatch):
    """Who comes within a minute hears of it; who comes later has the work done anew; who saw it keeps the sentence."""
    shown = run_to_end(page("broken"))
    run_to_end(other_visitor())
    assert work.runs == ["x"]
    monkeypatch.setattr(jobs, "FORGIVEN", 0.0)
    shown.run()
    assert work.runs == ["x"]
    assert shown.error
    late = run_to_end(other_visitor())
    assert work.runs == ["x", "x"]
    assert late.error


def test_a_failure_is_kept_without_what_the_work_held():
    """The exception stays for the pages; the large arrays in the frames it passed do not."""
    import gc
    import weakref

    class Large:
        pass

    alive = []

    def work():
        large = Large()
        alive.append(weakref.ref(large))
        raise EmptyError("nothing there")

    ours = JobQueue()
    job = ours.start(("k",), "k", work)
    assert isinstance(job.future.exception(timeout=20), EmptyError)
    gc.collect()
    assert alive[0]() is None


def test_a_job_ends_at_its_next_report_when_the_process_ends():
    """The process waits for it a moment, and the page that asked is not told of a failure."""
    ours, began = JobQueue(), threading.Event()

    def work():
        for _ in track(range(10_000), "steps"):
            began.set()
            time.sleep(0.01)

    job = ours.start(("k",), "k", work)
    assert began.wait(20)
    ours._leave()
    assert job.future.done()
    assert isinstance(job.future.exception(), AbandonedError)
    assert not ours.busy()


def test_an_offer_waits_for_its_button(work):
    """Nothing is computed before the button is pressed; the button says what it costs."""
    work.go.set()
    shown = page("offered").run()
    assert [button.label for button in shown.button] == [r"Compute it (about 5 s)"]
    assert work.runs == []
    shown.button[0].click()
    run_to_end(shown)
    assert shown.session_state["got"] == "result of a"
    assert not shown.button


def test_an_abandoned_job_is_dropped(monkeypatch):
    """A queued job that no page has looked at for long is not run, and asking again starts it anew."""
    ours, ran, go = JobQueue(), [], threading.Event()
    first = ours.start(("first",), "first", lambda: go.wait(20))
    ours.start(("beside",), "beside", lambda: go.wait(20))
    second = ours.start(("second",), "second", lambda: ran.append("second"))
    second.owners[""] -= job_queue.ABANDONED + 1
    go.set()
    first.future.result(timeout=20)
    assert second.future.exception(timeout=20) is not None
    assert ran == []
    again = ours.start(("second",), "second", lambda: ran.append("again"))
    again.future.result(timeout=20)
    assert ran == ["again"]


def test_the_key_knows_case_and_arguments():
    """Lists and tuples mean the same, other arguments or other cases do not."""
    from dataclasses import replace

    def key(case, *args):
        return key_of(need(remembered, case, *args))

    assert key(CASE, ["a", "b"]) == key(CASE, ("a", "b"))
    assert len({key(CASE, "a"), key(CASE, "b"), key(CASE, "a", 1), key(replace(CASE, n_steps=4), "a")}) == 4
    assert key(CASE, "a") == key(replace(CASE, title="another title"), "a")


def heard(*reports, ago=0.0):
    """A job that began `ago` seconds ago with the first report and heard the others now."""
    job = Job("Comparing class *8*")
    job.began = time.monotonic() - ago
    job.listen(*reports[0])
    for step in job.steps:
        step.began -= ago
    for report in reports[1:]:
        job.listen(*report)
    return job


def test_progress_tells_rate_and_time_left():
    """3 of 10 in 6 seconds: 2 seconds each, 14 seconds left; fast work tells how many a second."""
    said = progress_text(heard(("edges", 0, 10), ("edges", 3, 10), ago=6))
    for part in (r"Comparing class \*8\*", "edges", "3 of 10", "2.0 s each", "14 s left"):
        assert part in said
    assert re.search(r"(20\.0|19\.\d) a second", progress_text(heard(("edges", 0, 80), ("edges", 40, 80), ago=2)))


@pytest.mark.parametrize(
    ("before", "seconds", "said"),
    [
        (0, 0.0, "next in line"), (0, 42.0, "next in line, about 40 s"), (2, 118.0, "third in line, about 2 min"),
        (9, 3.0, "tenth in line, about 3 s"), (10, 0.0, "11th in line"), (20, 0.0, "21st in line"),
        (111, 0.0, "112th in line"),
    ],
)  # fmt: skip
def test_a_waiting_job_says_its_place_and_when_it_begins(before, seconds, said):
    assert progress_text(Job("Comparing *8*"), Place(before, seconds)) == rf"Comparing \*8\* · {said}"


def test_a_job_that_waits_for_anothers_result_says_so():
    """It has begun and reports nothing; what it waits for is another job's to tell."""
    job = heard(("edges", 0, 10), ("edges", 3, 10), ago=6)
    job.away = True
    assert "waits for a result that is being computed already" in progress_text(job)
    assert "3 of 10" not in progress_text(job)


def test_a_loop_within_a_loop_refines_it():
    """One of four shards done and half of the second: 37.5 % after 6 seconds leave 10; the outer loop is told."""
    job = heard(("shards", 0, 4), ("shards", 1, 4), ("images", 0, 256), ("images", 128, 256), ago=6)
    assert job.fraction == pytest.approx(0.375)
    assert job.seconds_left() == pytest.approx(10, abs=0.1)
    assert "1 of 4" in progress_text(job)
    job.listen("images", 256, 256)
    job.listen("shards", 2, 4)
    assert job.fraction == 0.5


def test_a_new_step_starts_a_new_clock():
    """The rate of one step is not that of the next, nor of the same one begun again."""
    job = heard(("first", 0, 10), ("first", 9, 10), ("first", 10, 10), ("second", 0, 10), ago=50)
    assert job.seconds_left() is None
    job = heard(("first", 0, 10), ("first", 9, 10), ("first", 0, 10), ago=50)
    assert job.seconds_left() is None


def test_a_step_first_heard_of_halfway_has_no_rate_yet():
    """A first report of 128 of 256 says nothing of how fast they came; the next one does."""
    assert heard(("shard", 128, 256), ago=8).seconds_left() is None
    assert heard(("shard", 128, 256), ("shard", 192, 256), ago=8).seconds_left() == pytest.approx(8, abs=0.1)


def test_an_empty_loop_is_no_obstacle():
    """Nothing to do is done at once."""
    assert heard(("none", 0, 0)).steps == []


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "under a second"), (59.6, "1 min"), (185, "3 min 5 s"), (3600, "1 h"), (4350, "1 h 12 min"), (12, "12 s")],
)
def test_durations_in_words(seconds, said):
    """Hours leave the seconds out, full minutes too."""
    assert duration(seconds) == said
