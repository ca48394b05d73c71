"""Files as a table: pictures, sounds, texts or clips in folders named after their classes, or side by side.

A row is a file. The column named by the kind of the files holds their paths, or their bytes where they lie in a zip, or
for texts what is written in them; "file" holds their names, and "class" the folder each lies in. Folders train, valid
and test around these are the parts of the table.
"""

from __future__ import annotations

import glob
import unicodedata
from collections import Counter
from pathlib import Path

import polars as pl

from mapsto.errors import DataError
from mapsto.table.frame import Table
from mapsto.table.layout import decoded
from mapsto.table.listing import Folder, Listing, Matches, Packed, is_pattern
from mapsto.table.notes import Kind, Note, examples, plural
from mapsto.table.sources import Source, is_zip
from mapsto.table.suffixes import FORMS, KINDS, folder_role, names_only_table
from mapsto.table.unpacking import MOST_UNPACKED

FILE, CLASS = "file", "class"
MOST_TEXT = 4 << 20
"""Bytes read of a text."""
NOUNS = {"image": "picture", "audio": "sound", "video": "clip", "text": "text"}

_NAME, _INNER, _ENDING, _KIND, _PART = "name", "inner", "ending", "kind", "part"
"""Columns of the frame of files: name in the listing, name below the part's folder, and what follows from them."""
_TOP = r"^([^/]+)/"
_TRAIN = pl.col(_PART) == "train"


def read_media(path: Path, *, beside_tables: bool = False) -> Table | None:
    """The table of the files that a folder, zip or pattern holds; None where it holds a table, or no such files.

    With `beside_tables` tables among them count for nothing, and there must be folders of classes.
    """
    listing = _listing(path) if beside_tables else files_of(path)
    if listing is None:
        return None
    files, notes = _chosen(listing, texts_too=is_pattern(path))
    if not files.height or (beside_tables and sum(folder_role(name) is None for name in _classes(files)) < 2):
        return None
    tables = dict[str, pl.DataFrame]()
    for (role,), part in files.partition_by(_PART, as_dict=True, maintain_order=True).items():
        tables[str(role)], more = _table(part, listing)
        notes += more
    train = tables.pop("train")
    names = tuple(name for name in (FILE, CLASS) if name in train.columns)
    return Table(train, notes=[*notes, _told(files, listing, train)], parts=tables, names=names)


def read_file(path: Path) -> Table:
    """One file of a known kind as a table of one row."""
    path = path.resolve()
    listing = Matches(glob.escape(str(path)))
    files, notes = _chosen(listing, texts_too=True)
    frame, more = _table(files, listing)
    return Table(frame, "path", path.stem, str(path), [*notes, *more], names=(FILE,))


def files_of(path: Path) -> Listing | None:
    """The files of a folder, zip or pattern; None where a table lies among them, for then that is meant."""
    if path.is_dir() and _holds_table(path):
        return None
    listing = _listing(path)
    return None if listing is None or (not path.is_dir() and any(map(names_only_table, listing.names))) else listing


def _listing(path: Path) -> Listing | None:
    if path.is_dir():
        return Folder(path)
    if is_pattern(path):
        return Matches(str(path))
    return Packed(path) if is_zip(path) else None


def _holds_table(path: Path) -> bool:
    """Whether a table lies where a folder's tables are looked for: in it, or in one of its folders for a role."""
    places = [path, *(entry for entry in path.iterdir() if folder_role(entry.name) and entry.is_dir())]
    return any(
        names_only_table(entry.name) and entry.is_file() and not entry.name.startswith(".")
        for place in places
        for entry in place.iterdir()
    )


def nothing_in(path: Path) -> str:
    """What to say of a folder or zip that holds nothing to read."""
    listing = Folder(path) if path.is_dir() else Packed(path)
    names = listing.names
    found = Counter(Path(name).suffix.lower() or "no ending" for name in names).most_common(5)
    seen = ", ".join(f"{count:,} with {ending}" for ending, count in found) or "no file at all"
    return (
        f"{path} holds no table and no pictures, sounds, texts or clips (seen: {seen}); expected files ending in "
        f"{', '.join(FORMS)} (or .gz of these), or a folder of files ending in .{', .'.join(KINDS)}. "
        + " ".join(note.text for note in listing.notes)
    ).rstrip()


# -- which files, and where they belong


