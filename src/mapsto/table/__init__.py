"""Tables: read from anything, check their form, split them honestly. Knows no torch and no column types."""

from mapsto.table.frame import Table as Table
from mapsto.table.frame import fingerprint as fingerprint
from mapsto.table.kinds import give_back as give_back
from mapsto.table.notes import Note as Note
from mapsto.table.reading import read as read
from mapsto.table.writing import write as write
