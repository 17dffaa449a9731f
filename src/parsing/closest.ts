// "Did you mean": the nearest of a few known words, or none. Edit distance with transpositions, for short names only: what somebody
// wrote is hostile until it has loaded, and the distance takes quadratic time.

import { SUGGESTED_WORD_CHARACTERS_MAX } from '../core/limits.ts';

/** The one other candidate within a third of the word's length; undefined where none is near, or two are equally near. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > SUGGESTED_WORD_CHARACTERS_MAX) return undefined;
  const limit = Math.max(1, Math.floor(word.length / 3));
  const near = candidates
    .filter(
      (candidate) =>
        candidate !== word &&
        candidate.length <= SUGGESTED_WORD_CHARACTERS_MAX &&
        Math.abs(candidate.length - word.length) <= limit,
    )
    .map((candidate) => ({ candidate, distance: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .filter((entry) => entry.distance <= limit)
    .sort((a, b) => a.distance - b.distance);
  const [first, second] = near;
  return first && first.distance !== second?.distance ? first.candidate : undefined;
}

/** The nearest key; else the one that this word is a part of (`branch` of `build_branch`), else the one that is a part of it. */
export function closestKey(word: string, keys: readonly string[]): string | undefined {
  const near = closest(word, keys);
  if (near !== undefined || word.length > SUGGESTED_WORD_CHARACTERS_MAX) return near;
  const parts = keys.filter((key) => isPart(word, key));
  const found = parts.length > 0 ? parts : keys.filter((key) => isPart(key, word));
  return found.length === 1 ? found[0] : undefined;
}

const isPart = (part: string, whole: string): boolean => part !== whole && separated(whole).includes(separated(part));
const separated = (word: string): string => `_${word.toLowerCase().replace(/[^a-z0-9]/g, '_')}_`;

/** Optimal string alignment distance. */
function distance(from: string, to: string): number {
  let twoBack: number[] = [];
  let before = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1] ? 0 : 1;
      const plain = Math.min(at(before, column) + 1, at(current, column - 1) + 1, at(before, column - 1) + same);
      const swapped = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(swapped ? Math.min(plain, at(twoBack, column - 2) + 1) : plain);
    }
    twoBack = before;
    before = current;
  }
  return at(before, to.length);
}

const at = (row: readonly number[], column: number): number => row[column] ?? Number.POSITIVE_INFINITY;