def _chosen(listing: Listing, *, texts_too: bool) -> tuple[pl.DataFrame, list[Note]]:
    """The files to read with the part each belongs to, and notes on those left out."""
    ending = pl.col(_NAME).str.extract(r"\.([^./]+)$").str.to_lowercase()
    every = pl.DataFrame({_NAME: listing.names}, schema={_NAME: pl.String}).with_columns(
        pl.col(_NAME).alias(_INNER),
        ending.alias(_ENDING),
        ending.replace_strict(KINDS, default=None, return_dtype=pl.String).alias(_KIND),
    )
    known, unused = _with_parts(_unwrapped(every.drop_nulls(_KIND), listing.stem), listing.where)
    known, strays = _of_one_depth(known)
    kind = _kind(known, texts_too=texts_too)
    others = known.filter(pl.col(_KIND).ne_missing(kind))
    unknown = every.filter(pl.col(_KIND).is_null())
    notes = [
        *listing.notes,
        *_lost_classes(known, others, unknown, listing),
        *_left_out(unused, listing.where, "in folders beside train, valid and test"),
        *_left_out(strays, listing.where, "not as deep in folders as most"),
        *_left_out(others, listing.where, f"of another kind than most ({kind})"),
        *_left_out(unknown, listing.where, "of no known kind"),
    ]
    return known.filter(pl.col(_KIND) == pl.lit(kind, dtype=pl.String)), notes


def _unwrapped(files: pl.DataFrame, stem: str) -> pl.DataFrame:
    """Without folders that hold everything, as zips often have one: neither classes nor parts."""
    while files.height:
        top = files[_INNER].str.extract(_TOP)
        depth = files[_INNER].str.count_matches("/").min()
        if top.null_count() or top.n_unique() > 1 or not (depth >= 2 or top[0] == stem):  # type: ignore[operator]
            break
        files = files.with_columns(_below())
    return files


def _below() -> pl.Expr:
    return pl.col(_INNER).str.replace(r"^[^/]+/", "")


