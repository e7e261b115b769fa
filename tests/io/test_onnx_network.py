"""Networks of strangers: what is refused, in words, before or instead of being run."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from action_spotting.errors import InputError
from action_spotting.io.onnx_network import OnnxNetwork
from action_spotting.visual.detector import Detector, DetectorSettings

FLOAT = TensorProto.FLOAT


def save(path, nodes, inputs, outputs, constants=()):
    values = [onnx.numpy_helper.from_array(value, name) for name, value in constants]
    graph = helper.make_graph(nodes, "g", inputs, outputs, values)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


def value(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def with_loop(path, *, hidden: bool = False):
    """A network that turns 2^62 times, if it is let; `hidden` in a branch of another node."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["c2"]), helper.make_node("Identity", ["x"], ["x2"])],
        "body",
        [value("i", [], TensorProto.INT64), value("c", [], TensorProto.BOOL), value("x", None)],
        [value("c2", [], TensorProto.BOOL), value("x2", None)],
    )
    loop = helper.make_node("Loop", ["n", "yes", "images"], ["y"], body=body)
    constants = [("n", np.array(2**62)), ("yes", np.array(True))]
    if hidden:
        branch = helper.make_graph([loop], "branch", [], [value("y", None)])
        loop = helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)
    return save(path, [loop], [value("images", [1, 3, 8, 8])], [value("y", None)], constants)


def test_a_plain_network_runs(tmp_path):
    doubled = helper.make_node("Add", ["x", "x"], ["y"])
    path = save(tmp_path / "n.onnx", [doubled], [value("x", ["n", 2])], [value("y", ["n", 2])])
    network = OnnxNetwork(path)
    assert (network.shape, network.dtype) == ((None, 2), np.float32)
    np.testing.assert_array_equal(network(np.ones((3, 2))), np.full((3, 2), 2, np.float32))


@pytest.mark.parametrize("hidden", [False, True])
def test_control_flow_is_refused_before_it_runs(tmp_path, hidden):
    with pytest.raises(InputError, match="control flow"):
        OnnxNetwork(with_loop(tmp_path / "n.onnx", hidden=hidden))


def test_no_input_two_inputs_and_text_are_refused(tmp_path):
    same = helper.make_node("Identity", ["x"], ["y"])
    for i, (inputs, kind) in enumerate([(["x", "z"], FLOAT), (["x"], TensorProto.STRING)]):
        made = [value(name, [1], kind) for name in inputs]
        path = save(tmp_path / f"{i}.onnx", [same], made, [value("y", [1], kind)])
        with pytest.raises(InputError, match="one input of floats"):
            OnnxNetwork(path)
    constant = helper.make_node("Identity", ["k"], ["y"])
    path = save(tmp_path / "k.onnx", [constant], [], [value("y", [1])], [("k", np.ones(1, "f4"))])
    with pytest.raises(InputError, match="one input of floats.*none"):
        OnnxNetwork(path)


@pytest.mark.parametrize(
    ("node", "kind", "shape", "message"),
    [
        (helper.make_node("ReduceMean", ["x"], ["y"], keepdims=0), FLOAT, [], "output of shape"),
        (helper.make_node("ReduceMean", ["x"], ["y"], axes=[0]), FLOAT, None, "a batch of 2"),
        (helper.make_node("Log", ["x"], ["y"]), FLOAT, None, "not finite"),
        (helper.make_node("Cast", ["x"], ["y"], to=TensorProto.INT64), TensorProto.INT64, None,
         "no array of floats"),
        (helper.make_node("SequenceConstruct", ["x"], ["y"]), None, None, "no array of floats"),
    ],
)  # fmt: skip
def test_outputs_that_are_no_answer_are_refused(tmp_path, node, kind, shape, message):
    if kind is None:
        tensor = helper.make_tensor_type_proto(FLOAT, None)
        output = helper.make_value_info("y", helper.make_sequence_type_proto(tensor))
    else:
        output = value("y", shape, kind)
    network = OnnxNetwork(save(tmp_path / "n.onnx", [node], [value("x", ["n", 3])], [output]))
    with pytest.raises(InputError, match=message):
        network(np.zeros((2, 3)))


@pytest.mark.parametrize(
    "names",
    [
        "{1e999: 'person', 32: 'sports ball'}",
        "-" * 60_000 + "1",
        "[" * 60_000,
        "{" + "0: 'person'," * 10_000 + "}",
        "{-5: 'person', 32: 'sports ball'}",
        "{0: 'person', 999999999: 'sports ball'}",
        "{True: 'person', 32: 'sports ball'}",
        "['person']",
        "7",
    ],
)
def test_class_names_that_name_no_classes_are_refused(new_detector, tmp_path, names):
    path = new_detector(tmp_path / "n.onnx", names=names)
    with pytest.raises(InputError, match="are needed|counted from 0"):
        Detector(DetectorSettings(path, batch_size=1))


def test_class_names_may_be_a_list(new_detector, tmp_path):
    box = (320, 320, 40, 80, 1.0, 1, 0.9)
    path = new_detector(
        tmp_path / "n.onnx", boxes=[box], classes=2, names="['sports ball', 'person']"
    )
    (found,) = Detector(DetectorSettings(path, batch_size=1))(
        np.full((1, 640, 640, 3), 255, np.uint8)
    )
    assert found.kind.tolist() == [0]


@pytest.mark.parametrize("options", [{"side": 65_536}, {"batch": 10**6}, {"batch": 0}])
def test_inputs_that_take_too_much_memory_are_refused(new_detector, tmp_path, options):
    path = new_detector(tmp_path / "n.onnx", **options)
    with pytest.raises(InputError, match=r"GB, of 2 allowed|not an ONNX network|does not run"):
        Detector(DetectorSettings(path))
