//! Tables of text.

/// Aligned lines, the header first. The columns that are named in `numbers` stand at the right.
pub(super) fn lines<const N: usize>(header: &[&str; N], numbers: &[&str], rows: &[[String; N]]) -> Vec<String> {
    let widths = widths(header, rows);
    let line = |row: &[String; N]| aligned(header, numbers, &widths, row);
    std::iter::once(line(&header.map(str::to_owned))).chain(rows.iter().map(line)).collect()
}

/// How wide columns are.
pub(super) fn widths<const N: usize>(header: &[&str; N], rows: &[[String; N]]) -> [usize; N] {
    std::array::from_fn(|at| {
        let cells = rows.iter().map(|row| row[at].chars().count());
        cells.chain([header[at].len()]).max().unwrap_or(0)
    })
}

/// One line.
pub(super) fn aligned<const N: usize>(
    header: &[&str; N],
    numbers: &[&str],
    widths: &[usize; N],
    row: &[String; N],
) -> String {
    let cells = header.iter().zip(row).zip(widths).map(|((column, cell), width)| {
        if numbers.contains(column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
    });
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}
