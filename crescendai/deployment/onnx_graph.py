"""A JAX function of fixed shapes as an ONNX graph.

JAX traces the function to a list of primitive operations; each becomes one or a few ONNX operators of the same
meaning (JAX: jax.lax; ONNX: operator set 18). Loops have a known length and are written out. What the networks here
do not use is not translated, and refused.
"""

from collections.abc import Callable, Sequence

import jax
import numpy as np
import onnx
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal, Var
from onnx import TensorProto, helper, numpy_helper

from crescendai.errors import DataError

OPSET, IR_VERSION = 18, 10
SAME = {
    "add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "max": "Max", "min": "Min", "lt": "Less", "gt": "Greater",
    "ge": "GreaterOrEqual", "le": "LessOrEqual", "eq": "Equal", "and": "And", "or": "Or", "not": "Not", "exp": "Exp",
    "log": "Log", "sqrt": "Sqrt", "erf": "Erf", "tanh": "Tanh", "logistic": "Sigmoid", "sign": "Sign", "neg": "Neg",
    "abs": "Abs", "stop_gradient": "Identity", "copy": "Identity",
}  # fmt: skip
INNER = ("jit", "pjit", "closed_call", "custom_vjp_call", "custom_jvp_call", "remat", "checkpoint")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def onnx_graph(
    function: Callable, inputs: Sequence[tuple[str, jax.ShapeDtypeStruct]], outputs: Sequence[str], name: str
) -> onnx.ModelProto:
    """``function(*inputs)`` -> a tuple of arrays, as a checked ONNX model; what it closes over is part of it.

    inputs: names and shapes. outputs: names.

    Raises:
        DataError: an operation that is not translated.
    """
    traced = jax.make_jaxpr(function)(*(of for _, of in inputs))
    graph = _Graph()
    known = dict(zip(traced.jaxpr.invars, (name for name, _ in inputs), strict=True))
    results = graph.run(traced, known)
    for result, output in zip(results, outputs, strict=True):
        graph.nodes.append(helper.make_node("Identity", [result], [output]))
    made = helper.make_graph(
        graph.nodes, name,
        [_described(label, of) for label, of in inputs],
        [_described(label, of) for label, of in zip(outputs, traced.out_avals, strict=True)],
        graph.constants,
    )  # fmt: skip
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="crescendai")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model


def _described(name: str, of: jax.ShapeDtypeStruct) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(of.dtype)), of.shape)


