"""Directions, projections, gauge, plane and colours that the page computes are those of Python."""

import jax
import numpy as np
import pytest

import spiralsink as sk
from cases.explorer import CLASSES, COUNT, networks_of, payload_of_classes, reference_values
from cases.pages import PayloadBuilder
from spiralsink import plots

COMPUTE = """() => {
  const { app, readWeights, featureDirections, projectionsOf } = spiralsink;
  return app.page.members.map((members, place) => members.map((network) => {
    const collection = app.page.collections[place];
    const weights = readWeights(app.page, network);
    const directions = featureDirections(weights, collection.recurrence, collection.n_lags);
    const plain = (arrays) => arrays.map((each) => each.map((row) => Array.from(row)));
    return [plain(directions), plain(projectionsOf(directions, weights.W_y))];
  }));
}"""


def rounded(values):
    return np.asarray(values, np.float32).astype(np.float64)


def test_directions_and_projections_of_fifty_networks_of_every_class(visitor):
    payload = payload_of_classes()
    found = visitor.open(payload).evaluate(COMPUTE)
    assert [each.id for each in payload.collections] == list(CLASSES)
    for name, members in zip(CLASSES, found, strict=True):
        rows, directions, projections = reference_values(payload, name)
        assert len(rows) == len(members) == COUNT
        for each in range(COUNT):
            for expected, computed in ((directions[each], members[each][0]), (projections[each], members[each][1])):
                expected = np.asarray(expected)
                np.testing.assert_allclose(computed, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_directions_that_are_given_are_drawn_as_they_are(visitor):
    builder = PayloadBuilder()
    builder.collection("given", recurrence="given", n_lags=3, n_hidden=2, n_features=2, n_outputs=1)
    directions = np.arange(12.0).reshape(3, 2, 2)
    builder.network((directions, np.zeros((0, 2)), np.array([[0.0], [2.0]])), biases=(np.zeros(0), np.zeros(1)))
    [[[found, seen]]] = visitor.open(builder.payload(first=0)).evaluate(COMPUTE)
    np.testing.assert_array_equal(found, directions)
    np.testing.assert_array_equal(seen, 2 * directions[:, 1:, :])


def test_the_balanced_gauge(visitor):
    payload = payload_of_classes()
    rows, _, _ = reference_values(payload, "tied")
    order = [payload.networks.source[row] for row in rows]
    network = networks_of("tied")[order]
    n_lags = next(each.n_lags for each in payload.collections if each.id == "tied")
    stable = [each for each in range(COUNT) if np.abs(np.linalg.eigvals(network.W_h[each])).max() < 0.97]
    assert len(stable) > 10
    page = visitor.open(payload)
    compute = """([networks, lags]) => networks.map((network) => {
      const weights = spiralsink.balanced(spiralsink.readWeights(spiralsink.app.page, network));
      return spiralsink.featureDirections(weights, "linear", lags).map((each) => each.map((row) => row[0]));
    })"""
    found = np.array(page.evaluate(compute, [[rows[each] for each in stable], n_lags]))
    expected = np.asarray(sk.feature_directions(sk.to_gauge(network[np.array(stable)], "balanced"), n_lags))[..., 0]
    # each hidden unit up to its sign
    for ours, theirs in zip(found, expected, strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours @ ours.T, theirs @ theirs.T, rtol=1e-5, atol=1e-5 * scale**2)


def test_the_plane_of_a_wider_network(visitor):
    key = jax.random.key(3)
    W_x, W_h, W_y = (
        np.asarray(jax.random.normal(each, shape)) * size
        for each, shape, size in zip(jax.random.split(key, 3), [(5, 1), (5, 5), (5, 1)], [1.0, 0.3, 1.0], strict=True)
    )
    builder = PayloadBuilder()
    builder.collection("wide", recurrence="relu", n_hidden=5, n_lags=6)
    builder.network((W_x, W_h, W_y))
    scene = visitor.open(builder.payload(first=0)).evaluate(
        "(({ share, arrows }) => ({ share, points: arrows.map(({ point }) => [...point]) }))(spiralsink.app.scene)"
    )
    with sk.float64():
        network = sk.RecurrentNetwork(rounded(W_x), rounded(W_h), rounded(W_y), recurrence="relu", readout="relu")
    data = plots.plane_data(network, n_lags=6)
    unit = np.linalg.norm(W_y)
    assert scene["share"] == pytest.approx(data.share, abs=1e-6)
    points = np.abs(data.points[:, 0]) * unit  # the readout first, and then the rest, up to a sign
    np.testing.assert_allclose(np.abs(scene["points"])[:, ::-1], points, atol=2e-4 * np.abs(points).max())
    np.testing.assert_allclose(np.array(scene["points"])[:, 1], sk.projections(network, 6)[:, 0, 0], atol=1e-5)


def test_ages_have_the_colours_of_the_figures(visitor, payload):
    page = visitor.open(payload, color_scheme="light")
    found = page.evaluate(
        "Array.from({ length: 12 }, (_, lag) => spiralsink.ageColour(lag, 12).match(/\\d+/g).map(Number))"
    )
    from spiralsink.plots._style import age_colors

    np.testing.assert_allclose(found, 255 * age_colors(12)[:, :3], atol=4)
