"""One tensor of a checkpoint: what it is, and the matrices it holds."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from theodolite.sources.anatomy import Anatomy, module_of
from theodolite.sources.convolutions import Kernel, operator, slices, squeezed, unfold, without_operator
from theodolite.sources.errors import CheckpointError
from theodolite.sources.heads import heads_to_rows, rows_to_heads
from theodolite.sources.listing import listed_because
from theodolite.sources.packing import Cutting, Piece, cutting
from theodolite.sources.parts import Cut, Matrix, Rearranged
from theodolite.sources.record import Record
from theodolite.sources.relaid import Relaid
from theodolite.sources.roles import role_of
from theodolite.sources.stored import StoredTensor
from theodolite.sources.weightwatcher import choose

if TYPE_CHECKING:
    from theodolite.core.views import Spectrum

KernelView = Literal["unfold", "slices", "fft"]
Convention = Literal["theodolite", "weightwatcher"]
_HEADED = re.compile(r"(^|\.)W_[QKV]$")
_TURNED_CONV = re.compile(
    r"(^|[._])(deconv\w*|\w*conv_?trans(pose)?\w*|transposed_conv|upconv\w*|ups\.\d+)(\.|$)", re.IGNORECASE
)


class Weight:
    """One tensor of a checkpoint; nothing is read before it is asked for.

    Attributes
    ----------
    name : str
        Its name as stored, without a uniform ``module.`` prefix and without the name of the dictionary around it.
    stored_name : str
        Its name with that prefix.
    shape : tuple of int
        Its shape as stored.
    dtype : str
        Its element type: ``"F64"``, ``"F32"``, ``"F16"``, ``"BF16"``, ``"F8_E4M3"``, ``"F8_E5M2"``, ``"I8"``, ...
    file : str or None
        Name of the file that holds it.
    block : int or None
        Index of the block it belongs to.
    record : Record
        What its reader found.
    """

    def __init__(
        self, name: str, record: Record, anatomy: Anatomy, block: int | None, tied: Callable[[str], str | None]
    ) -> None:
        self.name = name
        self.stored_name = record.name
        self.shape = record.shape
        self.dtype = record.dtype
        self.file = record.file
        self.block = block
        self.record = record
        self._anatomy = anatomy
        self._tied = tied

    @property
    def module(self) -> str:
        """Name of the layer: the tensor's without a final ``.weight``, ``.bias``, ``.gamma`` and the like.

        Returns
        -------
        str
            The name.
        """
        return module_of(self.name)

    @property
    def parameters(self) -> int:
        """Number of elements.

        Returns
        -------
        int
            The product of the shape.
        """
        return math.prod(self.shape)

    @cached_property
    def _packed_role(self) -> str:
        return role_of(self.name, self.shape, self._anatomy, self.record.layer)

    @property
    def role(self) -> str:
        """What the tensor does; of a packed tensor, what its parts do is on them.

        Returns
        -------
        str
            One of query, key, value, output, gate, up, down, embedding, head, norm, conv, router, expert, adapter,
            other; ``"qkv"`` for a packed projection.
        """
        return "up" if self._packed_role == "gate_up" else self._packed_role

    @cached_property
    def tied_to(self) -> str | None:
        """Name of the tensor that this one is the same as.

        Returns
        -------
        str or None
            The first tensor with this content, None where it is this one.
        """
        return self._tied(self.name)

    @cached_property
    def listed_because(self) -> str | None:
        """Why the tensor is listed and not measured.

        Returns
        -------
        str or None
            The reason, or None where it is measured.
        """
        reason = listed_because(self.record, self.name, self._packed_role, self._anatomy)
        if reason is None and self.tied_to is not None:
            return f"tied to {self.tied_to}, which is measured"
        return reason

    @cached_property
    def remark(self) -> str | None:
        """What could not be told about the tensor's parts, and what would help.

        Returns
        -------
        str or None
            A sentence, or None where nothing is in doubt.
        """
        return self._cutting.remark if self.listed_because is None and self._table is not None else None

    def listing(
        self, convention: Convention = "theodolite", view: KernelView = "unfold", *, input_size: int = 32
    ) -> str | None:
        """Say why the tensor is not measured under a convention and in a view.

        Parameters
        ----------
        convention : {"theodolite", "weightwatcher"}
            Whose choice of matrices.
        view : {"unfold", "slices", "fft"}
            As for `matrices`; some kernels have no operator.
        input_size : int
            As for `matrices`.

        Returns
        -------
        str or None
            The reason, or None where it is measured.
        """
        if self.listed_because is not None:
            return self.listed_because
        if convention == "theodolite":
            return without_operator(self._kernel, input_size) if view == "fft" and self._is_kernel else None
        return choose(self.name, self._laid_out, self.role, self._turned_conv).reason

    def fingerprint(self) -> bytes:
        """Hash the element type, the shape and the stored bytes.

        Returns
        -------
        bytes
            32 bytes of SHA-256; equal tensors have equal fingerprints whatever file holds them.
        """
        state = hashlib.sha256(f"{self.dtype}{self.shape}".encode())
        for chunk in self.chunks():
            state.update(chunk)
        return state.digest()

    def chunks(self) -> Iterator[memoryview]:
        """Go through the stored bytes, whatever the element type, in little-endian C order.

        Returns
        -------
        iterator of memoryview
            Pieces of a few megabytes at most, or of one row where rows are larger.
        """
        return (self._content if self.record.content is None else self.record.content).chunks()

    def array(self) -> NDArray[Any]:
        """Read the whole tensor.

        Returns
        -------
        numpy.ndarray
            The tensor in its stored shape and type (BF16 and FP8 as `ml_dtypes`).
        """
        return self._content.read()

    def matrices(
        self, view: KernelView = "unfold", convention: Convention = "theodolite", *, input_size: int = 32
    ) -> dict[str, Matrix]:
        """Name the matrices that the tensor holds, each out x in and read when it is used.

        Parameters
        ----------
        view : {"unfold", "slices", "fft"}
            How kernels of convolutions become matrices: one out x (in·sizes) matrix; a stack of one out x in matrix
            per position of the kernel; a stack of real 2·out x 2·in blocks, one per pair of spatial frequencies,
            whose pooled singular values are those of the operator with circular padding and stride 1.
        convention : {"theodolite", "weightwatcher"}
            Whose choice of matrices; that of WeightWatcher 0.7.7 has its own view of convolutions.
        input_size : int
            Length of the input along each spatial axis, even, for ``view="fft"``.

        Returns
        -------
        dict of str to Matrix
            By part: ``""`` for a whole tensor; ``"query"``, ``"key"``, ``"value"``; ``"gate"``, ``"up"``;
            ``"expert.3"``, ``"expert.3.gate"``; the gates of a recurrent layer. Empty where the tensor is listed.

        Raises
        ------
        ValueError
            If a choice is unknown.
        """
        if view not in {"unfold", "slices", "fft"}:
            raise ValueError(f"view: got {view!r}; expected 'unfold', 'slices' or 'fft'")
        if convention not in {"theodolite", "weightwatcher"}:
            raise ValueError(f"convention: got {convention!r}; expected 'theodolite' or 'weightwatcher'")
        if self.listed_because is not None:
            return {}
        if convention == "weightwatcher":
            chosen = choose(self.name, self._laid_out, self.role, self._turned_conv).matrix
            return {} if chosen is None else {"": chosen}
        if self._is_headed:
            return {"": self._heads()}
        if not self._is_kernel:
            return {piece.part: self._cut(piece) for piece in self._cutting.pieces}
        if view == "fft":
            return {"": operator(self._kernel, input_size)}
        return {"": unfold(self._kernel) if view == "unfold" else slices(self._kernel)}

    def spectrum(
        self,
        part: str | None = None,
        *,
        view: KernelView = "unfold",
        convention: Convention = "theodolite",
        input_size: int = 32,
    ) -> Spectrum:
        """Look at the spectrum of one of the tensor's matrices.

        Parameters
        ----------
        part : str, optional
            Which part; needed only where there are several.
        view : {"unfold", "slices", "fft"}
            As for `matrices`.
        convention : {"theodolite", "weightwatcher"}
            As for `matrices`.
        input_size : int
            As for `matrices`.

        Returns
        -------
        Spectrum
            A view that reads the matrix when it is first asked for something.

        Raises
        ------
        ValueError
            If the tensor is not measured, or there is no such part.
        """
        parts = self.matrices(view, convention, input_size=input_size)
        if not parts:
            raise ValueError(f"{self.name}: it is not measured: {self.listing(convention)}")
        if part is None and len(parts) == 1:
            return next(iter(parts.values())).spectrum()
        if part not in parts:
            shown = ", ".join(map(repr, list(parts)[:8])) + (", ..." if len(parts) > 8 else "")
            raise ValueError(f"part: got {part!r}; {self.name} has the parts {shown}")
        return parts[part].spectrum()

    def __repr__(self) -> str:
        because = f", listed: {self.listed_because}" if self.listed_because else ""
        return (
            f"Weight({self.name!r}, {' x '.join(map(str, self.shape)) or 'scalar'}, {self.dtype}, {self.role}{because})"
        )

    @property
    def has_content(self) -> bool:
        """Whether its bytes can be had.

        Returns
        -------
        bool
            False for sparse tensors, tensors on the meta device and the like.
        """
        return self.record.content is not None

    @property
    def _content(self) -> StoredTensor:
        if not isinstance(self.record.content, StoredTensor):
            raise self._unreadable()
        return self.record.content

    @property
    def _laid_out(self) -> StoredTensor:
        layout = self.record.layout
        return self._content if layout == "channels_first" else Relaid(self._content, layout)

    @property
    def _is_headed(self) -> bool:
        return len(self.shape) == 3 and _HEADED.search(self.name) is not None

    @property
    def _is_kernel(self) -> bool:
        return self._table is None and not self._is_headed

    @property
    def _kernel(self) -> Kernel:
        return Kernel(self._laid_out, self._turned_conv, self.record.groups)

    @cached_property
    def _table(self) -> tuple[int, ...] | None:
        """The shape as a table or as a stack of experts; None for kernels of convolutions."""
        if len(self.shape) == 2:
            return self.shape
        if len(self.shape) == 3 and self._packed_role == "expert":
            return self.shape
        if re.search(r"(^|\.)W_O$", self.name) and len(self.shape) == 3:
            return (self.shape[0] * self.shape[1], self.shape[2])
        tight = squeezed(self.shape)
        if self._packed_role != "conv" and len(tight) == 2:
            return tight
        return None

    @cached_property
    def _cutting(self) -> Cutting:
        table = self._table or self.shape
        if re.search(r"(^|\.)W_O$", self.name) and len(self.shape) == 3:
            return Cutting([Piece("", "output", (range(table[0]),), (range(table[1]),), turned=True)])
        return cutting(self.name, table, self._packed_role, self._anatomy)

    @property
    def _turned_conv(self) -> bool:
        if self.record.layer is not None:
            return "Transpose" in self.record.layer
        return len(self.shape) >= 3 and _TURNED_CONV.search(self.name) is not None

    def _cut(self, piece: Piece) -> Matrix:
        return Cut(self._content, piece.rows, piece.columns, piece.turned, piece.role)

    def _heads(self) -> Matrix:
        heads, model, width = self.shape
        shape, dtype = (heads * width, model), self._content.dtype
        restore = partial(rows_to_heads, heads=heads)
        return Rearranged(self._content, heads_to_rows, shape, dtype, self.role, restore=restore)

    def _unreadable(self) -> CheckpointError:
        return CheckpointError(
            f"its content cannot be read as an array ({self.listed_because})",
            file=self.file,
            tensor=self.name,
            remedy="Convert the checkpoint to a floating-point type.",
        )
