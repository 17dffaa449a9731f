// The house rules that erode when they stand in prose only (CONTRIBUTING.md). Each is proved twice: it finds nothing in this
// project, and it finds a violation that is planted for it, so that a rule that has gone blind fails as well.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { classes, effects, language, proof, state } from './support/architecture/code.ts';
import {
  barrels,
  comments,
  fileLength,
  folders,
  functionLength,
  header,
  heldBack,
} from './support/architecture/files.ts';
import { acyclic, arrows, confinement, installed } from './support/architecture/imports.ts';
import { parseSource, type Rule, readTree } from './support/architecture/source.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest: { dependencies: Record<string, string> } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
const project = readTree(root, ['src', 'test', 'bench']);

/** Files as they might be written: path, then text. */
type Files = Readonly<Record<string, string>>;

interface Proof {
  readonly rule: Rule;
  /** Files that break the rule, each set with exactly what the rule says about it. */
  readonly planted: readonly (readonly [Files, ...string[]])[];
  /** Files that come close and keep the rule. */
  readonly innocent: Files;
}

const lines = (count: number, line = 'f();'): string => `${line}\n`.repeat(count);

const PROOFS: readonly Proof[] = [
  {
    rule: arrows,
    planted: [
      [{ 'src/core/a.ts': `import { b } from '../parsing/b.ts';` }, 'src/core/a.ts:1 core imports src/parsing/b.ts'],
      [{ 'src/core/a.ts': `type B = import('../policy/b.ts').B;` }, 'src/core/a.ts:1 core imports src/policy/b.ts'],
      [{ 'src/x509/a.ts': `export * from '../outbound/b.ts';` }, 'src/x509/a.ts:1 x509 imports src/outbound/b.ts'],
      [{ 'src/keys/a.ts': `import type { B } from '../stores/b.ts';` }, 'src/keys/a.ts:1 keys imports src/stores/b.ts'],
      [{ 'src/policy/a.ts': `await import('../compose.ts');` }, 'src/policy/a.ts:1 policy imports src/compose.ts'],
      [{ 'src/config/a.ts': `import '../../test/b.ts';` }, 'src/config/a.ts:1 config imports test/b.ts'],
      [
        { 'src/adapters/http/a.ts': `import { b } from '../cli/b.ts';` },
        'src/adapters/http/a.ts:1 adapters/http imports src/adapters/cli/b.ts',
      ],
      [
        { 'src/adapters/cli/run.ts': `import { b } from '../local/b.ts';` },
        'src/adapters/cli/run.ts:1 adapters/cli imports src/adapters/local/b.ts',
      ],
      [
        { 'src/adapters/cli/demo/a.ts': `import { b } from '../../../core/b.ts';` },
        'src/adapters/cli/demo/a.ts:1 adapters/cli/demo imports src/core/b.ts',
      ],
      [
        { 'src/adapters/cli/demo/a.ts': `import { b } from '../../../compose.ts';` },
        'src/adapters/cli/demo/a.ts:1 adapters/cli/demo imports src/compose.ts',
      ],
      [
        { 'src/adapters/cli/demo/a.ts': `import { b } from './serve-on-loopback.ts';` },
        'src/adapters/cli/demo/a.ts:1 adapters/cli/demo imports src/adapters/cli/demo/serve-on-loopback.ts',
      ],
      [
        { 'src/adapters/cli/demo/serve-on-loopback.ts': `import { b } from '../../../core/b.ts';` },
        'src/adapters/cli/demo/serve-on-loopback.ts:1 adapters/cli/demo/serve-on-loopback.ts imports src/core/b.ts',
      ],
      [{ 'src/main.ts': `import { b } from './policy/b.ts';` }, 'src/main.ts:1 main.ts imports src/policy/b.ts'],
      [{ 'src/helpers/a.ts': `f();` }, 'src/helpers/a.ts:1 stands in no known folder'],
      [{ 'src/adapters/a.ts': `f();` }, 'src/adapters/a.ts:1 stands in no known folder'],
    ],
    innocent: {
      'src/verifiers/a.ts': `import { b } from '../parsing/b.ts';\nimport { c } from './c.ts';\nimport { d } from 'd';`,
      'src/compose.ts': `import { b } from './stores/b.ts';\nimport { c } from './compose-part.ts';`,
      'src/compose-part.ts': `import { b } from './adapters/http/b.ts';`,
      'test/core/a.test.ts': `import { b } from '../../src/core/b.ts';`,
    },
  },
  {
    rule: confinement,
    planted: [
      [{ 'src/verifiers/oidc.ts': `import { jwtVerify } from 'jose';` }, 'src/verifiers/oidc.ts:1 imports jose'],
      [{ 'src/issuers/a.ts': `import type { JWK } from 'jose';` }, 'src/issuers/a.ts:1 imports jose'],
      [{ 'src/compose.ts': `import fastify from 'fastify';` }, 'src/compose.ts:1 imports fastify'],
      [{ 'src/keys/a.ts': `await import('@grpc/grpc-js');` }, 'src/keys/a.ts:1 imports @grpc/grpc-js'],
      [{ 'src/stores/memory.ts': `import { Redis } from 'ioredis';` }, 'src/stores/memory.ts:1 imports ioredis'],
      [
        { 'src/issuers/gcp.ts': `import { STSClient } from '@aws-sdk/client-sts';` },
        'src/issuers/gcp.ts:1 imports @aws-sdk/client-sts',
      ],
      [
        { 'src/issuers/aws.ts': `import { SignatureV4 } from '@smithy/signature-v4';` },
        'src/issuers/aws.ts:1 imports @smithy/signature-v4',
      ],
      [
        { 'src/keys/polled-keys.ts': `import { retry } from 'cockatiel';` },
        'src/keys/polled-keys.ts:1 imports cockatiel',
      ],
      [
        { 'src/adapters/http/a.ts': `import { Counter } from 'prom-client';` },
        'src/adapters/http/a.ts:1 imports prom-client',
      ],
      [{ 'src/policy/a.ts': `import { pino } from 'pino';` }, 'src/policy/a.ts:1 imports pino'],
      [{ 'src/config/a.ts': `import { Command } from 'commander';` }, 'src/config/a.ts:1 imports commander'],
      [{ 'src/keys/a.ts': `import { get } from 'node:https';` }, 'src/keys/a.ts:1 imports node:https'],
      [{ 'src/audit/a.ts': `import { connect } from 'node:net';` }, 'src/audit/a.ts:1 imports node:net'],
      [{ 'src/verifiers/a.ts': `import { lookup } from 'dns/promises';` }, 'src/verifiers/a.ts:1 imports dns/promises'],
      [
        { 'src/adapters/cli/a.ts': `import { spawn } from 'node:child_process';` },
        'src/adapters/cli/a.ts:1 imports node:child_process',
      ],
      [
        { 'src/compose-local.ts': `import { spawn } from 'node:child_process';` },
        'src/compose-local.ts:1 imports node:child_process',
      ],
      [{ 'src/config/a.ts': `import { env } from 'node:process';` }, 'src/config/a.ts:1 imports node:process'],
      [{ 'src/core/a.ts': `import { createHash } from 'node:crypto';` }, 'src/core/a.ts:1 core imports node:crypto'],
      [{ 'src/config/a.ts': `await import(name);` }, 'src/config/a.ts:1 imports a computed path'],
    ],
    innocent: {
      'src/verifiers/jose.ts': `import { jwtVerify } from 'jose';`,
      'src/compose-part.ts': `import { pino } from 'pino';`,
      'src/main.ts': `import { spawn } from 'node:child_process';`,
      'src/outbound/fetch.ts': `import { request } from 'node:https';\nawait import('@grpc/grpc-js');`,
      'src/adapters/cli/demo/a.ts': `import { spawn } from 'node:child_process';\nimport { SignJWT } from 'jose';`,
      'test/core/a.test.ts': `import { SignJWT } from 'jose';`,
    },
  },
  {
    rule: installed(Object.keys(manifest.dependencies)),
    planted: [
      [
        { 'src/policy/a.ts': `import fc from 'fast-check';` },
        'src/policy/a.ts:1 imports fast-check, which is no dependency',
      ],
      [{ 'src/policy/a.ts': `import fs from 'fs';` }, 'src/policy/a.ts:1 imports fs, which is no dependency'],
    ],
    innocent: { 'src/policy/a.ts': `import { parse } from 'zod/v4';\nimport 'node:fs';\nimport './b.ts';` },
  },
  {
    rule: acyclic,
    planted: [
      [
        { 'src/core/a.ts': `import { b } from './b.ts';`, 'src/core/b.ts': `import type { A } from './a.ts';` },
        'src/core/a.ts -> src/core/b.ts -> src/core/a.ts',
      ],
      [{ 'src/core/a.ts': `import { a } from './a.ts';` }, 'src/core/a.ts -> src/core/a.ts'],
    ],
    innocent: {
      'src/core/a.ts': `import './b.ts';\nimport './c.ts';`,
      'src/core/b.ts': `import './c.ts';`,
      'src/core/c.ts': `f();`,
    },
  },
  {
    rule: effects,
    planted: [
      ...[
        ['Date.now();', 'Date.now'],
        ['new Date();', 'new Date()'],
        ['Date();', 'Date()'],
        ['performance.now();', 'performance'],
        ['f(process.env);', 'process'],
        ['const { env } = process;', 'process'],
        ['Math.random();', 'Math.random'],
        [`import { randomBytes } from 'node:crypto';`, 'randomBytes of node:crypto'],
        [`import { randomUUID as id } from 'crypto';`, 'randomUUID of crypto'],
        ['crypto.getRandomValues(bytes);', 'crypto.getRandomValues'],
        ['await fetch(url);', 'fetch'],
        ['f({ fetch });', 'fetch'],
        ['globalThis.fetch(url);', 'globalThis'],
        ['new Function(text);', 'new Function'],
        ['eval(text);', 'eval'],
      ].map(([code, what]) => [{ 'src/keys/a.ts': code ?? '' }, `src/keys/a.ts:1 ${what}`] as const),
    ],
    innocent: {
      'src/keys/a.ts': `new Date(ms); parts.randomBytes(16); clock.process; const x = { process: 1 }; keys.fetch();`,
      'src/main.ts': `process.exit(Date.now());`,
      'src/adapters/cli/demo/a.ts': `process.exit(Date.now());`,
      'test/a.test.ts': `process.exit(Date.now());`,
    },
  },
  {
    rule: proof,
    planted: [
      [{ 'src/policy/a.ts': 'asProved(principal, proof);' }, 'src/policy/a.ts:1 asProved'],
      [{ 'src/keys/a.ts': `import { asProved as p } from '../core/principal.ts';` }, 'src/keys/a.ts:1 asProved'],
    ],
    innocent: { 'src/verifiers/a.ts': 'asProved(principal, proof);', 'test/a.test.ts': 'asProved(principal, proof);' },
  },
  {
    rule: classes,
    planted: [
      [{ 'src/keys/a.ts': 'class Ring {}' }, 'src/keys/a.ts:1 class Ring'],
      [{ 'src/keys/a.ts': 'f(class extends Map {});' }, 'src/keys/a.ts:1 class '],
      [{ 'src/keys/a.ts': 'class E extends Error { retry() {} }' }, 'src/keys/a.ts:1 methods of E'],
    ],
    innocent: { 'src/keys/a.ts': `class Gone extends Error { override readonly name = 'Gone'; }` },
  },
  {
    rule: language,
    planted: [
      [{ 'src/keys/a.ts': 'export default 1;' }, 'src/keys/a.ts:1 export default'],
      [{ 'src/keys/a.ts': 'const a = 1;\nexport { a as default };' }, 'src/keys/a.ts:2 export default'],
      [{ 'test/a.test.ts': 'f(x as any);' }, 'test/a.test.ts:1 any'],
      [{ 'src/keys/a.ts': 'f(x!);' }, 'src/keys/a.ts:1 !'],
      [{ 'src/keys/a.ts': 'enum A { b }' }, 'src/keys/a.ts:1 TSEnumDeclaration'],
    ],
    innocent: { 'src/keys/a.ts': `export const any = !f('any!');` },
  },
  {
    rule: state,
    planted: [
      [{ 'src/keys/a.ts': 'let a = 1;' }, 'src/keys/a.ts:1 let at module level'],
      [{ 'src/keys/a.ts': 'export var a = 1;' }, 'src/keys/a.ts:1 var at module level'],
      [{ 'src/keys/a.ts': 'const a = new Map();' }, 'src/keys/a.ts:1 a is an empty container at module level'],
      [{ 'src/keys/a.ts': 'const a: A[] = [];' }, 'src/keys/a.ts:1 a is an empty container at module level'],
      [{ 'src/keys/a.ts': 'const a = new LRUCache(b);' }, 'src/keys/a.ts:1 a is an empty container at module level'],
    ],
    innocent: { 'src/keys/a.ts': `const A = new Set(['b']);\nexport function f() { let n = 0; const m = new Map(); }` },
  },
  {
    rule: fileLength,
    planted: [
      [{ 'src/keys/a.ts': lines(301) }, 'src/keys/a.ts:1 301 lines'],
      [{ 'test/a.test.ts': lines(401) }, 'test/a.test.ts:1 401 lines'],
    ],
    innocent: { 'src/keys/a.ts': lines(300), 'test/a.test.ts': lines(400) },
  },
  {
    rule: functionLength,
    planted: [
      [{ 'src/keys/a.ts': `f();\nfunction a() {\n${lines(59)}}` }, 'src/keys/a.ts:2 61 lines'],
      [{ 'test/support/a.ts': `const a = () => {\n${lines(59)}};` }, 'test/support/a.ts:1 61 lines'],
      [{ 'src/keys/a.ts': `const a = { b() {\n${lines(59)}} };` }, 'src/keys/a.ts:1 61 lines'],
    ],
    innocent: { 'src/keys/a.ts': `function a() {\n${lines(58)}}`, 'test/a.test.ts': `g(() => {\n${lines(99)}});` },
  },
  {
    rule: header,
    planted: [
      [{ 'src/keys/a.ts': 'f();' }, 'src/keys/a.ts:1 header of 0 lines'],
      [{ 'src/keys/a.ts': `${lines(1, '// a')}f();` }, 'src/keys/a.ts:1 header of 1 lines'],
      [{ 'src/keys/a.ts': `${lines(7, '// a')}f();` }, 'src/keys/a.ts:1 header of 7 lines'],
    ],
    innocent: {
      'src/keys/a.ts': `${lines(6, '// a')}f();`,
      'src/main.ts': `#!/usr/bin/env node\n${lines(2, '// a')}f();`,
    },
  },
  {
    rule: folders,
    planted: [
      [{ 'src/core/a.ts': 'f();', 'src/keys/a.ts': 'f();', 'src/keys/b.ts': 'f();' }, 'src/core holds one file'],
    ],
    innocent: { 'src/a/a.ts': 'f();', 'src/a/b.ts': 'f();' },
  },
  {
    rule: barrels,
    planted: [
      [{ 'src/keys/index.ts': `export * from './a.ts';` }, 'src/keys/index.ts:1 owns nothing'],
      [{ 'src/keys/b.ts': `import { a } from './a.ts';\nexport { a };` }, 'src/keys/b.ts:1 owns nothing'],
    ],
    innocent: { 'src/keys/a.ts': `export { b } from './b.ts';\nexport const a = 1;` },
  },
  {
    rule: comments,
    planted: [
      [{ 'src/keys/a.ts': 'f(); // TODO later' }, 'src/keys/a.ts:1 TODO'],
      [{ 'test/a.test.ts': 'f();\n/* FIXME */' }, 'test/a.test.ts:2 FIXME'],
      [{ 'src/keys/a.ts': '// @ts-ignore\nf();' }, 'src/keys/a.ts:1 @ts-ignore'],
    ],
    innocent: { 'src/keys/a.ts': `f('TODO'); // what is left to do: nothing` },
  },
  {
    rule: heldBack,
    planted: [
      [{ 'test/a.test.ts': `// why\nit.only('a', f);` }, 'test/a.test.ts:2 .only'],
      [{ 'test/a.test.ts': `\n\ndescribe.skip('a', f);` }, 'test/a.test.ts:3 .skip'],
      [{ 'test/a.test.ts': `it.concurrent.skipIf(x)('a', f);` }, 'test/a.test.ts:1 .skipIf'],
    ],
    innocent: {
      'test/a.test.ts': `// This kernel has no /dev/full.\nit.skipIf(x)('a', f);\nit.each(y)('b', g);\nlist.skip(1);`,
    },
  },
];

const parseAll = (files: Files) => Object.entries(files).map(([path, text]) => parseSource(path, text));

describe('the architecture', () => {
  it('is read whole: sources, tests, and imports that resolve to files that were read', () => {
    const paths = new Set(project.map((file) => file.path));
    expect([...paths]).toEqual(expect.arrayContaining(['src/core/exchange.ts', 'test/architecture.test.ts']));
    const lost = project.flatMap((file) =>
      file.imports.filter((one) => one.target?.endsWith('.ts') && !paths.has(one.target)).map((one) => one.target),
    );
    expect(lost).toEqual([]);
  });

  describe.each(PROOFS.map((one) => [one.rule.title, one] as const))('%s', (_title, { rule, planted, innocent }) => {
    it('holds in this project', () => {
      expect(rule.check(project)).toEqual([]);
    });

    it('finds each planted violation, and nothing beside it', () => {
      expect(planted.map(([files]) => rule.check(parseAll(files)))).toEqual(planted.map(([, ...says]) => says));
    });

    it('leaves alone what comes close', () => {
      expect(rule.check(parseAll(innocent))).toEqual([]);
    });
  });
});
