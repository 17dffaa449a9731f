// The linter around its rules: what is accepted and how, rows of one table, rules that end soon, rules that another makes needless.

import { describe, expect, it } from 'vitest';
import { compilePolicy } from '../../../src/policy/compile/compile.ts';
import { CLIENTS, documentOf, NOW, SOURCES, TARGETS, target } from '../../support/policy.ts';

const compile = (texts: readonly string[], now = NOW) =>
  compilePolicy({
    documents: texts.map((text, index) => documentOf(text, `p${index}.yaml`)),
    sources: SOURCES,
    targets: [...TARGETS, target('per-repo', { address: 'https://repos.example/<repo>' })],
    clients: CLIENTS,
    now,
  });

/** `line:column lint`, and who accepted it: every finding but infos. */
function said(texts: readonly string[], now = NOW): readonly string[] {
  const compiled = compile(texts, now);
  if (!compiled.ok)
    return compiled.problems.map(({ line, column, lint, message }) => `${line}:${column} ${lint ?? message}`);
  const open = compiled.findings.filter(({ severity }) => severity !== 'info');
  return open.map(
    ({ lint, accepted, problem }) =>
      `${problem.line}:${problem.column} ${lint}${accepted === undefined ? '' : `: ${accepted}`}`,
  );
}

const ALONE = 'subject: { trust: github, github: { repository_id: 74, environment: production } }, allow: [deploy]';
const PULLS = 'subject: { trust: github, github: { repository_id: 74, event_name: pull_request } }, allow: [deploy]';
const MAIN = 'subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }, allow: [deploy]';
const rules = (...members: readonly string[]) =>
  `rules:\n${members.map((one, index) => `  - { name: r${index}, ${one} }\n`).join('')}`;

describe('a finding', () => {
  it('is a problem where it is an error, a warning where it is one, and neither where it is an info', () => {
    expect(compile([rules(PULLS)])).toMatchObject({ ok: false, problems: [{ lint: 'accepts-pull-requests' }] });
    expect(compile([rules(ALONE)])).toMatchObject({ ok: true, warnings: [{ lint: 'environment-alone' }] });
    const quiet = compile([rules(MAIN)]);
    expect(quiet.ok && quiet.warnings).toEqual([]);
    expect(quiet.ok && quiet.findings.map(({ lint }) => lint)).toEqual(['ref-without-environment', 'runner-unpinned']);
  });

  it('that is accepted stops nothing and warns of nothing, and keeps the reason', () => {
    const compiled = compile([rules(`${PULLS}, accept: { accepts-pull-requests: reads a cache }`)]);
    expect(compiled).toMatchObject({ ok: true, warnings: [] });
    expect(compiled.ok && compiled.findings).toContainEqual(
      expect.objectContaining({ lint: 'accepts-pull-requests', about: 'r0', accepted: 'reads a cache' }),
    );
  });

  it('is accepted by nobody but the rule that it is about', () => {
    const accept = 'accept: { environment-alone: reviewed }';
    expect(said([rules(`${ALONE}, ${accept}`, ALONE)])).toEqual([
      expect.stringMatching(/^2:\d+ environment-alone: reviewed$/),
      expect.stringMatching(/^3:\d+ environment-alone$/),
    ]);
  });

  it('is looked for in previews, retiring rules and denies as well', () => {
    for (const mode of ['preview', 'retire'])
      expect(said([rules(`${ALONE}, mode: ${mode}`)])).toEqual([expect.stringContaining('environment-alone')]);
    expect(said([rules('subject: { trust: github, github: { repository: acme/shop } }, deny: all', MAIN)])).toEqual([
      expect.stringContaining('name-without-id'),
    ]);
  });

  it('of many rows is said once, and of many sources', () => {
    const table = 'rows:\n  - { repo: a, id: 1 }\n  - { repo: b, id: 2 }\n';
    const each = `each: { repo: p1.yaml }, ${ALONE.replace('74', '<id>').replace('[deploy]', '[per-repo]')}`;
    const compiled = compile([rules(each), table]);
    expect(compiled.ok && compiled.policy.rules).toHaveLength(2);
    expect(said([rules(each), table])).toEqual([expect.stringMatching(/^2:\d+ environment-alone$/)]);
    expect(compiled.ok && compiled.findings.map(({ about }) => about)).toEqual(['r0', 'r0']);
    expect(said([rules('anyone: { kubernetes: { pod: x } }, deny: all', MAIN)])).toEqual([
      expect.stringContaining('name-without-id'),
    ]);
  });

  it('about a value that a row brings stands at the row, once for each', () => {
    const table = 'rows:\n  - { repo: a, id: 1O05 }\n  - { repo: b, id: 2 }\n  - { repo: c, id: abc }\n';
    const each = `each: { repo: p1.yaml }, ${MAIN.replace('74', '<id>').replace('[deploy]', '[per-repo]')}`;
    const compiled = compile([rules(each), table]);
    expect(compiled.ok && compiled.warnings.map(({ file, path, message }) => `${file} ${path} ${message}`)).toEqual([
      expect.stringMatching(/^p1\.yaml rows\[0\]\.id "1O05" is no number, /),
      expect.stringMatching(/^p1\.yaml rows\[2\]\.id "abc" is no number, /),
    ]);
    expect(said([rules(`${each}, accept: { not-an-id: known }`), table])).toEqual([
      '2:16 not-an-id: known',
      '4:16 not-an-id: known',
    ]);
  });

  it('does not depend on the order of files', () => {
    const files = [rules(ALONE), rules(ALONE).replace('r0', 's0'), rules(MAIN).replace('r0', 't0')];
    const sorted = (texts: readonly string[]) => {
      const compiled = compile(texts);
      return compiled.ok ? compiled.findings.map(({ lint, about }) => `${about} ${lint}`).sort() : [];
    };
    expect(sorted(files.toReversed())).toEqual(sorted(files));
    expect(sorted(files)).toHaveLength(6);
  });
});

