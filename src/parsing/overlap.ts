// Whether two addresses whose captured parameters are still open can come to one text. A captured value is one or more of a few
// characters (policy/pattern.ts); everything else in an address stands for itself. The longest that a value may be is left out: what is
// told too often is a rule that does not load, and what is told too seldom would be another's address.

import { piecesOf } from './template.ts';

/** A character; else one captured character, or as many more of those as there are: longer than any character is. */
type Step = string;
const ONE = '<one>';
const MORE = '<more>';
const CAPTURED = /^[A-Za-z0-9._-]$/;

/** Whether some values of their parameters make one text of both. */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [stepsOf(one), stepsOf(other)];
  // Which steps of `b` may come next, once `a` has come to each of its own: the two are walked together.
  const seen = new Set<number>();
  const open: (readonly [number, number])[] = [[0, 0]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [i, j] = next;
    const key = i * (b.length + 1) + j;
    if (seen.has(key)) continue;
    seen.add(key);
    if (i === a.length && j === b.length) return true;
    const [x, y] = [a[i], b[j]];
    if (x === MORE) open.push([i + 1, j]);
    if (y === MORE) open.push([i, j + 1]);
    if (x !== undefined && y !== undefined && meet(x, y)) open.push([x === MORE ? i : i + 1, y === MORE ? j : j + 1]);
  }
  return false;
}

/** Whether one character can be both. */
function meet(x: Step, y: Step): boolean {
  if (isOpen(x)) return isOpen(y) || CAPTURED.test(y);
  return isOpen(y) ? CAPTURED.test(x) : x === y;
}

const isOpen = (step: Step): boolean => step === ONE || step === MORE;

function stepsOf(address: string): readonly Step[] {
  const { literals, names } = piecesOf(address);
  return literals.flatMap((literal, index): Step[] => [...literal, ...(index < names.length ? [ONE, MORE] : [])]);
}
