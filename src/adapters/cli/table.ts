// Columns for people, and instants in them, as verbs print lists. Whatever stands in a cell, no byte of it reaches a terminal
// unescaped.

import { rfc3339 } from '../../parsing/instant.ts';
import { escaped } from './shown.ts';

/** Columns as wide as their widest cell, two spaces apart, nothing after the last. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const cells = [head, ...rows].map((row) => row.map(escaped));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? '').length)));
  return cells.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** RFC 3339 in whole seconds; `-` where there is none. */
export const instant = (seconds: number | undefined): string => (seconds === undefined ? '-' : rfc3339(seconds));