describe('accept', () => {
  it('of a name that is no lint is an error at its place, and cannot be accepted itself', () => {
    const text = rules(`${MAIN}, accept: { enviroment-alone: x, accept-unknown: y }`);
    const column = (text.split('\n')[1] ?? '').indexOf('enviroment-alone: x') + 1;
    expect(said([text])).toEqual([`2:${column} accept-unknown`, expect.stringContaining('accept-unknown')]);
    const compiled = compile([text]);
    expect(compiled.ok ? '' : compiled.problems[0]?.message).toBe(
      'enviroment-alone is no lint; did you mean environment-alone?',
    );
  });

  it('that nothing answers is a warning at its place', () => {
    expect(said([rules(`${MAIN}, accept: { environment-alone: x }`)])).toEqual([
      expect.stringMatching(/^2:\d+ accept-unused$/),
    ]);
    expect(said([rules(`${ALONE}, accept: { environment-alone: x }`)])).toEqual([
      expect.stringMatching(/environment-alone: x$/),
    ]);
  });

  it('from the defaults of a file counts for all its rules, and is not unused', () => {
    const text = `defaults: { accept: { environment-alone: reviewed } }\n${rules(ALONE, MAIN)}`;
    expect(said([text])).toEqual([expect.stringMatching(/^3:\d+ environment-alone: reviewed$/)]);
    expect(said([text.replace('environment-alone', 'environmental')])).toEqual(['1:23 accept-unknown']);
  });

  it('of a rule replaces that of the defaults', () => {
    const text = `defaults: { accept: { environment-alone: reviewed } }\n${rules(`${ALONE}, accept: {}`)}`;
    expect(said([text])).toEqual([expect.stringMatching(/environment-alone$/)]);
  });
});

