"""Parts worked on ahead: order, faults and their places, and an end before the end."""

import threading

from moderation.readers.ahead import ahead


def test_parts_come_in_order_with_what_was_made_of_them():
    assert list(ahead(range(50), lambda part: part * part)) == [(part, part * part) for part in range(50)]
    assert list(ahead([], str)) == []


def test_the_next_parts_are_worked_on_in_another_thread_but_never_more_than_that():
    taken, makers = [], set()

    def parts():
        for part in range(20):
            taken.append(part)
            yield part

    def work(_part):
        makers.add(threading.get_ident())

    ahead_of_use = [len(taken) - used for used, _ in enumerate(ahead(parts(), work, 3), 1)]
    assert ahead_of_use[0] == 0
    assert max(ahead_of_use) == 3
    assert len(makers) == 1
    assert threading.get_ident() not in makers


def test_a_fault_is_raised_in_its_turn():
    def parts():
        yield from range(7)
        raise OSError("the disk")

    assert taken(ahead(parts(), str)) == (list(range(7)), "the disk")
    assert taken(ahead(range(9), lambda part: 1 // (5 - part)))[0] == list(range(5))


def taken(parts):
    """Return the parts up to the fault, and the fault."""
    got = []
    try:
        for part, _ in parts:
            got.append(part)
    except (OSError, ZeroDivisionError) as error:
        return got, str(error)
    return got, None


def test_who_stops_early_leaves_no_thread_behind():
    before = threading.active_count()
    parts = ahead(iter(int, 1), str)
    assert next(parts) == (0, "0")
    parts.close()
    assert threading.active_count() == before
