// Cells in columns: the first left-aligned, the others right-aligned.

export function table(rows: readonly (readonly string[])[], gap = 2): readonly string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width + gap);
      })
      .join('')
      .trimEnd(),
  );
}