def _with_parts(files: pl.DataFrame, where: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Files with the part they belong to, by the folders train, valid and test; and those in folders beside these."""
    tops = files[_INNER].str.extract(_TOP).drop_nulls().unique(maintain_order=True).to_list()
    roles = {top: role for top in tops if (role := folder_role(top))}
    if "train" not in roles.values() or len(roles) < 2:
        whole = len(roles) == len(tops) == 1  # all there is lies in one folder named test, or train
        return files.with_columns(_below() if whole else _INNER, pl.lit("train").alias(_PART)), files.clear()
    if len(set(roles.values())) < len(roles):
        message = f"{where} has several folders for one part: {roles}. Expected one each; move the others away."
        raise DataError(message)
    part = pl.col(_INNER).str.extract(_TOP).replace_strict(roles, default=None, return_dtype=pl.String)
    files = files.with_columns(part.alias(_PART), _below())
    return files.filter(pl.col(_PART).is_not_null()), files.filter(pl.col(_PART).is_null())


def _of_one_depth(files: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Files in class folders or files side by side, whichever are more in training; and the rest."""
    deep = pl.col(_INNER).str.contains("/", literal=True)
    mostly = files.filter(_TRAIN).select(deep.mean()).item() or 0
    keep = deep if mostly >= 0.5 else ~deep
    return files.filter(keep), files.filter(~keep)


def _kind(files: pl.DataFrame, *, texts_too: bool) -> str | None:
    """The commonest kind in training. Texts side by side are tables rather, unless a pattern names them."""
    train = files.filter(_TRAIN)
    counts = train[_KIND].value_counts().sort(pl.col("count"), pl.col(_KIND), descending=[True, False])
    kinds: list[str] = counts[_KIND].to_list()
    if not texts_too and train[_INNER].str.extract(_TOP).drop_nulls().n_unique() < 2:
        kinds = [kind for kind in kinds if kind != "text"]
    return kinds[0] if kinds else None


# -- the table


def _table(files: pl.DataFrame, listing: Listing) -> tuple[pl.DataFrame, list[Note]]:
    kind, names = str(files[_KIND][0]), files[_NAME].to_list()
    cells, notes = _texts(listing, names) if kind == "text" else (listing.cells(names), [])
    damaged = cells.is_null().arg_true().to_list()
    notes += _row_notes(damaged, "repair", "could not be unpacked, which leaves the cell empty", names)
    inner = files[_INNER].str.normalize("NFC")  # systems write the same letters in two ways
    columns = [cells.alias(kind), inner.alias(FILE)]
    folder = inner.str.extract(_TOP)
    if not folder.null_count():
        columns.append(folder.cast(pl.Categorical).alias(CLASS))
    return pl.DataFrame(columns), notes


def _texts(listing: Listing, names: list[str]) -> tuple[pl.Series, list[Note]]:
    """What is written in each file, cut where it is very long."""
    found, long, odd, total = list[str | None](), list[int](), list[int](), 0
    for row, data in enumerate(listing.contents(names, MOST_TEXT)):
        text, plain = (None, True) if data is None else _text(data[:MOST_TEXT])
        found.append(text)
        size = len(data or b"")
        total += size
        if total > MOST_UNPACKED:
            message = f"{listing.where} holds more than {MOST_UNPACKED >> 30} GiB of text; expected less. Give a part."
            raise DataError(message)
        if size > MOST_TEXT:
            long.append(row)
        if not plain:
            odd.append(row)
    notes = _row_notes(long, "warning", f"went beyond {MOST_TEXT >> 20} MiB, where the text was cut", names)
    notes += _row_notes(odd, "repair", "had bytes that are not UTF-8, and the likeliest encoding was taken", names)
    return pl.Series(found, dtype=pl.String), notes


def _text(data: bytes) -> tuple[str, bool]:
    """The text of bytes, and whether they are UTF-8 (a letter that was cut at the end does not count)."""
    try:
        return data.decode("utf-8-sig"), True
    except UnicodeDecodeError as error:
        if len(data) == MOST_TEXT and error.start > MOST_TEXT - 4:
            return data[: error.start].decode("utf-8-sig"), True
        return decoded(Source("text", ".txt", data=data))[0], False


# -- what is told


def _classes(files: pl.DataFrame) -> pl.Series:
    """The folders that files lie in, parts of the table aside."""
    return files[_INNER].str.extract(_TOP).drop_nulls().str.normalize("NFC").unique()


def _lost_classes(known: pl.DataFrame, others: pl.DataFrame, unknown: pl.DataFrame, listing: Listing) -> list[Note]:
    """A warning on folders beside the classes that hold files, of which none can be read."""
    there = set(_classes(known.filter(~pl.col(_NAME).is_in(others[_NAME].implode()))))
    if len(there) < 1:
        return []
    lost = dict[str, list[str]]()
    depth = known[_NAME].str.count_matches("/").min()
    for name in [*others[_NAME], *unknown[_NAME]]:
        parts = name.split("/")
        if len(parts) - 1 == depth and len(parts) > 1:
            lost.setdefault(unicodedata.normalize("NFC", parts[-2]), []).append(
                Path(name).suffix.lower() or "no ending"
            )
    lost = {folder: endings for folder, endings in lost.items() if folder not in there and not folder_role(folder)}
    if not lost:
        return []
    told = "; ".join(f"{folder!r} ({', '.join(sorted(set(endings)))})" for folder, endings in list(lost.items())[:5])
    folders = plural(len(lost), "folder")
    text = f"{listing.where}: no file in {folders} can be read, so that no class is made of it: {told}."
    return [Note("warning", text, count=sum(map(len, lost.values())))]


def _row_notes(rows: list[int], kind: Kind, what: str, names: list[str]) -> list[Note]:
    if not rows:
        return []
    text = f"{plural(len(rows), 'file')} {what}, first {names[rows[0]]!r}."
    return [Note(kind, text, rows=examples(rows), count=len(rows))]


def _left_out(files: pl.DataFrame, where: str, why: str) -> list[Note]:
    if not files.height:
        return []
    endings = files[_ENDING].fill_null("").value_counts(sort=True).rows()
    shown = ", ".join(f"{count:,} {'.' + ending if ending else 'without an ending'}" for ending, count in endings[:5])
    text = f"{where}: {plural(files.height, 'file')} {why} {'was' if files.height == 1 else 'were'} left out ({shown})."
    return [Note("warning" if files[_KIND].null_count() == 0 else "info", text, count=files.height)]


def _told(files: pl.DataFrame, listing: Listing, train: pl.DataFrame) -> Note:
    kind = str(files[_KIND][0])
    parts = files[_PART].value_counts(sort=True).rows()
    told = plural(files.height, NOUNS[kind])
    if CLASS in train.columns:
        told += f" in {plural(train[CLASS].n_unique(), 'folder')}, the column {CLASS!r}"
    if len(parts) > 1:
        told += f" ({', '.join(f'{count:,} to {role}' for role, count in parts)})"
    return Note("info", f"{listing.where}: {told}; column {kind!r} holds them, {FILE!r} their names.")