class _Graph:
    """Nodes and constants as they come. A value is known by its name."""

    def __init__(self):
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []
        self._count = 0

    def run(self, traced: ClosedJaxpr, known: dict[Var, str]) -> list[str]:
        """Writes out a traced function whose inputs are known; names of its results."""
        known = known | {
            var: self.constant(value) for var, value in zip(traced.jaxpr.constvars, traced.consts, strict=True)
        }
        for equation in traced.jaxpr.eqns:
            names = [self._name(of, known) for of in equation.invars]
            results = self._equation(equation, names)
            known |= dict(zip(equation.outvars, results, strict=True))
        return [self._name(of, known) for of in traced.jaxpr.outvars]

    def constant(self, value: object) -> str:
        name = self._new()
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def op(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = self._new()
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def _new(self) -> str:
        self._count += 1
        return f"v{self._count}"

    def _name(self, of: Var | Literal, known: dict[Var, str]) -> str:
        return self.constant(np.asarray(of.val, of.aval.dtype)) if isinstance(of, Literal) else known[of]

    def _ints(self, values: Sequence[int]) -> str:
        return self.constant(np.array(values, np.int64))

    def _equation(self, equation, names: list[str]) -> list[str]:
        kind, given = equation.primitive.name, equation.params
        shapes = [of.aval.shape for of in equation.invars]
        out = equation.outvars[0].aval
        if kind in INNER:
            inner = given.get("jaxpr") or given.get("call_jaxpr")
            closed = ClosedJaxpr(inner, ()) if isinstance(inner, Jaxpr) else inner
            return self.run(closed, dict(zip(closed.jaxpr.invars, names, strict=True)))
        if kind == "scan":
            return self._loop(given, names)
        if kind == "split":
            return self._split(given, names[0], len(equation.outvars))
        return [self._single(kind, given, names, shapes, out)]

    def _single(self, kind: str, given: dict, names: list[str], shapes: list[tuple[int, ...]], out) -> str:
        if kind in SAME:
            return self.op(SAME[kind], *names)
        match kind:
            case "ne":
                return self.op("Not", self.op("Equal", *names))
            case "rem":
                return self.op("Mod", *names, fmod=1)  # the sign of the dividend, as in C
            case "square":
                return self.op("Mul", names[0], names[0])
            case "rsqrt":
                return self.op("Reciprocal", self.op("Sqrt", names[0]))
            case "integer_pow":
                return self.op("Pow", names[0], self.constant(np.array(given["y"], out.dtype)))
            case "select_n":
                return self.op("Where", names[0], names[2], names[1])
            case "convert_element_type":
                return self.op("Cast", names[0], to=helper.np_dtype_to_tensor_dtype(np.dtype(given["new_dtype"])))
            case "iota":
                axis = [1] * len(out.shape)
                axis[given["dimension"]] = -1
                counted = np.arange(out.shape[given["dimension"]], dtype=out.dtype).reshape(axis)
                return self.constant(np.ascontiguousarray(np.broadcast_to(counted, out.shape)))
            case "reshape" | "squeeze" | "expand_dims":
                return self.op("Reshape", names[0], self._ints(out.shape))
            case "broadcast_in_dim":
                spread = [1] * len(out.shape)
                for axis, size in zip(given["broadcast_dimensions"], shapes[0], strict=True):
                    spread[axis] = size
                return self.op("Expand", self.op("Reshape", names[0], self._ints(spread)), self._ints(out.shape))
            case "transpose":
                return self.op("Transpose", names[0], perm=[int(axis) for axis in given["permutation"]])
            case "reduce_sum" | "reduce_max":
                operator = {"reduce_sum": "ReduceSum", "reduce_max": "ReduceMax"}[kind]
                return self.op(operator, names[0], self._ints(given["axes"]), keepdims=0)
            case "concatenate":
                return self.op("Concat", *names, axis=int(given["dimension"]))
            case "slice":
                steps = given["strides"] or [1] * len(shapes[0])
                axes = range(len(shapes[0]))
                parts = (given["start_indices"], given["limit_indices"], axes, steps)
                return self.op("Slice", names[0], *(self._ints(part) for part in parts))
            case "pad" if all(low >= 0 and high >= 0 and inner == 0 for low, high, inner in given["padding_config"]):
                ends = [[int(of[end]) for of in given["padding_config"]] for end in (0, 1)]
                return self.op("Pad", names[0], self._ints(ends[0] + ends[1]), names[1])
            case "dot_general":
                return self._product(given["dimension_numbers"], names, shapes)
        raise DataError(f"export: expected operations that ONNX has, found {kind!r}; export with --jax")

    def _product(self, numbers: tuple, names: list[str], shapes: list[tuple[int, ...]]) -> str:
        (left_summed, right_summed), (left_batch, right_batch) = numbers
        letters = iter(LETTERS)
        left = [next(letters) for _ in shapes[0]]
        right = [next(letters) for _ in shapes[1]]
        for ours, theirs in (*zip(left_summed, right_summed, strict=True), *zip(left_batch, right_batch, strict=True)):
            right[theirs] = left[ours]
        batch = [left[axis] for axis in left_batch]
        rest = [
            letter
            for side, used in ((left, (*left_summed, *left_batch)), (right, (*right_summed, *right_batch)))
            for axis, letter in enumerate(side)
            if axis not in used
        ]
        if not batch and tuple(left_summed) == (len(left) - 1,) and tuple(right_summed) == (0,) and len(right) == 2:
            return self.op("MatMul", *names)
        return self.op("Einsum", *names, equation=f"{''.join(left)},{''.join(right)}->{''.join(batch + rest)}")

    def _split(self, given: dict, name: str, count: int) -> list[str]:
        results = [self._new() for _ in range(count)]
        sizes = self._ints(given["sizes"])
        self.nodes.append(helper.make_node("Split", [name, sizes], results, axis=int(given["axis"])))
        return results

    def _loop(self, given: dict, names: list[str]) -> list[str]:
        """Every turn of a scan, one after the other."""
        body, num_consts, num_carry = given["jaxpr"], given["num_consts"], given["num_carry"]
        consts, carry, rows = (
            names[:num_consts],
            names[num_consts : num_consts + num_carry],
            names[num_consts + num_carry :],
        )
        turns = range(given["length"])
        stacked: dict[int, list[str]] = {turn: [] for turn in turns}
        for turn in reversed(turns) if given["reverse"] else turns:
            own = [self.op("Gather", row, self.constant(np.array(turn, np.int64)), axis=0) for row in rows]
            results = self.run(body, dict(zip(body.jaxpr.invars, [*consts, *carry, *own], strict=True)))
            carry = results[:num_carry]
            stacked[turn] = [self.op("Unsqueeze", result, self._ints([0])) for result in results[num_carry:]]
        columns = zip(*(stacked[turn] for turn in turns), strict=True)
        return [*carry, *(self.op("Concat", *column, axis=0) for column in columns)]
