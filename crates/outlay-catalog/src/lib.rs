//! Facts, as data files with their sources, and one reader a table.
