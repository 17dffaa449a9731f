// Rules about what code may say: effects only where they are owned, proof only by verifiers, and the language that the
// house uses (no classes but errors, no default exports, no `any`, no `!`, no state outside closures).

import { child, children, type Rule, type SourceFile, type SyntaxNode, textOf, walk } from './source.ts';

type Judge = (node: SyntaxNode, parent: SyntaxNode | undefined, member: string, file: SourceFile) => string | undefined;

/** A rule that looks at every node of the files it is for. */
const everyNode = (title: string, applies: (path: string) => boolean, judge: Judge): Rule => ({
  title,
  check: (files) =>
    files
      .filter((file) => applies(file.path))
      .flatMap((file) => {
        const found: string[] = [];
        walk(file.root, (node, parent, member) => {
          const what = judge(node, parent, member, file);
          if (what !== undefined) found.push(`${file.path}:${file.lineOf(node.start)} ${what}`);
        });
        return found;
      }),
});

const inSource = (path: string): boolean => path.startsWith('src/');
/** main.ts owns the process; the demo is another program. */
const isPure = (path: string): boolean =>
  inSource(path) && path !== 'src/main.ts' && !path.startsWith('src/adapters/cli/demo/');

/** Globals that read the world: their very name is an effect, and hiding it behind a local name would mislead. */
const WORLD = new Set(['process', 'performance', 'fetch', 'globalThis', 'global', 'eval', 'WebSocket', 'EventSource']);
const RANDOM = new Set(['randomBytes', 'randomUUID', 'randomInt', 'randomFill', 'randomFillSync', 'getRandomValues']);

export const effects: Rule = everyNode(
  'the clock, randomness, the process and the network are touched by main.ts alone',
  isPure,
  (node, parent, member) => {
    const callee = child(node, 'callee');
    const called = textOf(callee);
    if (node.type === 'NewExpression' && called === 'Date' && children(node, 'arguments').length === 0)
      return 'new Date()';
    if (node.type === 'NewExpression' && called === 'Function') return 'new Function';
    if (node.type === 'CallExpression' && called === 'Date') return 'Date()';
    if (node.type === 'ImportSpecifier') return importedEffect(node, parent);
    if (node.type === 'MemberExpression') return memberEffect(node);
    const name = textOf(node);
    if (node.type !== 'Identifier' || name === undefined || !WORLD.has(name)) return undefined;
    return namesAMember(parent, member) ? undefined : name;
  },
);

function memberEffect(node: SyntaxNode): string | undefined {
  const object = textOf(child(node, 'object'));
  const property = textOf(child(node, 'property'));
  const text = `${object}.${property}`;
  if (text === 'Date.now' || text === 'Math.random') return text;
  const ofCrypto = object === 'crypto' || object === 'webcrypto' || object === 'nodeCrypto';
  return ofCrypto && property !== undefined && RANDOM.has(property) ? text : undefined;
}

function importedEffect(node: SyntaxNode, parent: SyntaxNode | undefined): string | undefined {
  const from = textOf(child(parent, 'source'));
  const name = textOf(child(node, 'imported')) ?? '';
  if (/^(node:)?crypto$/.test(from ?? '') && (RANDOM.has(name) || name === 'webcrypto')) return `${name} of ${from}`;
  return undefined;
}

/** Whether an identifier is the name of a member or of a type, and not a reference to a variable. */
const namesAMember = (parent: SyntaxNode | undefined, member: string): boolean =>
  (parent?.type === 'MemberExpression' && member === 'property' && parent.computed !== true) ||
  (member === 'key' && parent?.computed !== true) ||
  parent?.type === 'TSTypeReference' ||
  parent?.type === 'ImportSpecifier';

export const proof: Rule = everyNode(
  'only verifiers make a proved principal',
  (path) => inSource(path) && !path.startsWith('src/verifiers/') && path !== 'src/core/principal.ts',
  (node, parent, member) =>
    textOf(node) === 'asProved' &&
    node.type === 'Identifier' &&
    !(parent?.type === 'ImportSpecifier' && member === 'local')
      ? 'asProved'
      : undefined,
);

export const classes: Rule = everyNode('no classes but error types, and those without methods', inSource, (node) => {
  if (node.type !== 'ClassDeclaration' && node.type !== 'ClassExpression') return undefined;
  if (!/Error$/.test(textOf(child(node, 'superClass')) ?? '')) return `class ${textOf(child(node, 'id')) ?? ''}`;
  const body = child(node, 'body');
  const methods = body ? children(body, 'body').filter((part) => part.type === 'MethodDefinition') : [];
  return methods.some((method) => method.kind !== 'constructor')
    ? `methods of ${textOf(child(node, 'id'))}`
    : undefined;
});

export const language: Rule = everyNode(
  'no default exports, no `any`, no `!`, no enums and namespaces',
  () => true,
  (node, _parent, _member) => {
    if (node.type === 'ExportDefaultDeclaration') return 'export default';
    if (node.type === 'TSAnyKeyword') return 'any';
    if (node.type === 'TSNonNullExpression' || node.definite === true) return '!';
    if (node.type === 'ExportSpecifier' && textOf(child(node, 'exported')) === 'default') return 'export default';
    return node.type === 'TSEnumDeclaration' || node.type === 'TSModuleDeclaration' ? node.type : undefined;
  },
);

const CONTAINERS = new Set(['Map', 'Set', 'WeakMap', 'WeakSet', 'LRUCache']);

export const state: Rule = everyNode('no state outside closures', inSource, (node, parent) => {
  if (node.type !== 'VariableDeclaration' || node.declare === true) return undefined;
  if (parent?.type !== 'Program' && parent?.type !== 'ExportNamedDeclaration') return undefined;
  if (node.kind !== 'const') return `${node.kind} at module level`;
  const empty = children(node, 'declarations').find((one) => isEmptyContainer(child(one, 'init')));
  return empty && `${textOf(child(empty, 'id'))} is an empty container at module level`;
});

function isEmptyContainer(init: SyntaxNode | undefined): boolean {
  if (init?.type === 'ArrayExpression') return children(init, 'elements').length === 0;
  if (init?.type === 'ObjectExpression') return children(init, 'properties').length === 0;
  if (init?.type !== 'NewExpression' || !CONTAINERS.has(textOf(child(init, 'callee')) ?? '')) return false;
  return textOf(child(init, 'callee')) === 'LRUCache' || children(init, 'arguments').length === 0;
}
