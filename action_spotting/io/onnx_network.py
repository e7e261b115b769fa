"""An ONNX network from a file that nobody vouches for: checked before it is run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from action_spotting.errors import InputError, UsageError, unknown
from action_spotting.io.files import read_bytes
from action_spotting.io.gpus import why_none

MAX_ONNX_BYTES = 2**30
MAX_INPUT_BYTES = 2 * 2**30
"""Of one batch; larger ones are refused before memory is taken."""

CONTROL_FLOW = {"Loop", "Scan", "If", "SequenceMap"}
"""What can run for ever or hide a graph; no image network needs them."""


class OnnxNetwork:
    """A network with one input of floats; may be called from several threads, one at a time.

    Parameters
    ----------
    path
        The ``.onnx`` file, all of it in one file.
    gpu
        Index of the GPU; -1: the CPU; None: the first GPU, or the CPU where there is none.
    output
        The output that is wanted, or any array inside the network, such as what goes into its
        classifier; empty: the first output.

    Attributes
    ----------
    shape
        Of the input; an int where the file fixes a side, else None.
    dtype
        Of the input: float32 or float16.
    metadata
        What the export wrote beside the network.
    output
        Name of the output that calls give.
    device
        The provider that runs it.

    Raises
    ------
    InputError
        Not ONNX, numbers kept in other files, control flow, no output, or an input that is no
        array of floats.
    UsageError
        No such output.
    """

    def __init__(self, path: Path, gpu: int | None = -1, output: str = "") -> None:
        import onnxruntime

        self.path = path
        model = check_graph(path)
        self.output = _choose_output(path, model.graph, output)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what fails is raised
        providers: list[Any] = ["CPUExecutionProvider"]
        has_gpus = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
        if gpu is not None and gpu >= 0 and not has_gpus:
            raise UsageError(f"--GPU {gpu}: {why_none('onnxruntime')}; --GPU -1 is the CPU")
        if gpu != -1 and has_gpus:
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": gpu or 0}))
        try:
            self._session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=providers
            )
        except _runtime_errors() as error:
            raise InputError(f"{path}: not an ONNX network ({_brief(error)})") from error
        self.device: str = self._session.get_providers()[0]
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        inputs = self._session.get_inputs()
        types = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
        if len(inputs) != 1 or inputs[0].type not in types:
            given = ", ".join(f"{entry.name}: {entry.type}" for entry in inputs) or "none"
            raise InputError(f"{path}: one input of floats is expected, it has {given}"[:400])
        self._name: str = inputs[0].name
        self.dtype = np.dtype(types[inputs[0].type])
        self.shape = tuple(side if isinstance(side, int) else None for side in inputs[0].shape)
        self._lock = threading.Lock()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Give the chosen output for `batch`, an array of the input's shape.

        Returns
        -------
        ndarray
            float32, finite, with as many rows as `batch`.

        Raises
        ------
        InputError
            The network does not run, or its output is not such an array.
        """
        try:
            with self._lock:
                inputs = {self._name: batch.astype(self.dtype, copy=False)}
                (answer,) = self._session.run([self.output], inputs)
        except _runtime_errors() as error:
            raise InputError(f"{self.path}: does not run ({_brief(error)})") from error
        if not isinstance(answer, np.ndarray) or answer.dtype.kind != "f":
            raise InputError(f"{self.path}: its output {self.output} is no array of floats")
        if answer.ndim == 0 or len(answer) != len(batch):
            raise InputError(
                f"{self.path}: answers a batch of {len(batch)} with an output of shape "
                f"{answer.shape}; export it with a free batch size"
            )
        if not np.isfinite(answer).all():
            raise InputError(f"{self.path}: its output is not finite")
        return answer.astype(np.float32, copy=False)


def _choose_output(path: Path, graph: Any, output: str) -> str:
    """Give the name of the output that is wanted, made one where it lies inside the network."""
    names = [entry.name for entry in graph.output]
    if not names:
        raise InputError(f"{path}: has no output")
    if output and output not in names:
        if not any(output in node.output for node in graph.node):
            raise UsageError(f"{path}: {unknown('output', output, names)}")
        graph.output.add().name = output
    return output or names[0]


def check_graph(path: Path) -> Any:
    """Read a network; refuse control flow, and numbers in other files, which it names itself."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(read_bytes(path, MAX_ONNX_BYTES))
    except (DecodeError, ValueError) as error:
        raise InputError(f"{path}: not an ONNX network ({_brief(error)})") from error
    for graph in _graphs([model.graph, *model.functions]):
        if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in _tensors(graph)):
            raise InputError(f"{path}: keeps its numbers in other files; export it as one file")
        loops = sorted(CONTROL_FLOW & {node.op_type for node in graph.node})
        if loops:
            raise InputError(
                f"{path}: has control flow ({', '.join(loops)}), which may never end; export it "
                "without"
            )
    return model


def _graphs(graphs: list[Any]) -> Iterator[Any]:
    """Every graph, and the graphs in their nodes."""
    while graphs:
        graph = graphs.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                graphs += [attribute.g, *attribute.graphs]


def _tensors(graph: Any) -> Iterator[Any]:
    """Every array of a graph and of its nodes."""
    yield from getattr(graph, "initializer", ())
    sparse = list(getattr(graph, "sparse_initializer", ()))
    for node in graph.node:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            sparse += [attribute.sparse_tensor, *attribute.sparse_tensors]
    for tensor in sparse:
        yield from (tensor.values, tensor.indices)


def _runtime_errors() -> tuple[type[BaseException], ...]:
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NotImplemented,
        state.RuntimeException,
        ValueError,
    )


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
