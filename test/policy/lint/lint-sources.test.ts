// Every lint about a trust source: an exchequer.yaml that fires it, at the line and column of what it is about, and a twin that does not.
// `¦` stands before that place, and is taken out before the file is read.

import { describe, expect, it } from 'vitest';
import { SOURCE_LINTS } from '../../../src/policy/lint/lint-sources.ts';
import { readSource, SOURCE_LINE } from '../../support/lint-config.ts';

const MARK = '¦';
const github = (more: string) => `kind: github, require: { repository_owner_id: 65 }, ${more}`;
const events = (list: string) => `kind: github, require: { repository_owner_id: 65, ${list} }`;
const oidc = (more: string) =>
  `kind: oidc, subjects: workloads, presenter: self, tokens: [jwt], jwks: { file: ./keys.json }, ${more}`;
const TENANT = '72f988bf-86f1-41af-91ab-2d7cd011db47';
const entra = (tenant: string) => `issuer: "https://login.microsoftonline.com/${tenant}/v2.0"`;
const CLUSTER = 'kind: kubernetes, jwks: { file: ./keys.json }';
const AWS = 'kind: aws, issuer: "https://a1b2c3d4-5678-90ab-cdef-111122223333.tokens.sts.global.api.aws"';

const CASES: readonly (readonly [lint: string, severity: 'error' | 'warning' | 'info', fires: string, twin: string])[] =
  [
    ['outsider-events', 'warning', events('¦event_name: [push, workflow_run]'), events('event_name: [push]')],
    ['caller-chosen-claim', 'error', `${AWS}, ¦require: { request_tags: prod }`, `${AWS}, require: { org_id: o-1 }`],
    [
      'shared-audience',
      'error',
      github('¦audience: sts.amazonaws.com'),
      github('audience: "https://sts.acme.example"'),
    ],
    [
      'shared-audience',
      'error',
      github('¦audience: "https://github.com/acme"'),
      github('audience: "https://github.com/acme/sts"'),
    ],
    ['other-audiences', 'warning', github('¦otherAudiences: allow'), github('tell: operator')],
    [
      'no-max-age',
      'warning',
      `¦kind: entra, ${entra(TENANT)}, audience: a`,
      `kind: entra, ${entra(TENANT)}, audience: a, maxAge: 1h`,
    ],
    [
      'no-max-age',
      'warning',
      '¦kind: hcp-terraform, require: { organization_id: o }',
      'kind: hcp-terraform, require: { organization_id: o }, maxAge: 2h',
    ],
    [
      'template-issuer',
      'error',
      oidc(`¦${entra('common')}, require: { tid: x, idtyp: app }`),
      oidc(`${entra(TENANT)}, require: { tid: x, idtyp: app }`),
    ],
    [
      'app-tokens-unpinned',
      'warning',
      oidc(`${entra(TENANT)}, ¦require: { tid: x }`),
      oidc(`${entra(TENANT)}, require: { tid: x, idtyp: app }`),
    ],
    [
      'issuer-slash',
      'warning',
      'kind: gitlab, ¦issuer: "https://gitlab.example/"',
      'kind: gitlab, issuer: "https://gitlab.example"',
    ],
    [
      'issuer-slash',
      'warning',
      `${CLUSTER}, ¦issuer: "https://lab.example/"`,
      `${CLUSTER}, issuer: "https://lab.example"`,
    ],
    [
      'issuer-slash',
      'warning',
      oidc(`¦issuer: "https://sts.windows.net/${TENANT}"`),
      oidc(`issuer: "https://sts.windows.net/${TENANT}/"`),
    ],
    ['enterprise-by-name', 'info', events('¦enterprise: acme'), events('enterprise: acme, enterprise_id: 7')],
    [
      'single-use-of-lasting-tokens',
      'error',
      `${CLUSTER}, issuer: "https://lab.example", ¦replay: once`,
      oidc('issuer: "https://lab.example", replay: once'),
    ],
    ['looks-like-regex', 'warning', events('¦ref: "refs/heads/.*"'), events('ref: "refs/heads/*"')],
    ['short-ref', 'warning', events('¦ref: main'), events('ref: refs/heads/main')],
    ['not-an-id', 'warning', events('¦repository_id: acme'), events('repository_id: 74')],
    [
      'never-matches',
      'warning',
      `${AWS}, require: { ¦account: 12345678901 }`,
      `${AWS}, require: { account: 123456789012 }`,
    ],
    [
      'never-matches',
      'warning',
      `${AWS}, require: { "https://sts.amazonaws.com/": { ¦aws_account: "12345678901" } }`,
      `${AWS}, require: { "https://sts.amazonaws.com/": { aws_account: "123456789012" } }`,
    ],
    ['replayable-tokens', 'error', github('¦replay: reusable'), github('replay: once-per-target')],
  ];

describe('a lint about a source', () => {
  it.each(CASES)('%s', async (lint, severity, fires, twin) => {
    const column = '  s: { '.length + 1 + fires.indexOf(MARK);
    const read = await readSource(fires.replace(MARK, ''));
    const at = { file: 'exchequer.yaml', line: SOURCE_LINE, column: fires.startsWith(MARK) ? 3 : column, lint };
    const said = (problems: readonly { readonly lint?: string }[]) => problems.filter((one) => one.lint === lint);
    if (severity === 'error') expect(said(read.ok ? [] : read.problems)).toMatchObject([at]);
    else expect(said(read.ok ? read.configuration.warnings : [])).toMatchObject(severity === 'warning' ? [at] : []);

    const accepted = await readSource(`${fires.replace(MARK, '')}, accept: { ${lint}: known }`);
    expect(accepted.ok ? [] : accepted.problems).toEqual([]);
    if (!accepted.ok) return;
    const { findings, warnings } = accepted.configuration;
    expect(findings.filter((one) => one.lint === lint)).toMatchObject([
      { severity, about: 's', accepted: 'known', problem: at },
    ]);
    expect(said(warnings)).toEqual([]);

    const quiet = await readSource(twin);
    expect(quiet.ok ? quiet.configuration.findings.filter((one) => one.lint === lint) : quiet.problems).toEqual([]);
  });

  it('has a case, each of them', () => {
    expect(new Set(CASES.map(([lint]) => lint))).toEqual(new Set(SOURCE_LINTS.map(({ name }) => name)));
  });

  it('is accepted by a name that exists, and fires there', async () => {
    const unknown = await readSource(github('accept: { other-audience: x }'));
    expect(unknown.ok ? [] : unknown.problems).toMatchObject([
      { lint: 'accept-unknown', message: 'other-audience is no lint; did you mean other-audiences?' },
    ]);
    const unused = await readSource(github('accept: { other-audiences: x }'));
    expect(unused.ok && unused.configuration.warnings).toMatchObject([{ lint: 'accept-unused' }]);
  });
});
