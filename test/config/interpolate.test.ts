// References in exchequer.yaml: what they become, what is refused, and that what they stood for is never printed.

import { describe, expect, it } from 'vitest';
import { interpolate } from '../../src/config/interpolate.ts';
import { readYaml } from '../../src/parsing/yaml.ts';
import { BASE, load, problems } from './folder.ts';

function run(text: string, env: Record<string, string> = {}, files: Record<string, string> = {}) {
  const read = readYaml('f.yaml', text);
  if (!read.ok) throw new Error('the test is not YAML');
  const done = interpolate(read.document, env, (path) => {
    const found = files[path];
    if (found === undefined) throw Object.assign(new Error('the content'), { code: 'ENOENT' });
    return found;
  });
  return {
    value: JSON.parse(JSON.stringify(done.value)),
    problems: done.problems.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`),
    files: [...done.files.keys()],
  };
}

describe('interpolate', () => {
  it('replaces references inside scalar values, anywhere in the document', () => {
    const { value, problems } = run(`a: "\${A}"\nb: ["x-\${A}-\${B}", { c: "\${A}" }]`, { A: '1', B: 'two' });
    expect(value).toEqual({ a: '1', b: ['x-1-two', { c: '1' }] });
    expect(problems).toEqual([]);
  });

  it('puts in text and never structure, and looks at it once', () => {
    const env = { A: `{ x: [1] }\n- y: \${B}`, B: 'no' };
    expect(run(`a: \${A}`, env).value).toEqual({ a: env.A });
  });

  it('leaves keys alone', () => {
    expect(run(`"\${A}": 1`, { A: 'x' }).value).toEqual(JSON.parse(`{ "\${A}": 1 }`));
  });

  it('drops one final newline of a file and keeps the rest, and lists the file to be watched', () => {
    const files = { '/run/a': 'x\n', '/run/b': 'y\n\n', '/run/c': ' z\r\n' };
    const { value, files: read } = run(`a: ["\${file:/run/a}", "\${file:/run/b}", "\${file:/run/c}"]`, {}, files);
    expect(value).toEqual({ a: ['x', 'y\n', ' z'] });
    expect(read).toEqual(['/run/a', '/run/b', '/run/c']);
  });

  it('takes $${ as a literal ${', () => {
    expect(run(`a: $\${A} and \${A}`, { A: 'x' }).value).toEqual({ a: `\${A} and x` });
    expect(run('a: $5 {b} $$', {}).value).toEqual({ a: '$5 {b} $$' });
  });

  it('takes an empty variable as empty text', () => {
    expect(run(`a: \${A}`, { A: '' })).toMatchObject({ value: { a: '' }, problems: [] });
  });

  it.each([
    ['an unset variable', `\${NOPE}`, `names \${NOPE}, which is not set`],
    ['a name of a prototype', `\${toString}`, `names \${toString}, which is not set`],
    ['an unreadable file', `\${file:/nope}`, `names \${file:/nope}, which cannot be read (ENOENT)`],
    ['a relative file', `\${file:nope}`, `names \${file:nope}; the path must be absolute`],
    ['no name', `"\${}"`, `has a malformed reference: \${VAR} or \${file:/path}; a literal \${ is written $\${`],
    ['no end', `"\${A"`, `has a malformed reference: \${VAR} or \${file:/path}; a literal \${ is written $\${`],
    ['a default', `"\${A:-x}"`, `has a malformed reference: \${VAR} or \${file:/path}; a literal \${ is written $\${`],
  ])('does not load %s', (_, reference, message) => {
    expect(run(`a:\n  b: ${reference}`, { A: 'x' }).problems).toEqual([`2:3 a.b: ${message}`]);
  });
});

describe('what came from outside', () => {
  const SECRET = 'https://hunter2.example/?token';

  it('is not printed by a message that would quote it', () => {
    const text = BASE.replace('trust:\n', `trust:\n  p: { kind: oidc, issuer: "\${P}", subjects: people }\n`);
    expect(problems(load(text.replace(`\${P}`, SECRET)))).toEqual([
      `exchequer.yaml:8:20 trust.p.issuer: ${SECRET} has a query`,
    ]);
    expect(problems(load(text, { env: { P: SECRET } }))).toEqual([
      `exchequer.yaml:8:20 trust.p.issuer: \${P} has a query`,
    ]);
  });

  it('is not printed where it is of the wrong form, nor guessed at', () => {
    const text = BASE.replace('kind: spiffe', `kind: \${K}`).replace('0.0.0.0:8443', `\${A}`);
    const said = problems(load(text, { env: { K: 'spiffy', A: 'hunter2' } })).join('\n');
    expect(said).toContain('trust.mesh.kind: is not one of its values; allowed: oidc, spiffe');
    expect(said).not.toMatch(/hunter2|spiffy|did you mean/);
  });
});
