// What a policy file may say one day, and cannot yet: refused by name, because to ignore it would widen or narrow a rule
// without a word. An entry leaves this file when its part is built.

import { problemAt } from '../../parsing/problems.ts';
import type { Problem, YamlDocument, YamlPath } from '../../parsing/yaml.ts';

const RULE_KEYS: readonly string[] = [];

/** A part of a document without what is not built, and a problem for each thing left out. */
export interface Built {
  readonly value: unknown;
  readonly problems: readonly Problem[];
}

/** The keys of a rule, of a file's `defaults`, or of a test. */
export function built(document: YamlDocument, path: YamlPath, written: unknown): Built {
  if (typeof written !== 'object' || written === null) return { value: written, problems: [] };
  const unbuilt = RULE_KEYS.filter((key) => Object.hasOwn(written, key));
  if (unbuilt.length === 0) return { value: written, problems: [] };
  const value = Object.fromEntries(Object.entries(written).filter(([key]) => !unbuilt.includes(key)));
  return { value, problems: unbuilt.map((key) => problemAt(document, [...path, key], 'is not built yet')) };
}
