// What a policy file may say one day, and cannot yet: refused by name, because to ignore it would widen or narrow a rule
// without a word. An entry leaves this file when its part is built.

import { problemAt } from '../parsing/problems.ts';
import type { Problem, YamlDocument, YamlPath } from '../parsing/yaml.ts';

const FILE_KEYS = ['defaults', 'rows', 'tests'];
const RULE_KEYS = ['each', 'with', 'actor', 'confirm', 'impersonate', 'accept'];
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
  // Most rules have none: looking is cheap, and paths are made for those that do.
  if (!holdsParameter(value)) return;
  if (typeof value === 'string')
    found.push(problemAt(document, path, `parameters are not built yet: ${PARAMETER.exec(value)?.[0] ?? ''}`));
  else if (Array.isArray(value))
    for (const [index, item] of value.entries()) reportParameters(document, [...path, index], item, found);
  else if (isMap(value))
    for (const [key, inner] of Object.entries(value)) {
      reportParameters(document, [...path, key], key, found);
      reportParameters(document, [...path, key], inner, found);
    }
}

function holdsParameter(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('<') && PARAMETER.test(value);
  if (Array.isArray(value)) return value.some(holdsParameter);
  return isMap(value) && Object.entries(value).some(([key, inner]) => holdsParameter(key) || holdsParameter(inner));
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
