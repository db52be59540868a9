"""Columns and rows of result files as JSON, for the nf-test suite; an empty or torn file is an error."""

import json
import re
import sys
from pathlib import Path

FAMILY = 8  # columns of one pattern that are shown as one


def shown(columns: list[str]) -> str:
    """Names of columns in one line; many of a kind, such as a column per chromosome arm or per gene set, as one with their number."""
    kinds = [re.sub(r"(?<=[:_]).+", "*", re.sub(r"^\d+[pq]\b", "<arm>", name)) for name in columns]
    words = [
        f"{kind} ({kinds.count(kind)})" if kinds.count(kind) >= FAMILY else name
        for name, kind in zip(columns, kinds, strict=True)
    ]
    return " ".join(dict.fromkeys(words))


def described(path: Path) -> dict[str, object]:
    """{"columns": text or null, "rows": number or null}."""
    kind = path.suffix
    if path.is_dir():
        assert any(path.iterdir()), f"{path} is an empty folder"
        return {"columns": None, "rows": None}
    assert path.stat().st_size, f"{path} is empty"
    if kind == ".tsv":
        header, *rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
        assert all(len(row) == len(header) for row in rows), f"{path} has rows of another length"
        assert not any("nan" in row for row in rows), f"{path} writes nan for what is missing"
        return {"columns": shown(header), "rows": len(rows)}
    if kind == ".parquet":
        import pyarrow.parquet as pq

        table = pq.ParquetFile(path)
        return {"columns": shown(table.schema_arrow.names), "rows": table.metadata.num_rows}
    if kind in (".h5ad", ".h5mu"):
        import h5py

        with h5py.File(path) as file:
            obs = file["obs"]
            names = [str(name) for name in obs.attrs["column-order"]]
            return {"columns": shown(names), "rows": len(obs[obs.attrs["_index"]])}
    if kind == ".json":
        json.loads(path.read_text(encoding="utf-8"))
    return {"columns": None, "rows": None}


print(json.dumps({name: described(Path(name)) for name in sys.argv[1:]}))
