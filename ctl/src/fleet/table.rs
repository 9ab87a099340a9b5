//! A table whose columns are as wide as their content.

/// A cell without a value.
pub(super) const NONE: &str = "-";
/// Between two columns.
const GAP: usize = 2;

/// The headings and the rows, a line each. The last column is not padded.
pub(super) fn of(headings: &[&str], rows: &[Vec<String>]) -> String {
    let heading: Vec<String> = headings.iter().map(|&one| one.to_owned()).collect();
    let lines = || std::iter::once(&heading).chain(rows);
    let widths: Vec<usize> = (0..headings.len())
        .map(|at| {
            lines()
                .filter_map(|row| row.get(at))
                .map(|it| width(it))
                .max()
        })
        .map(Option::unwrap_or_default)
        .collect();
    lines().map(|row| line(row, &widths)).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, wide) in row.iter().zip(widths) {
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', wide + GAP - width(cell)));
    }
    line.truncate(line.trim_end().len());
    line + "\n"
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_content() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["a", "connected", ""]),
            row(["agent-12", "-", "it’s gone"]),
        ];
        assert_eq!(
            of(&["CONTEXT", "STATE", "NEXT"], &rows),
            "CONTEXT   STATE      NEXT\n\
             a         connected\n\
             agent-12  -          it’s gone\n"
        );
    }
}
