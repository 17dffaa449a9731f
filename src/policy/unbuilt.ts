// What a policy file may say one day, and cannot yet: refused by name, because to ignore it would widen or narrow a rule
// without a word (DESIGN §4: what is not built is refused, never ignored). An entry leaves this file when its part is built.

import { problemAt } from '../parsing/problems.ts';
import type { Problem, YamlDocument, YamlPath } from '../parsing/yaml.ts';

const FILE_KEYS = ['defaults', 'rows', 'tests'];
const RULE_KEYS = ['each', 'with', 'actor', 'client', 'confirm', 'impersonate', 'accept'];
const PARAMETER = /<[A-Za-z][A-Za-z0-9_-]*>/;

/** A part of a document without what is not built, and a problem for each thing left out. */
export interface Built {
  readonly value: unknown;
  readonly problems: readonly Problem[];
}

/** A file's own keys. */
export const builtFile = (document: YamlDocument): Built => without(document, [], document.value, FILE_KEYS);

/** One rule: its keys, its mode, and the parameters in its texts. */
export function builtRule(document: YamlDocument, path: YamlPath, written: unknown): Built {
  const { value, problems } = without(document, path, written, RULE_KEYS);
  const found = [...problems];
  if (!isMap(value)) return { value, problems: found };
  reportParameters(document, path, value, found);
  if (value.mode !== 'retire') return { value, problems: found };
  found.push(problemAt(document, [...path, 'mode'], 'retire is not built yet; allowed: enforce, preview'));
  return { value: { ...value, mode: 'enforce' }, problems: found };
}

function without(document: YamlDocument, path: YamlPath, written: unknown, keys: readonly string[]): Built {
  if (!isMap(written)) return { value: written, problems: [] };
  const unbuilt = keys.filter((key) => Object.hasOwn(written, key));
  if (unbuilt.length === 0) return { value: written, problems: [] };
  const value = Object.fromEntries(Object.entries(written).filter(([key]) => !unbuilt.includes(key)));
  return { value, problems: unbuilt.map((key) => problemAt(document, [...path, key], 'is not built yet')) };
}

function reportParameters(document: YamlDocument, path: YamlPath, value: unknown, found: Problem[]): void {
  const report = (text: string, at: YamlPath) => {
    const parameter = PARAMETER.exec(text)?.[0];
    if (parameter) found.push(problemAt(document, at, `parameters are not built yet: ${parameter}`));
  };
  if (typeof value === 'string') report(value, path);
  else if (Array.isArray(value))
    for (const [index, item] of value.entries()) reportParameters(document, [...path, index], item, found);
  else if (isMap(value))
    for (const [key, inner] of Object.entries(value)) {
      report(key, [...path, key]);
      reportParameters(document, [...path, key], inner, found);
    }
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
