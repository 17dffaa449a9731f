// `${VAR}` and `${file:/path}` inside the scalar values of exchequer.yaml, replaced once, after YAML has been read: what is put in
// is text and never structure, and is not looked at again. `$${` is a literal `${`. What came in this way is never printed:
// `redact` puts the reference back wherever a message would show it.

import { isAbsolute } from 'node:path';
import { problemAt } from '../parsing/problems.ts';
import type { Problem, YamlDocument } from '../parsing/yaml.ts';

export interface Interpolated {
  /** The document's value with everything replaced. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** Absolute paths that were read, with what stood there. */
  readonly files: ReadonlyMap<string, string>;
  /** What each reference stood for, in the order of first use. */
  readonly inserted: readonly Inserted[];
  /** The message with every value that came from outside shown as its reference. */
  redact(message: string): string;
}

interface Inserted {
  readonly reference: string;
  readonly text: string;
}

type Step = string | number;

/** Replaces every reference in a document. `read` throws where a file cannot be read. */
export function interpolate(
  document: YamlDocument,
  env: Readonly<Record<string, string | undefined>>,
  read: (path: string) => string,
): Interpolated {
  const problems: Problem[] = [];
  const files = new Map<string, string>();
  const inserted = new Map<string, Inserted>();

  const lookUp = (reference: string, name: string, path: readonly Step[]): string => {
    const found = name.startsWith('file:') ? fromFile(name.slice('file:'.length)) : fromEnv(name);
    if ('problem' in found) problems.push(problemAt(document, path, found.problem));
    else inserted.set(reference, { reference, text: found.text });
    return 'problem' in found ? reference : found.text;
  };

  const fromEnv = (name: string): Found => {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      return { problem: `has a malformed reference: \${VAR} or \${file:/path}; a literal \${ is written $\${` };
    const text = Object.hasOwn(env, name) ? env[name] : undefined;
    return text === undefined ? { problem: `names \${${name}}, which is not set` } : { text };
  };

  const fromFile = (path: string): Found => {
    if (!isAbsolute(path)) return { problem: `names \${file:${path}}; the path must be absolute` };
    try {
      const text = files.get(path) ?? read(path);
      files.set(path, text);
      return { text: text.replace(/\r?\n$/, '') };
    } catch (error) {
      return { problem: `names \${file:${path}}, which cannot be read (${reasonOf(error)})` };
    }
  };

  const replaceIn = (text: string, path: readonly Step[]): string =>
    text.replace(/\$\$\{|\$\{([^{}]*)\}|\$\{/g, (reference, name: string | undefined) =>
      reference === '$${' ? '${' : lookUp(reference, name ?? '', path),
    );

  const walk = (value: unknown, path: readonly Step[]): unknown => {
    if (typeof value === 'string') return value.includes('${') ? replaceIn(value, path) : value;
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]));
    if (typeof value !== 'object' || value === null) return value;
    const copy: Record<string, unknown> = Object.create(null);
    for (const [name, inner] of Object.entries(value)) copy[name] = walk(inner, [...path, name]);
    return copy;
  };

  const value = walk(document.value, []);
  const all = [...inserted.values()];
  return Object.freeze({ value, problems, files, inserted: all, redact: (message: string) => redact(message, all) });
}

type Found = { readonly text: string } | { readonly problem: string };

function redact(message: string, inserted: readonly Inserted[]): string {
  // The longest first: one value may stand inside another.
  const longest = inserted.filter(({ text }) => text !== '').sort((a, b) => b.text.length - a.text.length);
  return longest.reduce((text, one) => text.replaceAll(one.text, () => one.reference), message);
}

/** The system's code for a failed read, which names no content. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (typeof code === 'string') return code;
  return error instanceof Error ? error.message : 'unreadable';
}
