// Rules about files as files: how long, how they begin, what a folder holds, and what must not be left behind in comments
// or tests.

import { child, type Rule, type SourceFile, type SyntaxNode, textOf, walk } from './source.ts';

const SOURCE_LINES_MAX = 300;
const TEST_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 60;
const HEADER_LINES_MIN = 2;
const HEADER_LINES_MAX = 6;

const inSource = (file: SourceFile): boolean => file.path.startsWith('src/');

export const fileLength: Rule = {
  title: `no file over ${SOURCE_LINES_MAX} lines, no test over ${TEST_LINES_MAX}`,
  check: (files) =>
    files.flatMap((file) => {
      const lines = file.text.replace(/\n$/, '').split('\n').length;
      const most = file.path.startsWith('test/') ? TEST_LINES_MAX : SOURCE_LINES_MAX;
      return lines > most ? [`${file.path}:1 ${lines} lines`] : [];
    }),
};

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

/** Not for tests: the function given to `describe` holds a whole suite. What tests share is held to it. */
export const functionLength: Rule = {
  title: `no function over ${FUNCTION_LINES_MAX} lines`,
  check: (files) =>
    files
      .filter((file) => !/^test\/(?!support\/)/.test(file.path))
      .flatMap((file) => {
        const found: string[] = [];
        walk(file.root, (node) => {
          const lines = file.lineOf(node.end) - file.lineOf(node.start) + 1;
          if (FUNCTIONS.has(node.type) && lines > FUNCTION_LINES_MAX)
            found.push(`${file.path}:${file.lineOf(node.start)} ${lines} lines`);
        });
        return found;
      }),
};

export const header: Rule = {
  title: `a source file begins with ${HEADER_LINES_MIN} to ${HEADER_LINES_MAX} lines that say what it owns`,
  check: (files) =>
    files.filter(inSource).flatMap((file) => {
      const lines = file.text.replace(/^#!.*\n/, '').split('\n');
      const after = lines.findIndex((line) => !line.startsWith('//'));
      const count = after < 0 ? lines.length : after;
      return count < HEADER_LINES_MIN || count > HEADER_LINES_MAX ? [`${file.path}:1 header of ${count} lines`] : [];
    }),
};

export const folders: Rule = {
  title: 'no folder holds a single file',
  check(files) {
    const held = new Map<string, number>();
    for (const file of files.filter(inSource)) {
      const parts = file.path.split('/').slice(0, -1);
      for (let depth = 1; depth <= parts.length; depth += 1) {
        const folder = parts.slice(0, depth).join('/');
        held.set(folder, (held.get(folder) ?? 0) + 1);
      }
    }
    return [...held].filter(([, count]) => count === 1).map(([folder]) => `${folder} holds one file`);
  },
};

export const barrels: Rule = {
  title: 'no file only exports what others own',
  check: (files) =>
    files.flatMap((file) => {
      const body = file.root.body;
      const owns = Array.isArray(body) && body.some((statement: SyntaxNode) => !passesOn(statement));
      return owns ? [] : [`${file.path}:1 owns nothing`];
    }),
};

const passesOn = (statement: SyntaxNode): boolean =>
  statement.type === 'ImportDeclaration' ||
  statement.type === 'ExportAllDeclaration' ||
  (statement.type === 'ExportNamedDeclaration' && child(statement, 'declaration') === undefined);

export const comments: Rule = {
  title: 'no comment puts work off, or silences the compiler',
  check: (files) =>
    files.flatMap((file) =>
      file.comments
        .map((comment) => ({ comment, word: /\b(TODO|FIXME|XXX|HACK)\b|@ts-(ignore|nocheck)/.exec(comment.text)?.[0] }))
        .filter(({ word }) => word !== undefined)
        .map(({ comment, word }) => `${file.path}:${comment.line} ${word}`),
    ),
};

/** `.skip` and its kin need a comment on the same line or the one above; `.only` has no excuse. */
export const heldBack: Rule = {
  title: 'no test is left out without a reason beside it',
  check: (files) =>
    files
      .filter((file) => file.path.startsWith('test/'))
      .flatMap((file) => {
        const found: string[] = [];
        walk(file.root, (node) => {
          const property = heldBackBy(node);
          const line = file.lineOf(node.start);
          const reasoned = file.comments.some(({ endLine }) => endLine === line || endLine === line - 1);
          if (property === 'only' || (property && !reasoned)) found.push(`${file.path}:${line} .${property}`);
        });
        return found;
      }),
};

const SUITES = new Set(['it', 'test', 'describe', 'suite', 'bench']);
const HELD_BACK = new Set(['only', 'skip', 'todo', 'fails', 'skipIf', 'runIf']);

function heldBackBy(node: SyntaxNode): string | undefined {
  if (node.type !== 'MemberExpression') return undefined;
  let object = child(node, 'object');
  while (object?.type === 'MemberExpression') object = child(object, 'object');
  const property = textOf(child(node, 'property'));
  return SUITES.has(textOf(object) ?? '') && property !== undefined && HELD_BACK.has(property) ? property : undefined;
}
