// Reads the project's TypeScript as syntax trees for the rules of architecture.test.ts.
// It parses and walks; it judges nothing. Paths are relative to the project and use `/`.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { parseSync } from 'oxc-parser';

/** A node of the ESTree with TypeScript, as oxc-parser writes it. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [member: string]: unknown;
}

export interface Import {
  readonly specifier: string;
  /** Erased before the program runs. */
  readonly typeOnly: boolean;
  /** Imported names; `*` for a namespace, a re-export of everything, or a dynamic import. */
  readonly names: readonly string[];
  readonly line: number;
  /** The project path of a relative import. */
  readonly target: string | undefined;
}

export interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly root: SyntaxNode;
  readonly comments: readonly { readonly text: string; readonly line: number; readonly endLine: number }[];
  readonly imports: readonly Import[];
  lineOf(offset: number): number;
}

/** A rule of the house: what it forbids, and every place where that happens, as `path:line what`. */
export interface Rule {
  readonly title: string;
  check(files: readonly SourceFile[]): readonly string[];
}

/** Every `.ts` file below the given folders of the project; folders that do not exist yet have none. */
export function readTree(root: string, folders: readonly string[]): readonly SourceFile[] {
  return folders
    .filter((folder) => existsSync(`${root}/${folder}`))
    .flatMap((folder) =>
      readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
    )
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => parseSource(path, readFileSync(`${root}/${path}`, 'utf8')));
}

/** Parses one file; throws where it is not TypeScript, because a rule that cannot read proves nothing. */
export function parseSource(path: string, text: string): SourceFile {
  const parsed = parseSync(path, text);
  const [problem] = parsed.errors;
  if (problem) throw new Error(`${path}: ${problem.message}`);
  const root: unknown = parsed.program;
  if (!isNode(root)) throw new Error(`${path}: no syntax tree`);
  const breaks = [...text.matchAll(/\n/g)].map((match) => match.index);
  const lineOf = (offset: number): number => breaks.filter((at) => at < offset).length + 1;
  const comments = parsed.comments.map((comment) => ({
    text: comment.value,
    line: lineOf(comment.start),
    endLine: lineOf(comment.end),
  }));
  return { path, text, root, comments, imports: importsOf(path, root, lineOf), lineOf };
}

/** Calls `visit` for every node, outer before inner. `member` is the name under which the parent holds the node. */
export function walk(
  node: SyntaxNode,
  visit: (node: SyntaxNode, parent: SyntaxNode | undefined, member: string) => void,
  parent?: SyntaxNode,
  member = '',
): void {
  visit(node, parent, member);
  for (const [name, value] of Object.entries(node)) {
    for (const inner of Array.isArray(value) ? value : [value]) if (isNode(inner)) walk(inner, visit, node, name);
  }
}

export const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';

/** A member of a node that is itself a node. */
export const child = (node: SyntaxNode | undefined, member: string): SyntaxNode | undefined => {
  const value = node?.[member];
  return isNode(value) ? value : undefined;
};

/** A member of a node that is a list of nodes. */
export const children = (node: SyntaxNode, member: string): readonly SyntaxNode[] => {
  const value = node[member];
  return Array.isArray(value) ? value.filter(isNode) : [];
};

/** The name of an identifier, or the text of a string literal. */
export const textOf = (node: SyntaxNode | undefined): string | undefined => {
  const value = node?.type === 'Literal' ? node.value : node?.name;
  return typeof value === 'string' ? value : undefined;
};

const IMPORTING = new Set([
  'ImportDeclaration',
  'ExportNamedDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
  'TSImportType',
]);

function importsOf(path: string, root: SyntaxNode, lineOf: (offset: number) => number): readonly Import[] {
  const found: Import[] = [];
  walk(root, (node) => {
    const source = IMPORTING.has(node.type) ? child(node, 'source') : undefined;
    if (!source) return;
    // A computed path is no text, hides its target from every rule, and is therefore named so that no rule allows it.
    const specifier = (source.type === 'Literal' ? textOf(source) : undefined) ?? '(computed)';
    const specifiers = children(node, 'specifiers');
    found.push({
      specifier,
      typeOnly: isTypeOnly(node, specifiers),
      names: specifiers.length > 0 ? specifiers.map(importedName) : ['*'],
      line: lineOf(node.start),
      target: specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined,
    });
  });
  return found;
}

const isTypeOnly = (node: SyntaxNode, specifiers: readonly SyntaxNode[]): boolean =>
  node.type === 'TSImportType' ||
  node.importKind === 'type' ||
  node.exportKind === 'type' ||
  (specifiers.length > 0 && specifiers.every((one) => one.importKind === 'type' || one.exportKind === 'type'));

const importedName = (specifier: SyntaxNode): string => {
  if (specifier.type === 'ImportDefaultSpecifier') return 'default';
  if (specifier.type === 'ImportNamespaceSpecifier') return '*';
  return textOf(child(specifier, 'imported') ?? child(specifier, 'local')) ?? '*';
};
