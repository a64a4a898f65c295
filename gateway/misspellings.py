"""What a key that a file may not have was probably meant to be."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel


def nearest_key(model: type[BaseModel], location: Sequence[int | str]) -> str:
    """`; did you mean 'x'?`, or the keys that may stand there.

    `location` is where pydantic found an unknown key in data that `model` describes.
    """
    for part in location[:-1]:
        model = _member(model, part)
    keys = list(model.model_fields)
    near = get_close_matches(str(location[-1]), keys, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; the keys here are {', '.join(keys)}"


def _member(model: type[BaseModel], part: int | str) -> type[BaseModel]:
    """The model of what stands at `part`, itself where part is an index or a tag."""
    field = model.model_fields.get(str(part))
    return (_model_in(field.annotation) if field is not None else None) or model


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)
