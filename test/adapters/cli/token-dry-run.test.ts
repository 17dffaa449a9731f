// `exchequer token --dry-run` against a broker that is scripted answer by answer. Whole brokers are in test/e2e/token.test.ts.

import { describe, expect, it } from 'vitest';
import type { OutboundAnswer } from '../../../src/core/outside.ts';
import {
  GITHUB,
  ISSUER,
  JWT,
  json,
  METADATA_URL,
  refusal,
  runToken as run,
  TOKEN,
  type TokenWorld,
} from '../../support/scripted-token.ts';

describe('the broker', () => {
  const here = { EXCHEQUER_ID_TOKEN: JWT, GITLAB_CI: 'true' };
  const ask = (answers: TokenWorld['answers'] = {}, line: readonly string[] = []) =>
    run(['ledger', ...line], { env: here, answers });
  const WOULD = { decision: 'ID', granted: true, target: 'ledger', expires_in: 300, scope: 'read write' };

  it('that is only asked gets the form of /token at /decide, and nothing else', async () => {
    const answers = { [`${ISSUER}/decide`]: json(WOULD) };
    const said = await ask(answers, ['--dry-run', '--scope', 'read write']);
    expect(said).toMatchObject({ out: ['would grant ledger with read write for 300 s'], err: [], exits: [0] });
    expect(said.sent.map(({ url }) => url)).toEqual([METADATA_URL, `${ISSUER}/decide`]);
    expect(said.forms).toEqual((await ask({}, ['--scope', 'read write'])).forms);
    const whole = await ask({ [`${ISSUER}/decide`]: json({ ...WOULD, scope: '\u009b2J' }) }, ['--dry-run', '--json']);
    expect(whole.out.join()).toContain('"scope":"\\u009b2J"');
  });

  it('that is only asked with a token made for it: it is said that this one stays good', async () => {
    const answers = { 'https://github.example/': json({ value: JWT }), [`${ISSUER}/decide`]: json(WOULD) };
    const said = await run(['ledger', '--dry-run'], { env: GITHUB, answers });
    expect(said.err).toEqual([
      'nothing was issued, and the credential made for this is not spent: it stays good until it expires',
    ]);
  });

  it('that refuses a dry run is repeated as ever (exit 1); one without dry runs, or that is busy, said nothing (exit 3)', async () => {
    const at = (answer: OutboundAnswer) => ask({ [`${ISSUER}/decide`]: answer }, ['--dry-run']);
    const refused = refusal(400, { error: 'invalid_target', error_description: 'no rule.' });
    expect(await at(refused)).toMatchObject({ exits: [1], out: [], err: ['invalid_target: no rule.'] });
    const old = refusal(404, { error: 'invalid_request', error_description: 'there is nothing here' });
    expect(await at(old)).toMatchObject({ exits: [3], err: [`${ISSUER}/decide: this broker answers no dry run`] });
    for (const answer of [
      refusal(503, { error: 'temporarily_unavailable' }, 60),
      json({}),
      json({ granted: true }),
      TOKEN,
    ])
      expect(await at(answer)).toMatchObject({ exits: [3], out: [] });
  });
});
