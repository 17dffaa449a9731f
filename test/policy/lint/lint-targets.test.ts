// Every lint about a target of a cloud: an exchequer.yaml that fires it, at the line and column of what it is about, one that accepts it,
// and a twin that does not fire it.

import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { offlineReach, readConfiguration } from '../../../src/compose-configuration.ts';
import { TARGET_LINTS } from '../../../src/policy/lint/lint-targets.ts';
import { placeExample } from '../../support/examples.ts';
import { HEAD, LINT_WORLD, RULE } from '../../support/lint-config.ts';

const ROLE = 'kind: aws, role: "arn:aws:iam::111122223333:role/deploy", region: eu-west-1';
const LINE = HEAD.split('\n').findIndex((line) => line.startsWith('targets:')) + 1;

const PLAIN = 'https://sts.example';

/** Reads a configuration whose one target is this. */
async function readTarget(options: string, issuer: string = PLAIN) {
  const text = HEAD.replace('{ kind: token, audience: "https://deploy.example" }', `{ ${options} }`);
  const file = await placeExample(text.replace('issuer: https://sts.example', `issuer: ${issuer}`), [RULE]);
  try {
    return await readConfiguration(LINT_WORLD, file, offlineReach(LINT_WORLD));
  } finally {
    rmSync(dirname(file), { recursive: true });
  }
}

const COLUMN = 'targets: { deploy: { '.length + 1;

type Case = readonly [lint: string, severity: 'error' | 'warning', fires: string, twin: string, issuer: string];
const CASES: readonly Case[] = [
  [
    'shared-audience',
    'error',
    `¦audience: sts.amazonaws.com, ${ROLE}`,
    `audience: sts.amazonaws.com.example, ${ROLE}`,
    PLAIN,
  ],
  [
    'shared-audience',
    'error',
    `¦audience: "api://AzureADTokenExchange", ${ROLE}`,
    `audience: "api://AzureADTokenExchange-deploy", ${ROLE}`,
    PLAIN,
  ],
  ['shared-audience', 'error', `¦audience: "api://AzureADTokenExchangeUSGov", ${ROLE}`, ROLE, PLAIN],
  [
    'shared-audience',
    'error',
    `¦audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q", ${ROLE}`,
    `audience: "https://iam.example/projects/1", ${ROLE}`,
    PLAIN,
  ],
  [
    'shared-audience',
    'error',
    `¦audience: "https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q", ${ROLE}`,
    ROLE,
    PLAIN,
  ],
  ['issuer-port', 'warning', `¦${ROLE}`, 'kind: token, audience: "https://deploy.example"', 'https://sts.example:8443'],
];

describe('a lint about a target', () => {
  it.each(CASES)('CA-01 CA-03 %s', async (lint, severity, fires, twin, issuer) => {
    const read = await readTarget(fires.replace('¦', ''), issuer);
    const column = lint === 'shared-audience' ? COLUMN : COLUMN - 'deploy: { '.length;
    const at = { file: 'exchequer.yaml', line: LINE, column, lint };
    if (severity === 'error') expect(read.ok ? [] : read.problems).toMatchObject([at]);
    else expect(read.ok ? read.configuration.warnings : []).toMatchObject([at]);

    const accepted = await readTarget(`${fires.replace('¦', '')}, accept: { ${lint}: known }`, issuer);
    expect(accepted.ok ? accepted.configuration.warnings : accepted.problems).toEqual([]);
    expect(accepted.ok ? accepted.configuration.findings : []).toMatchObject([
      { lint, severity, about: 'deploy', accepted: 'known', problem: at },
    ]);

    const quiet = await readTarget(twin, issuer);
    expect(quiet.ok ? quiet.configuration.findings : quiet.problems).toEqual([]);
  });

  it('has a case, each of them', () => {
    expect(new Set(CASES.map(([lint]) => lint))).toEqual(new Set(TARGET_LINTS.map(({ name }) => name)));
  });

  it('is accepted by a name that exists, and fires there', async () => {
    const unknown = await readTarget(`${ROLE}, accept: { shared-audiences: x }`);
    expect(unknown.ok ? [] : unknown.problems).toMatchObject([
      { lint: 'accept-unknown', message: 'shared-audiences is no lint; did you mean shared-audience?' },
    ]);
    const unused = await readTarget(`${ROLE}, accept: { shared-audience: x }`);
    expect(unused.ok && unused.configuration.warnings).toMatchObject([{ lint: 'accept-unused' }]);
  });
});
