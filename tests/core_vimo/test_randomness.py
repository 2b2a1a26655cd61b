import torch

from core_vimo.randomness import fold, generator, normal, normal_rows, uniform_rows


def test_the_key_alone_decides():
    assert fold(0, 1, "noise") == fold(0, 1, "noise")
    keys = [(0, 1, "a"), (1, 0, "a"), (0, 1, "b"), (0, 11, "a"), ("0", 1, "a"), (0, "1a"), (0, 1)]
    assert len({fold(*key) for key in keys}) == len(keys)


def test_a_row_does_not_depend_on_its_neighbours():
    together = normal_rows([3, 7, 9], (5, 2), seed=0, step=4, purpose="noise")
    alone = normal_rows([7], (5, 2), seed=0, step=4, purpose="noise")
    assert torch.equal(together[1], alone[0])
    assert torch.equal(uniform_rows([1, 2], 0, 0, "drop")[1:], uniform_rows([2], 0, 0, "drop"))


def test_global_randomness_is_neither_used_nor_moved():
    state = torch.get_rng_state()
    first = normal((10,), 5, "x")
    torch.manual_seed(1)
    assert torch.equal(first, normal((10,), 5, "x"))
    torch.set_rng_state(state)
    normal((10,), 6)
    assert torch.equal(torch.get_rng_state(), state)


def test_many_draws_look_normal():
    draws = torch.cat([normal((100,), 0, i) for i in range(200)])
    assert abs(float(draws.mean())) < 0.03 and abs(float(draws.std()) - 1) < 0.03
    assert isinstance(generator(0), torch.Generator)
