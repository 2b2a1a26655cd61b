import pytest

from core_vimo.errors import InputError
from core_vimo.training.course import build_course, build_lambdas


def test_a_number_holds_all_the_way() -> None:
    course = build_course(0.3, "loss.foot", run_steps=None)
    assert [course.at(step) for step in (0, 10, 10**9)] == [0.3] * 3
    assert course.ever and not build_course(0, "loss.foot", None).ever


def test_knots_are_joined_by_straight_lines_and_hold_beyond() -> None:
    course = build_course([[0.1, 1.0], [0.6, 0.0]], "loss.velocity", run_steps=100)
    assert [course.at(step) for step in (0, 10, 35, 60, 200)] == pytest.approx([1.0, 1.0, 0.5, 0.0, 0.0])


def test_each_term_has_its_own() -> None:
    lambdas = build_lambdas({"simple": 1.0, "joints": [[0, 0.01], [0.5, 0.1]]}, run_steps=10)
    assert {name: course.at(5) for name, course in lambdas.items()} == pytest.approx({"simple": 1.0, "joints": 0.1})


@pytest.mark.parametrize("wrong", ["much", True, -0.1, float("nan"), [], [[0, 1], [0.5]], [[2, 1]], [[0, "1"]]])
def test_what_is_no_course_is_named(wrong: object) -> None:
    with pytest.raises(InputError, match=r"loss\.foot=.* must be a number from 0"):
        build_course(wrong, "loss.foot", run_steps=10)


def test_knots_need_an_order_and_an_end() -> None:
    with pytest.raises(InputError, match="must rise"):
        build_course([[0.5, 1], [0.1, 1]], "loss.foot", run_steps=10)
    with pytest.raises(InputError, match=r"give trainer\.steps"):
        build_course([[0.1, 1], [0.5, 1]], "loss.foot", run_steps=None)