describe('two rows that pin the same id', () => {
  const NAMED = MAIN.replace('repository_id: 74', 'repository: acme/<repo>, repository_id: <id>');
  const each = `each: { repo: p1.yaml }, ${NAMED.replace('[deploy]', '[per-repo]')}`;
  const rows = (...written: readonly string[]) => `rows:\n${written.map((row) => `  - { ${row} }\n`).join('')}`;

  it('are a warning at the later row, which names the earlier one', () => {
    const table = rows('repo: shop, id: 1004', 'repo: pay, id: 1005', 'repo: books, id: 1004');
    expect(said([rules(each), table])).toEqual(['4:20 same-row-id']);
    const compiled = compile([rules(each), table]);
    expect(compiled.ok && compiled.warnings).toMatchObject([
      { file: 'p1.yaml', message: expect.stringMatching(/^pins the same ids as the row at line 2; /) },
    ]);
    expect(said([rules(`${each}, accept: { same-row-id: moved }`), table])).toEqual(['4:20 same-row-id: moved']);
  });

  it.each([
    ['ids that differ', each, rows('repo: shop, id: 1004', 'repo: pay, id: 1005')],
    [
      'an owner that they share',
      each.replace('repository_id:', 'repository_owner_id: <owner>, repository_id:'),
      rows('repo: shop, id: 1004, owner: 65', 'repo: pay, id: 1005, owner: 65'),
    ],
    [
      'another context for each',
      each.replace('refs/heads/main', 'refs/heads/<branch>'),
      rows('repo: shop, id: 1004, branch: main', 'repo: books, id: 1004, branch: release'),
    ],
  ])('are not those with %s', (_, rule, table) => {
    expect(said([rules(rule), table])).toEqual([]);
  });

  it('are not the combinations of one row with those of a table that pins nothing', () => {
    const both = each.replace('p1.yaml }', 'p1.yaml, stage: p2.yaml }').replace('ref:', 'workflow: <stage>, ref:');
    const stages = rows('stage: test', 'stage: live');
    expect(said([rules(both), rows('repo: shop, id: 1004', 'repo: pay, id: 1005'), stages])).toEqual([]);
    const twice = rows('repo: shop, id: 1004', 'repo: books, id: 1004');
    expect(said([rules(both), twice, stages])).toEqual(['3:20 same-row-id']);
  });
});

describe('a rule that ends', () => {
  // 2026-09-21; the rule counts until the end of its last day.
  it.each([
    ['2026-10-04', true],
    ['2026-10-05', false],
    ['2026-09-01', true],
  ])('on %s: warned of %s', (day, warned) => {
    expect(said([rules(`${MAIN}, until: ${day}`)])).toEqual(warned ? [expect.stringMatching(/^2:\d+ ends-soon$/)] : []);
  });
});

describe('a rule beside a wider one', () => {
  const tight = MAIN.replace('ref:', 'environment: production, ref:');
  it.each([
    ['without its environment', tight, MAIN, true],
    ['without its ref', tight, `${ALONE}, accept: { environment-alone: x }`, true],
    ['for its repository among others', tight, MAIN.replace('74', '[73, 74]'), true],
    ['for all branches', tight, MAIN.replace('refs/heads/main', '"refs/heads/*"'), true],
    ['of another branch', tight, MAIN.replace('main', 'dev'), false],
    ['of another repository', tight, MAIN.replace('74', '75'), false],
    ['for another target', tight, MAIN.replace('[deploy]', '{ ledger: all }'), false],
    ['in preview', tight, `${MAIN}, mode: preview`, false],
    ['that is being retired', tight, `${MAIN}, mode: retire`, false],
    ['that ends before it', tight, `${MAIN}, until: 2027-01-01`, false],
    ['for a client only', tight, `${MAIN}, client: gateway`, false],
    [
      'with fewer scopes',
      tight.replace('[deploy]', '{ ledger: all }'),
      MAIN.replace('[deploy]', '{ ledger: [read] }'),
      false,
    ],
    [
      'with its scopes',
      tight.replace('[deploy]', '{ ledger: [read] }'),
      MAIN.replace('[deploy]', '{ ledger: [read, write] }'),
      true,
    ],
    ['that is as narrow', tight, tight, false],
  ])('%s', (_title, narrow, wide, fires) => {
    const texts = [rules(narrow, wide)];
    const found = said(texts).filter((line) => line.includes('wider-rule'));
    expect(found).toEqual(fires ? ['2:5 wider-rule'] : []);
    const compiled = compile(texts);
    expect(compiled.ok).toBe(true);
    if (fires && compiled.ok)
      expect(compiled.warnings.find(({ lint }) => lint === 'wider-rule')?.message).toMatch(/^r1 grants all of this/);
  });
});
