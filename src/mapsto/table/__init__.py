"""Tables: read from anything, check their form, split them honestly. Knows no torch and no column types."""

from mapsto.table.form import check_form as check_form
from mapsto.table.form import duplicates_across as duplicates_across
from mapsto.table.form import require_rows as require_rows
from mapsto.table.form import same_contents as same_contents
from mapsto.table.frame import Levels as Levels
from mapsto.table.frame import Table as Table
from mapsto.table.frame import fingerprint as fingerprint
from mapsto.table.kinds import give_back as give_back
from mapsto.table.labels import MARK as MARK
from mapsto.table.labels import label_patterns as label_patterns
from mapsto.table.labels import labelled as labelled
from mapsto.table.listing import absolute as absolute
from mapsto.table.listing import fixed_folder as fixed_folder
from mapsto.table.listing import is_pattern as is_pattern
from mapsto.table.media import FILE as FILE
from mapsto.table.notes import Note as Note
from mapsto.table.paths import files_fingerprint as files_fingerprint
from mapsto.table.reading import read as read
from mapsto.table.selection import Selection as Selection
from mapsto.table.single import one_row as one_row
from mapsto.table.splits import Split as Split
from mapsto.table.splits import folds as folds
from mapsto.table.splits import split as split
from mapsto.table.writing import csv_text as csv_text
from mapsto.table.writing import require_writable as require_writable
from mapsto.table.writing import write as write
