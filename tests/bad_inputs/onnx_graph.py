"""`ser export --onnx` with a number format that there is not."""

from pathlib import Path

from bad_inputs.registry import bad_input


@bad_input("onnx: another number format", says="'int4' is not one of 'float32', 'int8'", code=2)
def another_format(folder: Path) -> list[str]:
    return ["export", "mine", "--onnx", "int4"]


@bad_input("onnx: before the name", says="'mine' is not one of 'float32', 'int8'", code=2)
def before_the_name(folder: Path) -> list[str]:
    return ["export", "--onnx", "mine"]
