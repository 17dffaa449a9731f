// Words of a command line that change a credential of the demo: `ref=refs/heads/dev`, `exp=1`. It knows no platform: what is said stands,
// however wrong it is.

import type { Claims } from './platforms.ts';

/** The claims with these, each `name=value`, in their place; undefined where a word is something else. A number stays one. */
export function changedClaims(claims: Claims, words: readonly string[]): Claims | undefined {
  const changes = words.map((word) => /^([^=]+)=(.*)$/s.exec(word)?.slice(1) ?? []);
  if (changes.some(({ length }) => length === 0)) return undefined;
  const typed = changes.map(([name = '', text = '']) => [name, typeof claims[name] === 'number' ? Number(text) : text]);
  if (typed.some(([, value]) => Number.isNaN(value))) return undefined;
  return { ...claims, ...Object.fromEntries(typed) };
}
